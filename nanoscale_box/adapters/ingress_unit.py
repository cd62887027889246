"""The ingress as a unit of its own, started and ended by systemd and not by the box."""

from __future__ import annotations

from nanoscale_box.adapters import systemd, systemd_units
from nanoscale_box.adapters.folders import Folders, private_folder
from nanoscale_box.adapters.processes import ProcessId, identify


class IngressUnit:
    """Asks systemd for it."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    async def process(self) -> ProcessId | None:
        """Its Caddy, if it runs."""
        state = await systemd.state(systemd_units.INGRESS_UNIT)
        return identify(state.main_pid) if state.active == "active" and state.main_pid else None

    async def start(self) -> ProcessId | None:
        """Start it anew; back when it is up. It is shown the folders that are there then."""
        for folder in (self._folders.routes, self._folders.releases):
            private_folder(folder)
        await systemd.tell(systemd_units.start_ingress())
        return await self.process()

    async def stop(self) -> None:
        """End it; requests under way have the time that its unit gives them."""
        await systemd.tell(systemd_units.stop_ingress())

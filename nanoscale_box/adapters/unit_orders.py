"""Gives units of systemd their orders, and sees them to their end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import msgspec

from nanoscale_box.adapters import systemd, systemd_units
from nanoscale_box.adapters.folders import Folders, private_folder
from nanoscale_box.adapters.systemd_units import UnitState
from nanoscale_box.core.errors import Unavailable

SEEN_RUNTIME: Final = "/run/nanoscale-box"
SEEN_HOME: Final = Path("/var/lib/nanoscale-box")
"""What the templates call the box's folders; in a unit they hold its own things and nothing else."""
_SOCKET: Final = "out.sock"
_LOOK: Final = 0.02
_SLOWEST_LOOK: Final = 0.25

Listen = Callable[[socket.socket], Awaitable[None]]
"""Takes what a unit prints, until it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a unit is to become, as `unit_launch` reads it."""

    argv: Sequence[str]
    env: Mapping[str, str]
    folder: str
    folders: Sequence[str] = ()
    """Made first, if missing."""
    empty: Sequence[str] = ()
    """Emptied before that."""
    bring: bool = False
    """Fill the work folder, which is among the emptied ones, from the checkout."""
    socket: str | None = None
    """Where it prints to; None: the journal."""
    errors: bool = True
    """Whether its errors go there, too."""


class Orders:
    """An order lies in a folder of the box's that the unit alone is shown, and is gone when it was read."""

    def __init__(self, folders: Folders, runtime: Path) -> None:
        self._folders = folders
        self._runtime = runtime

    def lay(self, unit: str, order: Order, target: Path) -> None:
        """Prepare a unit: its order, and the folder that it is shown."""
        name = systemd_units.folder_name(unit)
        link = private_folder(self._folders.units) / name
        fresh = link.with_name(f".{name}.new")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(target)
        fresh.rename(link)
        folder = self._folder(unit)
        private_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)  # only the unit is shown it: its parents are the box's alone
        text = msgspec.json.encode(asdict(order))
        descriptor = os.open(
            folder / "order.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        )
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o644)
            file.write(text)

    def burn(self, unit: str) -> None:
        """Remove an order, which holds secrets, once it was read."""
        folder = self._folder(unit)
        for name in ("order.json", _SOCKET):
            (folder / name).unlink(missing_ok=True)

    def clear(self, unit: str) -> None:
        """Leave nothing of what `lay` prepared."""
        self.burn(unit)
        if self._folder(unit).is_dir():
            self._folder(unit).rmdir()
        (self._folders.units / systemd_units.folder_name(unit)).unlink(missing_ok=True)

    async def run(self, unit: str, order: Order, target: Path, listen: Listen, seconds: float | None = None) -> int:
        """Have a unit carry out an order to its end; its exit status, 128 + N for signal N. However this ends
        (`TimeoutError` after `seconds`, cancellation), nothing of the unit runs afterwards."""
        await end(unit, patience=0)  # what a box that was killed has begun
        self.lay(unit, Order(**{**asdict(order), "socket": f"{SEEN_RUNTIME}/{_SOCKET}"}), target)
        door = self._door(unit)
        try:
            async with asyncio.timeout(seconds):
                await systemd.tell(systemd_units.start(unit))
                box = await self._called(door, unit)
                self.burn(unit)
                if box is not None:
                    with box:
                        await listen(box)
                state = await over(unit)
        finally:
            door.close()
            await asyncio.shield(self._end(unit))
        return 128 - state.status if state.status < 0 else state.status

    async def _called(self, door: socket.socket, unit: str) -> socket.socket | None:
        """The unit's own connection; None when it ended without a call."""
        loop = asyncio.get_running_loop()
        calling = asyncio.ensure_future(loop.sock_accept(door))
        try:
            while not (await asyncio.wait((calling,), timeout=_SLOWEST_LOOK))[0]:
                if (await systemd.state(unit)).is_over and not calling.done():
                    return None
        finally:
            calling.cancel()
        box, _ = calling.result()
        return box

    def _door(self, unit: str) -> socket.socket:
        path = self._folder(unit) / _SOCKET
        path.unlink(missing_ok=True)
        door = socket.socket(socket.AF_UNIX)
        door.setblocking(False)
        door.bind(str(path))
        path.chmod(0o666)
        door.listen(1)
        return door

    async def _end(self, unit: str) -> None:
        await end(unit, patience=0)
        self.clear(unit)

    def _folder(self, unit: str) -> Path:
        return self._runtime / "orders" / systemd_units.folder_name(unit)


async def over(unit: str) -> UnitState:
    """The state of a unit once nothing of it runs."""
    pause = _LOOK
    while not (state := await systemd.state(unit)).is_over:
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _SLOWEST_LOOK)
    return state


async def end(unit: str, *, patience: float) -> None:
    """SIGTERM, then SIGKILL to what is left after `patience` seconds; back when nothing of the unit runs."""
    if not (await systemd.state(unit)).is_over:
        try:
            async with asyncio.timeout(patience):
                await systemd.tell(systemd_units.send(unit, signal.SIGTERM))
                await over(unit)
        except TimeoutError:
            await _kill(unit)
            await over(unit)
    if (await systemd.state(unit)).active == "failed":
        await systemd.tell(systemd_units.forget_failure(unit))


async def _kill(unit: str) -> None:
    """SIGKILL; a unit that just ended by itself is fine, too."""
    try:
        await systemd.tell(systemd_units.send(unit, signal.SIGKILL))
    except Unavailable:
        if not (await systemd.state(unit)).is_over:
            raise

"""Runs releases as units of systemd, which outlive the box and are found again by their names."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from nanoscale_box.adapters import environment, gate, systemd, systemd_units, usage
from nanoscale_box.adapters.errands import Errands
from nanoscale_box.adapters.folders import Folders, open_log
from nanoscale_box.adapters.free_ports import APP_PORTS, free_port
from nanoscale_box.adapters.instances import STATIC, Record, Records, port_of, site_of
from nanoscale_box.adapters.processes import Listener, Watch, holder, identify, listeners_of_user
from nanoscale_box.adapters.unit_logs import UnitLogs
from nanoscale_box.adapters.unit_orders import Order, Orders, end, over
from nanoscale_box.adapters.wards import Wards
from nanoscale_box.adapters.workplace_units import UnitWorkplace
from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.model import UNLIMITED, Address, EnvVar, Instance, Limits, Release
from nanoscale_box.core.plan import Command, Health, Plan
from nanoscale_box.engine.ports import Errand, Isolation, Progress, Spent

_SETTLE_SECONDS: Final = 5.0
"""How long systemd may take to notice that a main process ended, and to end what it left behind."""


@dataclass(slots=True, kw_only=True)
class _Running:
    """A unit we look after."""

    record: Record
    unit: str
    watch: Watch = field(default_factory=lambda: Watch(None))
    uid: int | None = None
    group: str = ""
    """Its control group's place in the hierarchy; empty while it has none."""
    clean: Callable[[str], str]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    status: int | None = None
    is_live: bool = False
    """It passed its gate, here or before we came; only then its end is news."""
    is_stopping: bool = False


class SystemdRunner:
    """Runs releases. A record with the unit's name is written before the unit begins; whether it runs is asked of
    systemd, so no moment exists in which it could be lost."""

    def __init__(
        self,
        folders: Folders,
        *,
        workplace: UnitWorkplace,
        orders: Orders,
        logs: UnitLogs,
        search_path: str,
        ports: range = APP_PORTS,
        patience_seconds: float = 30.0,
        gaps: tuple[str, ...] = (),
    ) -> None:
        self.isolation: Final = Isolation(by="systemd", gaps=gaps)
        self._folders = folders
        self._records = Records(folders)
        self._workplace = workplace
        self._errands = Errands(folders=folders, workplace=workplace, search_path=search_path)
        self._orders = orders
        self._logs = logs
        self._search_path = search_path
        self._ports = ports
        self._wards: Wards[_Running] = Wards(
            self._records, found=self._found, clear=self._clear, patience=patience_seconds, left_behind=0
        )

    async def start(
        self,
        release: Release,
        plan: Plan,
        root_directory: str | None,
        env: Sequence[EnvVar],
        limits: Limits = UNLIMITED,
    ) -> Instance:
        """Start the release on a port of its own; a running one is given back as it is."""
        async with self._wards.lock(release):
            there = await self._found(release)
            if there is not None:
                return there
            self._wards.begin(release)
            if plan.start is None:
                site = self._folders.release(release) / (root_directory or "") / (plan.output_directory or "")
                return self._records.keep_static(release, site).instance
            return await self._start_unit(release, plan, plan.start, root_directory, env, limits)

    async def run_once(
        self,
        release: Release,
        errand: Errand,
        env: Sequence[EnvVar],
        progress: Progress,
        limits: Limits = UNLIMITED,
    ) -> None:
        """Run a command to its end as the app would run, without a port; `DeployFailed` when it fails."""
        await self._errands.run(release, errand, env, progress, limits)

    async def gate(self, instance: Instance, health: Health) -> None:
        """Return when the instance answers its health path; `DeployFailed` when it exits, stays silent or answers
        wrongly."""
        if instance.address.startswith(STATIC):
            gate.check_static(site_of(instance.address))
            return
        running = self._wards.at_the_gate(instance.release)
        port = port_of(instance.address)
        candidate = gate.Candidate(
            port=port, ended=running.ended, log=self._folders.run_log(instance.release), clean=running.clean,
            status=lambda: running.status, elsewhere=lambda: self._listening(running),
            stranger=lambda: _stranger(running, port),
        )  # fmt: skip
        try:
            await gate.wait_until_healthy(candidate, health)
        finally:
            self._orders.burn(running.unit)
        running.is_live = True

    async def find(self, release: Release) -> Instance | None:
        """The running instance of a release, also one started before this process was."""
        return await self._wards.find(release)

    async def stop(self, release: Release) -> None:
        """SIGTERM, patience (30 s, or what its project says), SIGKILL, children included; nothing happens when it does
        not run."""
        await self._wards.stop(release)

    async def running(self) -> list[Release]:
        """Every release that runs, known to the store or not."""
        return await self._wards.all()

    async def watch(self, died: Callable[[Release], Awaitable[None]]) -> None:
        """Call `died` for each running release that ends by itself, from now on. Units that nobody knows are ended."""
        await self._wards.watch(died)
        known = {record.unit for record in self._records.all()}
        for unit in systemd_units.units_in(await systemd.tell(systemd_units.listed())):
            if unit not in known and unit not in self._workplace.busy:
                await end(unit, patience=0)
                self._orders.clear(unit)

    async def spent(self) -> dict[Release, Spent]:
        """What each release that is looked after has taken so far; in a thread, and only while one is."""
        groups = {release: running.group for release, running in self._wards.here.items() if running.group}
        return await asyncio.to_thread(usage.of_groups, groups) if groups else {}

    async def close(self) -> None:
        """Look after nothing any more; what runs goes on."""
        await self._wards.close()

    async def _start_unit(
        self,
        release: Release,
        plan: Plan,
        run: Command,
        root_directory: str | None,
        env: Sequence[EnvVar],
        limits: Limits,
    ) -> Instance:
        seen = self._workplace.sight(release)
        async with self._workplace.room(release.project_id, self._units_given) as unit:
            port = free_port(release.deployment_id, self._ports_given(), self._ports)
            record = Record(
                project_id=release.project_id,
                deployment_id=release.deployment_id,
                address=Address(f"127.0.0.1:{port}"),
                unit=unit,
                stop_seconds=limits.stop_seconds,
            )
            self._records.keep(record)
        work = seen.release / (root_directory or "")
        environ = environment.of_app(plan, env, work=work, data=seen.data, port=port, search_path=self._search_path)
        try:
            os.close(open_log(self._folders.run_log(release)))
            order = Order(argv=run.filled(environ), env=environ, folder=str(work))
            self._orders.lay(unit, order, self._folders.release(release))
            await systemd.tell(systemd_units.limit(unit, limits, memory_mb=limits.memory_mb))
            await self._begin(unit)
        except (BoxError, OSError):
            self._records.drop(release)
            self._orders.clear(unit)
            raise
        await self._look_after(record, unit, env=env)
        return record.instance

    async def _begin(self, unit: str) -> None:
        """Start the unit. An app that has ended before systemd called it started is no refusal of systemd's: the gate
        says what became of it."""
        try:
            await systemd.tell(systemd_units.start(unit))
        except BoxError:
            if not (await systemd.state(unit)).has_ended_by_itself:
                raise

    def _units_given(self) -> set[str]:
        return {record.unit for record in self._records.all() if record.unit is not None}

    def _ports_given(self) -> set[int]:
        """The ports of all records: an app may not have come to listen yet."""
        return {record.port for record in self._records.all() if record.unit is not None}

    def _listening(self, running: _Running) -> Sequence[Listener]:
        """Where the project's user listens, but for what is known of its other releases."""
        known = self._ports_given()
        return [one for one in listeners_of_user(running.uid) if one.port not in known] if running.uid else []

    async def _found(self, release: Release) -> Instance | None:
        """What `find` gives; a unit of an earlier box is adopted, the remains of one that ended are cleared away."""
        running = self._wards.here.get(release)
        if running is not None:
            if not (await systemd.state(running.unit)).is_over:
                return running.record.instance
            await self._clear(running, 0)
            return None
        record = self._records.of(release)
        if record is None:
            return None
        if record.unit is None:
            return record.instance if record.site.is_dir() else None
        state = await systemd.state(record.unit)
        if state.active == "active":
            (await self._look_after(record, record.unit)).is_live = True
            return record.instance
        await end(record.unit, patience=0)
        await self._logs.caught_up()
        self._orders.clear(record.unit)
        self._records.drop(release)
        return None

    async def _look_after(self, record: Record, unit: str, *, env: Sequence[EnvVar] = ()) -> _Running:
        running = _Running(record=record, unit=unit, clean=gate.cleaner(env))
        self._wards.here[record.release] = running
        state = await systemd.state(unit)
        running.uid, running.group = state.uid, state.group
        process = identify(state.main_pid) if state.main_pid else None
        running.watch = Watch(process)
        if not running.watch.begin(partial(self._wards.has_ended, running)):
            self._wards.has_ended(running)
        return running

    async def _clear(self, running: _Running, patience: float) -> None:
        """End what is left of a unit, then forget it."""
        if not running.is_stopping:
            running.status = await self._ended_status(running.unit)
        await end(running.unit, patience=patience)
        await self._logs.caught_up()  # as long as the unit's link says whose words they are
        self._orders.clear(running.unit)
        self._wards.lay_to_rest(running)
        running.ended.set()

    async def _ended_status(self, unit: str) -> int | None:
        """How the main process of a unit ended; None when that cannot be told in time."""
        try:
            async with asyncio.timeout(_SETTLE_SECONDS):
                state = await over(unit)
        except TimeoutError:
            return None
        return state.status


def _stranger(running: _Running, port: int) -> str | None:
    """Who it is that answers on the port, where that is another user than the project's."""
    uid = running.uid
    if uid is None or port in {one.port for one in listeners_of_user(uid)}:
        return None
    return holder(port) or "a process of another user"

"""Runs releases as child processes in sessions of their own, which outlive the box and are found again by it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from subprocess import Popen
from typing import Final

from nanoscale_box.adapters import environment, gate, shell, usage
from nanoscale_box.adapters.errands import Errands
from nanoscale_box.adapters.folders import Folders, open_log, private_folder
from nanoscale_box.adapters.free_ports import APP_PORTS, free_port
from nanoscale_box.adapters.instances import STATIC, Record, Records, port_of, site_of
from nanoscale_box.adapters.isolation import Isolate, not_isolated, reach_of_app
from nanoscale_box.adapters.processes import (
    Listener,
    ProcessId,
    Watch,
    end_family,
    family,
    holder,
    identify_child,
    is_alive,
    listeners,
)
from nanoscale_box.adapters.wards import Wards
from nanoscale_box.adapters.workplace import LocalWorkplace
from nanoscale_box.core.errors import DeployFailed
from nanoscale_box.core.model import UNLIMITED, Address, EnvVar, Instance, Limits, Release
from nanoscale_box.core.plan import Command, Health, Plan
from nanoscale_box.engine.ports import Errand, Isolation, Progress, Spent

_LEFT_BEHIND_SECONDS: Final = 2.0
NO_ISOLATION: Final = Isolation(by=None, why_not="nobody asked for it")
_LIMITS: Final = {"RLIMIT_CORE": 0}
"""An app that crashes must not leave its memory, with the owner's secrets, in a file."""


@dataclass(slots=True, kw_only=True)
class _Running:
    """A process we look after."""

    record: Record
    leader: ProcessId
    watch: Watch
    child: Popen[bytes] | None = None
    clean: Callable[[str], str]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    is_live: bool = False
    """It passed its gate, here or before we came; only then its end is news."""
    is_stopping: bool = False
    is_apart: bool = False
    """It runs in a sandbox, whose exit status tells of signals as shells do: 128 and the number."""


class ProcessRunner:
    """Runs releases. A record is written in the name of the process before the app begins, so no moment exists in which
    it could be lost."""

    def __init__(
        self,
        folders: Folders,
        *,
        search_path: str,
        ports: range = APP_PORTS,
        patience_seconds: float = 30.0,
        isolate: Isolate = not_isolated,
        isolation: Isolation = NO_ISOLATION,
    ) -> None:
        self._folders = folders
        self.isolation: Final = isolation
        self._records = Records(folders)
        self._search_path = search_path
        self._ports = ports
        self._isolate = isolate
        self._errands = Errands(folders=folders, workplace=LocalWorkplace(folders, isolate), search_path=search_path)
        self._wards: Wards[_Running] = Wards(
            self._records, found=self._found, clear=self._clear, patience=patience_seconds,
            left_behind=_LEFT_BEHIND_SECONDS,
        )  # fmt: skip

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
            work = self._folders.release(release) / (root_directory or "")
            private_folder(self._folders.data(release.project_id))
            if plan.start is None:
                return self._records.keep_static(release, work / (plan.output_directory or "")).instance
            return self._start_process(release, plan, plan.start, work, env, limits)

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
            port=port, elsewhere=lambda: _listening(running), stranger=lambda: _stranger(running, port),
            ended=running.ended, log=self._folders.run_log(instance.release), clean=running.clean,
            status=lambda: _exit_status(running),
        )  # fmt: skip
        await gate.wait_until_healthy(candidate, health)
        running.is_live = True

    async def find(self, release: Release) -> Instance | None:
        """The running instance of a release, also one started before this process was."""
        return await self._wards.find(release)

    async def stop(self, release: Release) -> None:
        """SIGTERM, patience (30 s, or what its project says), SIGKILL, children included; nothing happens when it does
        not run. Who wants requests to end first waits for `Ingress.drain`: many apps end at a SIGTERM without a look at
        what they do."""
        await self._wards.stop(release)

    async def running(self) -> list[Release]:
        """Every release that runs, known to the store or not."""
        return await self._wards.all()

    async def watch(self, died: Callable[[Release], Awaitable[None]]) -> None:
        """Call `died` for each running release that ends by itself, from now on."""
        await self._wards.watch(died)

    async def spent(self) -> dict[Release, Spent]:
        """What each release that is looked after has taken so far; in a thread, and only while one is."""
        leaders = {release: running.leader for release, running in self._wards.here.items()}
        return await asyncio.to_thread(usage.of_trees, leaders) if leaders else {}

    async def close(self) -> None:
        """Look after nothing any more; what runs goes on."""
        left = list(self._wards.here.values())
        await self._wards.close()
        for running in left:
            _part_with(running)

    def _start_process(
        self, release: Release, plan: Plan, run: Command, work: Path, env: Sequence[EnvVar], limits: Limits
    ) -> Instance:
        data = self._folders.data(release.project_id)
        port = free_port(release.deployment_id, self._ports_given(), self._ports)
        record = Record(
            project_id=release.project_id,
            deployment_id=release.deployment_id,
            address=Address(f"127.0.0.1:{port}"),
            marks=(f"PORT={port}", f"DATA_DIR={data}"),
            stop_seconds=limits.stop_seconds,
        )
        environ = environment.of_app(plan, env, work=work, data=data, port=port, search_path=self._search_path)
        output = open_log(self._folders.run_log(release))
        try:
            argv = self._isolate(run.filled(environ), reach_of_app(self._folders, release, work))
            child = shell.start_apart(
                argv, folder=work, env=environ, record=self._records.prepare(record), output=output,
                limits={**_LIMITS, **shell.memory_limit(limits.memory_mb)},
            )  # fmt: skip
        except (DeployFailed, OSError):
            self._records.drop(release)
            raise
        finally:
            os.close(output)
        self._look_after(record, identify_child(child.pid), child=child, env=env)
        return record.instance

    def _ports_given(self) -> set[int]:
        """The ports of all records: an app may not have come to listen yet."""
        return {record.port for record in self._records.all() if record.process is not None} | {
            running.record.port for running in self._wards.here.values()
        }

    async def _found(self, release: Release) -> Instance | None:
        """What `find` gives; a process of an earlier box is adopted, the remains of one that ended are cleared away."""
        running = self._wards.here.get(release)
        if running is not None:
            if is_alive(running.leader):
                return running.record.instance
            if not running.ended.is_set():
                self._has_ended(running)  # the loop has not come round to it yet
            await self._clear(running, _LEFT_BEHIND_SECONDS)
            return None
        record = self._records.of(release)
        if record is None:
            return None
        if record.process is None:
            return record.instance if record.site.is_dir() else None
        if is_alive(record.process):
            self._look_after(record, record.process).is_live = True
            return record.instance
        await end_family(record.process, record.marks, patience=_LEFT_BEHIND_SECONDS)
        self._records.drop(release)
        return None

    def _look_after(
        self, record: Record, leader: ProcessId, *, child: Popen[bytes] | None = None, env: Sequence[EnvVar] = ()
    ) -> _Running:
        running = _Running(
            record=record, leader=leader, watch=Watch(leader), child=child, clean=gate.cleaner(env),
            is_apart=self.isolation.by is not None,
        )  # fmt: skip
        self._wards.here[record.release] = running
        ended = partial(self._has_ended, running)
        if not running.watch.begin(ended):
            asyncio.get_running_loop().call_soon(ended)
        return running

    def _has_ended(self, running: _Running) -> None:
        running.ended.set()
        self._wards.has_ended(running)

    async def _clear(self, running: _Running, patience: float) -> None:
        """End what is left of a process. It is reaped last: until then its number cannot be a stranger's."""
        await end_family(running.leader, running.record.marks, patience=patience)
        self._wards.lay_to_rest(running)
        _part_with(running)


def _part_with(running: _Running) -> None:
    """Reap a process if it ended."""
    if running.child is not None and running.child.poll() is None:
        running.child.returncode = 0  # it outlives us on purpose: Popen need not warn


def _listening(running: _Running) -> list[Listener]:
    return listeners(family(running.leader, running.record.marks))


def _stranger(running: _Running, port: int) -> str | None:
    """The process that listens on the port and is none of the app's; None when none is seen."""
    return None if port in {one.port for one in _listening(running)} else holder(port)


def _exit_status(running: _Running) -> int | None:
    """How the process ended, negative for a signal; None when it is no child of ours, or has not. It is not reaped by
    looking:
    its number must stay taken while its family is ended."""
    child = running.child
    if child is None:
        return None
    status = child.returncode
    if status is None:
        seen = os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if seen is None:
            return None
        status = seen.si_status if seen.si_code == os.CLD_EXITED else -signal.Signals(seen.si_status)
    by_signal = running.is_apart and status - 128 in {number.value for number in signal.Signals}
    return 128 - status if by_signal else status

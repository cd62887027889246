"""Puts together what builds and runs: child processes, or units of systemd where the box is a service of it."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.adapters import bubblewrap, shell, systemd_units
from nanoscale_box.adapters.build import ProcessBuilder
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.ingress_unit import IngressUnit
from nanoscale_box.adapters.run_process import ProcessRunner
from nanoscale_box.adapters.run_systemd import SystemdRunner
from nanoscale_box.adapters.unit_logs import UnitLogs
from nanoscale_box.adapters.unit_orders import Orders
from nanoscale_box.adapters.workplace import LocalWorkplace, Workplace
from nanoscale_box.adapters.workplace_units import UnitWorkplace
from nanoscale_box.config import Settings
from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.engine.ports import Builder, Runner
from nanoscale_box.places import SERVICE_HOME, SERVICE_SOCKET

OWN_UNIT: Final = "nanoscale-box.service"
_PROBE: Final = "nanoscale-app@0.service"
_SECONDS: Final = 20.0
_CONTROLLERS: Final = Path("/sys/fs/cgroup/cgroup.controllers")
_LIMITS: Final = {"memory": "memory", "cpu": "CPU", "pids": "tasks"}
"""What the kernel's controllers limit: cgroups(7). Without one, systemd takes the limit and nobody holds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What builds and runs; `ingress` where that is a unit, too."""

    builder: Builder
    runner: Runner
    ingress: IngressUnit | None = None


async def open_runtime(settings: Settings, folders: Folders, search_path: str, stack: AsyncExitStack) -> Runtime:
    """The runtime that the settings ask for; `auto` takes systemd where the box is its service."""
    why_not = await _why_not_systemd(settings)
    if settings.runtime == "systemd" and why_not:
        raise ConfigurationError(
            Code.CONFIGURATION,
            f"NANOSCALE_RUNTIME is systemd, but {why_not}",
            hint="install the box as a service (sudo ./scripts/install-service), or set NANOSCALE_RUNTIME=auto",
        )
    if settings.runtime == "process" or why_not:
        return await _processes(settings, folders, search_path, stack)
    return _units(settings, folders, search_path, stack)


async def _processes(settings: Settings, folders: Folders, search_path: str, stack: AsyncExitStack) -> Runtime:
    isolate, isolation = await bubblewrap.isolation(search_path, folders.home)
    runner = ProcessRunner(folders, search_path=search_path, isolate=isolate, isolation=isolation)
    stack.push_async_callback(runner.close)
    workplace = LocalWorkplace(folders, isolate)
    return Runtime(builder=_builder(settings, folders, search_path, workplace), runner=runner)


def _units(settings: Settings, folders: Folders, search_path: str, stack: AsyncExitStack) -> Runtime:
    orders = Orders(folders, SERVICE_SOCKET.parent)
    workplace = UnitWorkplace(folders, orders)
    logs = UnitLogs(folders)
    logs.start()
    stack.push_async_callback(logs.close)
    runner = SystemdRunner(
        folders, workplace=workplace, orders=orders, logs=logs, search_path=search_path, gaps=_gaps(_CONTROLLERS)
    )
    stack.push_async_callback(runner.close)
    builder = _builder(settings, folders, search_path, workplace)
    return Runtime(builder=builder, runner=runner, ingress=IngressUnit(folders))


def _builder(settings: Settings, folders: Folders, search_path: str, workplace: Workplace) -> ProcessBuilder:
    return ProcessBuilder(folders, search_path=search_path, workplace=workplace, min_free_mb=settings.min_free_mb)


async def _why_not_systemd(settings: Settings) -> str:
    """Nothing where apps can be units: the templates name the service's own folders and nobody else's."""
    if settings.home != SERVICE_HOME:
        return f"its home is {settings.home} and not {SERVICE_HOME}"
    if OWN_UNIT not in _own_group():
        return f"it does not run as {OWN_UNIT}"
    try:
        status, said = await shell.ask(systemd_units.known(_PROBE), seconds=_SECONDS)
    except (OSError, TimeoutError):
        return "systemctl does not answer"
    return "" if status == 0 and said.strip() == "loaded" else "the templates of its units are not installed"


def _gaps(controllers: Path) -> tuple[str, ...]:
    there = controllers.read_text(encoding="ascii").split() if controllers.exists() else []
    return tuple(limit for controller, limit in _LIMITS.items() if controller not in there)


def _own_group() -> str:
    return Path("/proc/self/cgroup").read_text(encoding="utf-8")

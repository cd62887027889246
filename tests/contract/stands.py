"""The runtimes under test: child processes, the same set apart by bubblewrap, and units of a real systemd."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nanoscale_box.adapters import bubblewrap
from nanoscale_box.adapters.build import ProcessBuilder
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.run_process import ProcessRunner
from nanoscale_box.adapters.run_systemd import SystemdRunner
from nanoscale_box.adapters.unit_logs import UnitLogs
from nanoscale_box.adapters.unit_orders import Orders
from nanoscale_box.adapters.workplace import LocalWorkplace, Workplace
from nanoscale_box.adapters.workplace_units import UnitWorkplace
from nanoscale_box.core.model import DeploymentId, Instance, ProjectId, Release
from nanoscale_box.core.plan import Command, Health, Plan, PlanKind
from nanoscale_box.places import SERVICE_HOME, SERVICE_SOCKET
from tests.needs import needs_bubblewrap

KINDS = os.environ.get("RUNTIME_UNDER_TEST", "process bubblewrap").split()
"""`systemd` is asked for by the test that runs this suite within a machine of its own."""
PATH = "/usr/local/bin:/usr/bin:/bin"
FAIR = Health(timeout_seconds=30)
QUICK = Health(timeout_seconds=2, grace_seconds=0)
SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(sys.argv[1]) if len(sys.argv) > 1 else 200
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(repr(dict(os.environ)).encode())
    def do_CRASH(self):
        os._exit(1)
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
"""
Runner = ProcessRunner | SystemdRunner


@dataclass(slots=True, kw_only=True)
class Stand:
    """A home, and what runs and builds there; a later box is another runner on the same home."""

    kind: str
    folders: Folders
    project: ProjectId
    runner: Runner
    builder: ProcessBuilder
    workplace: Workplace
    later: Callable[[], Runner]
    close: Callable[[], Awaitable[None]]
    used: list[Release] = field(default_factory=list)

    def release(self, number: int = 1, **files: str) -> Release:
        """A release with a server in it; `files` are others, with `__` for a dot in their names."""
        deployment = DeploymentId(f"{self.project.replace('prj', 'dep')}{number}")
        release = Release(project_id=self.project, deployment_id=deployment)
        folder = self.folders.release(release)
        folder.mkdir(parents=True)
        for name, text in {"server__py": SERVER, **files}.items():
            (folder / name.replace("__", ".")).write_text(text)
        for path in (folder, *folder.rglob("*")):
            path.chmod(0o755 if path.is_dir() else 0o644)
        self.used.append(release)
        return release

    def data(self) -> Path:
        """The project's data as it lies on disk, where whoever runs the tests may look at it."""
        return self.folders.data(self.project)

    def log(self, release: Release) -> str:
        """What the app has said."""
        path = self.folders.run_log(release)
        return path.read_text() if path.exists() else ""


def plan(line: str) -> Plan:
    """A plan that runs an owner's line."""
    return Plan(kind=PlanKind.CUSTOM, why="", run=Command(shell=line))


def building(*lines: str) -> Plan:
    """A plan that builds by an owner's lines."""
    build = tuple(Command(shell=line) for line in lines)
    return Plan(kind=PlanKind.CUSTOM, why="", build=build, run=Command(argv=("true",)))


def port_of(instance: Instance) -> int:
    """Where it answers."""
    return int(instance.address.rpartition(":")[2])


@asynccontextmanager
async def stand(kind: str, tmp_path: Path, name: str) -> AsyncIterator[Stand]:
    """A stand of a kind; nothing of it runs afterwards."""
    project = ProjectId(f"prj_{name}")
    made = await (_units(project) if kind == "systemd" else _processes(kind, tmp_path, project))
    try:
        yield made
    finally:
        for release in made.used:
            await made.runner.stop(release)
        await made.builder.discard_project(project)
        await made.runner.close()
        await made.close()


async def _processes(kind: str, tmp_path: Path, project: ProjectId) -> Stand:
    folders = Folders(tmp_path / "home")
    folders.home.mkdir(exist_ok=True)
    isolate, isolation = await bubblewrap.isolation("" if kind == "process" else PATH, folders.home)
    if kind == "bubblewrap":
        needs_bubblewrap()

    def runner() -> ProcessRunner:
        return ProcessRunner(folders, search_path=PATH, patience_seconds=5, isolate=isolate, isolation=isolation)

    workplace = LocalWorkplace(folders, isolate)
    builder = ProcessBuilder(folders, search_path=PATH, workplace=workplace)

    async def close() -> None:
        """There is nothing else."""

    return Stand(
        kind=kind, folders=folders, project=project, runner=runner(), builder=builder, workplace=workplace,
        later=runner, close=close,
    )  # fmt: skip


async def _units(project: ProjectId) -> Stand:
    folders = Folders(SERVICE_HOME)
    orders = Orders(folders, SERVICE_SOCKET.parent)
    workplace = UnitWorkplace(folders, orders)
    logs = UnitLogs(folders)
    logs.start()

    def runner() -> SystemdRunner:
        return SystemdRunner(
            folders, workplace=workplace, orders=orders, logs=logs, search_path=PATH, patience_seconds=5
        )

    builder = ProcessBuilder(folders, search_path=PATH, workplace=workplace)
    return Stand(
        kind="systemd", folders=folders, project=project, runner=runner(), builder=builder, workplace=workplace,
        later=runner, close=logs.close,
    )  # fmt: skip

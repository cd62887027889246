"""The sandbox around builds and apps: what it is made of, as text, and what a hostile app really sees in it."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nanoscale_box.adapters import bubblewrap
from nanoscale_box.adapters.build import ProcessBuilder
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.isolation import Reach, not_isolated
from nanoscale_box.adapters.run_process import ProcessRunner
from nanoscale_box.adapters.workplace import LocalWorkplace
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import DeploymentId, EnvVar, Instance, ProjectId, Release
from nanoscale_box.core.plan import Command, Health, Plan, PlanKind
from nanoscale_box.core.secret import Secret
from tests.adapters.helpers import is_running, until
from tests.needs import needs_bubblewrap, needs_python_for_everybody, needs_root

PATH = "/usr/local/bin:/usr/bin:/bin"
RELEASE = Release(project_id=ProjectId("prj_1"), deployment_id=DeploymentId("dep_2"))
BEFORE = Release(project_id=ProjectId("prj_1"), deployment_id=DeploymentId("dep_1"))
NEIGHBOUR = Release(project_id=ProjectId("prj_2"), deployment_id=DeploymentId("dep_3"))
FAIR = Health(timeout_seconds=30)
SERVER = """
import http.server, os
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
"""
SPY = """
import glob, json, os, pathlib
def attempt(work):
    try:
        return work()
    except OSError as error:
        return type(error).__name__
def write(path):
    pathlib.Path(path).write_text("x")
    return "written"
def environ(path):
    found = attempt(lambda: open(path, "rb").read())
    return found if isinstance(found, bytes) else b""
home = pathlib.Path(os.environ["HOME_OF_BOX"])
seen = {
    "home": attempt(lambda: sorted(os.listdir(home))),
    "database": attempt(lambda: (home / "box.db").read_text()),
    "before": attempt(lambda: os.listdir(home / "releases" / "prj_1")),
    "neighbour": attempt(lambda: (home / "data" / "prj_2" / "secret").read_text()),
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "environs": sorted({word.decode() for path in glob.glob("/proc/[0-9]*/environ")
        for word in environ(path).split(bytes(1)) if b"SECRET_OF" in word}),
    "owner": attempt(lambda: os.listdir(os.environ["HOME_OF_OWNER"])),
    "shadow": attempt(lambda: open("/etc/shadow").read()),
    "etc": attempt(lambda: write("/etc/by-the-app")),
    "usr": attempt(lambda: write("/usr/by-the-app")),
    "sysctl": attempt(lambda: write("/proc/sys/kernel/domainname")),
    "tmp": attempt(lambda: os.listdir("/tmp")),
    "own": attempt(lambda: write("by-the-app")),
    "data": attempt(lambda: write(os.environ["DATA_DIR"] + "/by-the-app")),
}
pathlib.Path(os.environ["DATA_DIR"], "seen.json").write_text(json.dumps(seen))
"""


def test_the_command_is_data() -> None:
    machine = bubblewrap.Machine(
        program="/usr/bin/bwrap", system=(("/usr", None), ("/bin", "usr/bin")), home="/home/ada/box",
        tools=("/home/ada/.local/bin",), covered=(("/etc/shadow", False), ("/etc/secret", True)),
    )  # fmt: skip
    reach = Reach(work=Path("/r/web"), writable=(Path("/r"), Path("/d")), readable=(Path("/c"),))
    assert " ".join(bubblewrap.argv_of(machine, ["node", "server.js"], reach)) == (
        "/usr/bin/bwrap --unshare-user --unshare-pid --unshare-ipc --unshare-uts --unshare-cgroup-try --cap-drop ALL"
        " --tmpfs /tmp --tmpfs /var/tmp --tmpfs /run"
        " --ro-bind /usr /usr --symlink usr/bin /bin"
        " --ro-bind /dev/null /etc/shadow --tmpfs /etc/secret"
        " --ro-bind-try /run/systemd/resolve /run/systemd/resolve"
        " --ro-bind-try /home/ada/.local/bin /home/ada/.local/bin"
        " --tmpfs /home/ada/box --ro-bind-try /c /c --bind /r /r --bind /d /d"
        " --proc /proc --dev /dev --ro-bind-try /proc/sys /proc/sys"
        " --ro-bind-try /proc/sysrq-trigger /proc/sysrq-trigger"
        " --ro-bind-try /proc/irq /proc/irq --ro-bind-try /proc/bus /proc/bus --chdir /r/web -- node server.js"
    )


def test_a_tools_folder_comes_whole_but_nobodys_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "ada"))
    for folder in ("ada/bin", "ada/.local/bin", "ada/.nvm/v20/bin", "go/bin", "ada/box"):
        (tmp_path / folder).mkdir(parents=True)
    path = [*(f"{tmp_path}/{one}" for one in ("ada/bin", "ada/.local/bin", "ada/.nvm/v20/bin", "go/bin", "none/bin"))]
    machine = bubblewrap.survey("/usr/bin/bwrap", ":".join(["/usr/bin", "bin", *path]), tmp_path / "ada" / "box")
    wanted = ("ada/bin", "ada/.local/bin", "ada/.nvm/v20", "go")
    assert machine.tools == tuple(f"{tmp_path}/{one}" for one in wanted)


async def test_without_bubblewrap_it_says_so(tmp_path: Path) -> None:
    isolate, isolation = await bubblewrap.isolation(str(tmp_path), tmp_path)
    assert isolate is not_isolated
    assert (isolation.by, isolation.why_not) == (None, "bubblewrap is not installed")
    assert "apt install bubblewrap" in isolation.fix


async def test_one_that_is_refused_its_namespaces_is_off_and_told(tmp_path: Path) -> None:
    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    refusing.chmod(0o755)
    isolate, isolation = await bubblewrap.isolation(f"{tmp_path}:{PATH}", tmp_path)
    assert isolate is not_isolated
    assert "No permissions to create new namespace" in isolation.why_not
    assert "docs/troubleshooting.md" in isolation.fix


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A home with a database, two projects and two releases of one of them."""
    needs_bubblewrap()
    return furnished(tmp_path / "home")


def furnished(home: Path) -> Folders:
    """What a box's home holds."""
    folders = Folders(home)
    for release in (RELEASE, BEFORE, NEIGHBOUR):
        folders.release(release).mkdir(parents=True)
        (folders.release(release) / "server.py").write_text(SERVER)
        (folders.release(release) / "spy.py").write_text(SPY)
    for path in (folders.home / "box.db", folders.data(NEIGHBOUR.project_id) / "secret"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("the owner's")
    return folders


@pytest.fixture
async def runner(folders: Folders) -> AsyncIterator[ProcessRunner]:
    """A runner that sets apart, as the daemon makes it."""
    isolate, isolation = await bubblewrap.isolation(PATH, folders.home)
    assert isolation.by == "bubblewrap"
    runner = ProcessRunner(folders, search_path=PATH, patience_seconds=10, isolate=isolate, isolation=isolation)
    yield runner
    for release in (RELEASE, BEFORE, NEIGHBOUR):
        await runner.stop(release)
    await runner.close()


def plan(line: str) -> Plan:
    """A plan that runs an owner's line."""
    return Plan(kind=PlanKind.CUSTOM, why="", run=Command(shell=line))


def env(release: Release, folders: Folders) -> list[EnvVar]:
    """What a spy needs to know, and a secret of its own."""
    own = {"HOME_OF_BOX": str(folders.home), "HOME_OF_OWNER": os.path.expanduser("~")}
    own[f"SECRET_OF_{release.project_id}"] = "x" * 20
    return [EnvVar(key=key, value=Secret(value)) for key, value in own.items()]


async def started(runner: ProcessRunner, folders: Folders, release: Release, line: str) -> Instance:
    """A release that has passed its gate."""
    instance = await runner.start(release, plan(line), None, env(release, folders))
    await runner.gate(instance, FAIR)
    return instance


def check_what_was_seen(seen: dict[str, object]) -> None:
    """The walls hold, and what an app needs is there."""
    assert seen["home"] == ["data", "releases"]
    assert seen["database"] == "FileNotFoundError"
    assert seen["before"] == ["dep_2"]
    assert seen["neighbour"] == "FileNotFoundError"
    assert isinstance(seen["processes"], list) and max(seen["processes"]) < 50
    assert seen["environs"] == ["SECRET_OF_prj_1=" + "x" * 20]
    assert seen["owner"] == "FileNotFoundError"
    assert seen["shadow"] in {"", "PermissionError"}
    assert (seen["etc"], seen["usr"]) == ("OSError", "OSError")
    assert seen["sysctl"] in {"OSError", "PermissionError"}
    assert isinstance(seen["tmp"], list) and len(seen["tmp"]) == 1  # where the tests' home lies, and nothing else
    assert (seen["own"], seen["data"]) == ("written", "written")


async def test_an_app_sees_neither_the_box_nor_its_neighbours(folders: Folders, runner: ProcessRunner) -> None:
    await started(runner, folders, NEIGHBOUR, "exec python3 server.py")
    await started(runner, folders, BEFORE, "exec python3 server.py")
    await started(runner, folders, RELEASE, "python3 spy.py; exec python3 server.py")
    check_what_was_seen(json.loads((folders.data(RELEASE.project_id) / "seen.json").read_text()))


async def test_a_user_who_is_not_root_has_the_same_walls() -> None:
    needs_root()
    needs_bubblewrap()
    python = needs_python_for_everybody()
    with tempfile.TemporaryDirectory(prefix="nanoscale-box-") as open_to_all:
        os.chmod(open_to_all, 0o755)
        folders = furnished(Path(open_to_all) / "home")
        for path in (folders.home, *folders.home.rglob("*")):
            os.chown(path, 65534, 65534)
        done = await asyncio.to_thread(box_of_nobody, python, folders.home)
        assert done.returncode == 0, done.stderr
        check_what_was_seen(json.loads((folders.data(RELEASE.project_id) / "seen.json").read_text()))


def box_of_nobody(python: str, home: Path) -> subprocess.CompletedProcess[str]:
    """Run the spy as the user `nobody` would, who owns the home."""
    box = (
        "import asyncio, os, pathlib, sys\n"
        "from nanoscale_box.adapters.folders import Folders\n"
        "from tests.adapters.test_bubblewrap import RELEASE, PATH, ProcessRunner, bubblewrap, started\n"
        "async def main(home):\n"
        "    folders = Folders(pathlib.Path(home))\n"
        "    isolate, isolation = await bubblewrap.isolation(PATH, folders.home)\n"
        "    assert isolation.by == 'bubblewrap', isolation\n"
        "    runner = ProcessRunner(folders, search_path=PATH, isolate=isolate, isolation=isolation)\n"
        "    await started(runner, folders, RELEASE, 'python3 spy.py; exec python3 server.py')\n"
        "    await runner.stop(RELEASE)\n"
        "    await runner.close()\n"
        "asyncio.run(main(sys.argv[1]))\n"
    )
    argv = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", python, "-B", "-c", box, str(home)]
    environ = {"PATH": PATH, "HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    return subprocess.run(argv, capture_output=True, text=True, timeout=50, check=False, env=environ)


async def test_an_app_ends_whole_and_at_its_own_pace(folders: Folders, runner: ProcessRunner) -> None:
    line = "trap 'echo bye; exit 0' TERM; setsid sleep 600 & env -i setsid sleep 600 & while :; do sleep 0.1; done"
    instance = await runner.start(RELEASE, plan(line), None, env(RELEASE, folders))
    await until(folders.instance(RELEASE.deployment_id).exists)
    leader = json.loads(folders.instance(RELEASE.deployment_id).read_text())["process"]["pid"]
    await until(lambda: len(below(leader)) > 4)
    family = below(leader)
    await runner.stop(RELEASE)
    assert folders.run_log(RELEASE).read_text().splitlines()[-1] == "bye"
    assert [pid for pid in family if is_running(pid)] == []
    assert await runner.find(instance.release) is None


async def test_the_end_of_an_app_is_told_as_it_was(runner: ProcessRunner) -> None:
    for line, told in (("kill -9 $$", "by signal 9 (SIGKILL)"), ("exit 3", "with exit status 3")):
        instance = await runner.start(RELEASE, plan(line), None, [])
        with pytest.raises(DeployFailed) as caught:
            await runner.gate(instance, FAIR)
        assert caught.value.code is Code.EXITED_EARLY
        assert told in caught.value.detail
        await runner.stop(RELEASE)


async def test_a_build_sees_its_own_release_and_caches_alone(folders: Folders) -> None:
    isolate, _ = await bubblewrap.isolation(PATH, folders.home)
    builder = ProcessBuilder(folders, search_path=PATH, workplace=LocalWorkplace(folders, isolate))
    line = f"ls {folders.home}; cat {folders.home}/box.db; ls /proc | grep -c '^[0-9]'; echo x > made; pwd; echo $HOME"
    said: list[str] = []
    building = Plan(kind=PlanKind.CUSTOM, why="", build=(Command(shell=line),), run=Command(argv=("true",)))
    await builder.build(RELEASE, None, building, [], said.append)
    cache = folders.cache(RELEASE.project_id)
    assert said[1:3] == ["cache", "releases"]
    assert "No such file" in said[3]
    assert int(said[4]) < 10
    assert said[5:] == [str(folders.release(RELEASE)), str(cache / "home")]
    assert (folders.release(RELEASE) / "made").read_text() == "x\n"


def below(leader: int) -> list[int]:
    """A process and all that stem from it."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(") ")[2].split()[1])
            except (FileNotFoundError, ProcessLookupError):
                continue
    found = {leader}
    while more := {pid for pid, parent in parents.items() if parent in found and pid not in found}:
        found |= more
    return sorted(found)


def test_bubblewrap_is_where_the_tests_think() -> None:
    needs_bubblewrap()
    assert shutil.which("bwrap", path=PATH) is not None

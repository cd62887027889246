"""Releases as processes: gated, found again by a later box, ended whole, and never mistaken for a stranger."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.free_ports import APP_PORTS
from nanoscale_box.adapters.run_process import ProcessRunner
from nanoscale_box.core.errors import Code, DeployFailed, Unavailable
from nanoscale_box.core.model import DeploymentId, EnvVar, Instance, Limits, ProjectId, Release
from nanoscale_box.core.plan import Command, Health, Plan, PlanKind
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Errand
from tests.adapters.helpers import STRAY, is_running, pid_in, until

# Their deployments have the same ids, so the search for a port begins at the same one: each process has its own range,
# and of other runs on this machine few have the same.
PORTS = APP_PORTS[100 * (os.getpid() % 120) :][:100]

RELEASE = Release(project_id=ProjectId("prj_1"), deployment_id=DeploymentId("dep_1"))
OTHER = Release(project_id=ProjectId("prj_1"), deployment_id=DeploymentId("dep_2"))
SERVER = """
import http.server, os, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        status = int(sys.argv[1]) if len(sys.argv) > 1 else 200
        self.send_response(status)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        self.wfile.write(repr(dict(os.environ)).encode())
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Answer).serve_forever()
"""
QUICK = Health(timeout_seconds=1, grace_seconds=0)
FAIR = Health(timeout_seconds=20)


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A home with the folder of a release."""
    folders = Folders(tmp_path / "home")
    for release in (RELEASE, OTHER):
        folders.release(release).mkdir(parents=True)
        (folders.release(release) / "server.py").write_text(SERVER)
        (folders.release(release) / "stray.py").write_text(STRAY)
    return folders


@pytest.fixture
async def runner(folders: Folders) -> AsyncIterator[ProcessRunner]:
    """A runner that leaves nothing behind."""
    runner = new_runner(folders)
    yield runner
    for release in (RELEASE, OTHER):
        await runner.stop(release)
    await runner.close()


def new_runner(folders: Folders, patience_seconds: float = 5.0, ports: range = PORTS) -> ProcessRunner:
    """A runner as a box makes one."""
    return ProcessRunner(folders, search_path=os.environ["PATH"], patience_seconds=patience_seconds, ports=ports)


def plan(*argv: str) -> Plan:
    """A plan that runs this with the tests' own interpreter."""
    return Plan(kind=PlanKind.CUSTOM, why="", run=Command(argv=(sys.executable, "-u", *argv)))


def line(text: str) -> Plan:
    """A plan that runs an owner's line."""
    return Plan(kind=PlanKind.CUSTOM, why="", run=Command(shell=text))


def errand(name: str, command: str) -> Errand:
    """An owner's line that runs once."""
    return Errand(name=name, command=Command(shell=command), plan=plan("server.py"), root_directory=None)


async def fetch(instance: Instance) -> str:
    """What the instance answers."""
    host, port = instance.address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def test_an_app_gets_its_own_things_and_nothing_of_the_box(
    folders: Folders, runner: ProcessRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NANOSCALE_ENCRYPTION_KEYS", "x")
    env = [EnvVar(key="MINE", value=Secret("my value")), EnvVar(key="PORT", value=Secret("1"))]
    instance = await runner.start(RELEASE, plan("server.py"), None, env)
    await runner.gate(instance, FAIR)
    seen = eval((await fetch(instance)).partition("\r\n\r\n")[2])
    assert seen.pop("MINE") == "my value"
    assert seen.pop("PORT") == instance.address.partition(":")[2]
    assert seen.pop("HOST") == "127.0.0.1"
    assert seen.pop("DATA_DIR") == str(folders.data(RELEASE.project_id))
    assert set(seen) <= {"HOME", "LANG", "PATH", "LC_CTYPE"}
    assert folders.data(RELEASE.project_id).stat().st_mode & 0o777 == 0o700
    assert folders.instance(RELEASE.deployment_id).stat().st_mode & 0o777 == 0o600
    assert folders.run_log(RELEASE).stat().st_mode & 0o777 == 0o600
    assert "my value" not in folders.instance(RELEASE.deployment_id).read_text()


async def test_stop_ends_all_descendants_and_keeps_data_and_log(folders: Folders, runner: ProcessRunner) -> None:
    where = folders.data(RELEASE.project_id) / "stray.pid"
    command = f"echo hello; env -i {sys.executable} stray.py {where}; exec {sys.executable} server.py"
    instance = await runner.start(RELEASE, line(command), None, [])
    await runner.gate(instance, FAIR)
    stray = await pid_in(where)
    await runner.stop(RELEASE)
    assert not is_running(stray)
    assert await runner.find(RELEASE) is None
    assert await runner.running() == []
    assert list(folders.instances.iterdir()) == []
    assert folders.run_log(RELEASE).read_text().startswith("hello\n")
    await runner.stop(RELEASE)


async def test_a_command_runs_once_as_the_app_would(folders: Folders, runner: ProcessRunner) -> None:
    lines: list[str] = []
    env = [EnvVar(key="KEY", value=Secret("very secret"))]
    command = 'echo "$KEY ${PORT-none}"; pwd; echo kept > "$DATA_DIR/made"'
    await runner.run_once(RELEASE, errand("release", command), env, lines.append)
    assert lines[1:] == ["**** none", str(folders.release(RELEASE))]
    assert (folders.data(RELEASE.project_id) / "made").read_text() == "kept\n"


@pytest.mark.parametrize(
    ("name", "command", "code", "detail"),
    [
        ("preflight", "echo why; exit 4", Code.PREFLIGHT_FAILED, "ended with exit status 4"),
        ("release", "echo why; sleep 600", Code.RELEASE_FAILED, "took longer than 1 seconds and was ended"),
    ],
)
async def test_a_command_that_fails_says_why(
    runner: ProcessRunner, name: str, command: str, code: Code, detail: str
) -> None:
    with pytest.raises(DeployFailed) as failed:
        await runner.run_once(RELEASE, errand(name, command), [], lambda _: None, Limits(build_timeout_seconds=1))
    assert failed.value.code is code
    assert failed.value.detail.startswith(f"the {name} command `") and failed.value.detail.endswith(detail)
    assert "it said “why”" in failed.value.hint


async def test_a_command_cannot_smuggle_a_link_into_a_site(folders: Folders, runner: ProcessRunner) -> None:
    site = Plan(kind=PlanKind.STATIC, why="", output_directory="out")
    (folders.release(RELEASE) / "out").mkdir()
    smuggle = Errand(
        name="release", command=Command(shell="ln -s /etc/passwd out/page.html"), plan=site, root_directory=None
    )
    with pytest.raises(DeployFailed) as failed:
        await runner.run_once(RELEASE, smuggle, [], lambda _: None)
    assert failed.value.code is Code.OUTPUT_MISSING
    assert "a link that leads out of the release: page.html" in failed.value.detail


async def test_a_project_says_how_much_memory_its_app_may_take(runner: ProcessRunner) -> None:
    greedy = plan("-c", "x = bytearray(300 * 1024 * 1024)")
    instance = await runner.start(RELEASE, greedy, None, [], Limits(memory_mb=64))
    with pytest.raises(DeployFailed) as failed:
        await runner.gate(instance, FAIR)
    assert "MemoryError" in failed.value.hint


async def test_a_project_says_how_long_its_app_may_take_to_end_and_a_later_box_knows(folders: Folders) -> None:
    first = new_runner(folders, patience_seconds=60)
    stubborn = line("trap '' TERM; echo ready; sleep 600; sleep 600")
    await first.start(RELEASE, stubborn, None, [], Limits(stop_seconds=0))
    await until(lambda: folders.run_log(RELEASE).read_text() == "ready\n")
    await first.close()
    later = new_runner(folders, patience_seconds=60)
    await asyncio.wait_for(later.stop(RELEASE), 30)
    assert await later.find(RELEASE) is None
    await later.close()


async def test_stop_loses_patience(folders: Folders) -> None:
    runner = new_runner(folders, patience_seconds=0.3)
    await runner.start(RELEASE, line("trap '' TERM; echo ready; sleep 600; sleep 600"), None, [])
    await until(lambda: folders.run_log(RELEASE).read_text() == "ready\n")
    began = time.monotonic()
    await runner.stop(RELEASE)
    assert time.monotonic() - began >= 0.3
    await runner.close()


@pytest.mark.parametrize(
    ("command", "code", "detail", "hint"),
    [
        ("echo one; echo key=$KEY; exit 3", Code.EXITED_EARLY, "exit status 3", "it said “one / key=****”;"),
        ("kill -9 $$", Code.EXITED_EARLY, "signal 9 (SIGKILL)", "it said nothing"),
        ("no-such-program", Code.EXITED_EARLY, "exit status 127", "not found"),
        ("sleep 600", Code.NEVER_LISTENED, "did not listen on port", "HOST and PORT"),
        (
            "PORT=$ELSEWHERE {python} server.py",
            Code.NEVER_LISTENED,
            "did not listen",
            "on 127.0.0.1 port {elsewhere} inst",
        ),
        ("{python} server.py 503", Code.UNHEALTHY, "answered / with status 503 instead of 200 to 499", "health check"),
        ("{python} -c '{mute}'", Code.UNHEALTHY, "did not answer / within 1 seconds", "it said nothing"),
        ("{python} -c '{ssh}'", Code.UNHEALTHY, "not HTTP", "web apps"),
    ],
)
async def test_the_gate_says_what_is_wrong(
    runner: ProcessRunner, command: str, code: Code, detail: str, hint: str
) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        elsewhere = str(probe.getsockname()[1])
    serve = 'import os,socket;s=socket.create_server(("127.0.0.1",int(os.environ["PORT"])));'
    mute = serve + "l=[s.accept() for _ in iter(int,1)]"
    ssh = serve + 'l=[s.accept()[0].sendall(b"SSH-2.0-x\\n\\r\\n") for _ in iter(int,1)]'
    text = command.replace("{python}", sys.executable).replace("{mute}", mute).replace("{ssh}", ssh)
    env = [EnvVar(key="KEY", value=Secret("hunter2hunter2")), EnvVar(key="ELSEWHERE", value=Secret(elsewhere))]
    instance = await runner.start(RELEASE, line(text), None, env)
    with pytest.raises(DeployFailed) as caught:
        await runner.gate(instance, QUICK)
    assert (caught.value.code, detail in caught.value.detail) == (code, True), caught.value.detail
    assert hint.replace("{elsewhere}", elsewhere) in caught.value.hint


async def test_an_app_that_ended_before_its_gate_is_explained_too(runner: ProcessRunner, folders: Folders) -> None:
    instance = await runner.start(RELEASE, line("echo why; exit 4"), None, [])
    await until(lambda: not list(folders.instances.iterdir()))
    assert await runner.find(RELEASE) is None
    with pytest.raises(DeployFailed, match="exit status 4") as caught:
        await runner.gate(instance, QUICK)
    assert "it said “why”;" in caught.value.hint


async def test_a_start_after_a_crash_waits_for_what_the_crash_left(folders: Folders, runner: ProcessRunner) -> None:
    where = folders.data(RELEASE.project_id) / "stray.pid"
    command = f"{sys.executable} stray.py {where}; exec {sys.executable} server.py"
    instance = await runner.start(RELEASE, line(command), None, [])
    await runner.gate(instance, FAIR)
    stray = await pid_in(where)
    leader = json.loads(folders.instance(RELEASE.deployment_id).read_text())["process"]["pid"]
    os.kill(leader, signal.SIGKILL)
    await until(lambda: not is_running(leader))
    again = await runner.start(RELEASE, plan("server.py"), None, [])
    assert not is_running(stray)
    await runner.gate(again, FAIR)


async def test_a_wrong_answer_within_the_grace_is_starting_up(runner: ProcessRunner) -> None:
    command = (
        f"({sys.executable} server.py 500 & echo $! > pid); sleep 0.6; kill $(cat pid); exec {sys.executable} server.py"
    )
    instance = await runner.start(RELEASE, line(command), None, [])
    await runner.gate(instance, Health(timeout_seconds=20, grace_seconds=5))
    assert "200 OK" in await fetch(instance)


BOX = """
import asyncio, os, pathlib, sys
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.run_process import ProcessRunner
from tests.adapters.test_run_process import FAIR, RELEASE, plan
async def main(home, how):
    runner = ProcessRunner(Folders(pathlib.Path(home)), search_path=os.environ["PATH"])
    instance = await runner.start(RELEASE, plan("server.py"), None, [])
    if how == "gated":
        await runner.gate(instance, FAIR)
    print(instance.address, flush=True)
    os.kill(os.getpid(), 9)
asyncio.run(main(*sys.argv[1:]))
"""


def kill_a_box(folders: Folders, how: str) -> str:
    """Start a release from a box of its own that kills itself; the instance's address."""
    box = subprocess.run([sys.executable, "-c", BOX, folders.home, how], stdout=subprocess.PIPE, check=False)
    assert box.returncode == -signal.SIGKILL
    return box.stdout.decode().strip()


async def test_an_app_outlives_a_killed_box_and_is_found_watched_and_stopped(folders: Folders) -> None:
    said = kill_a_box(folders, "gated")
    runner = new_runner(folders)
    told: asyncio.Queue[Release] = asyncio.Queue()
    await runner.watch(told.put)
    found = await runner.find(RELEASE)
    assert found is not None
    assert found.address == said
    assert found == await runner.start(RELEASE, plan("server.py"), None, [])
    assert "200 OK" in await fetch(found)
    await runner.close()
    again = new_runner(folders)
    await again.watch(told.put)
    os.kill(json.loads(folders.instance(RELEASE.deployment_id).read_text())["process"]["pid"], signal.SIGTERM)
    assert await asyncio.wait_for(told.get(), 5) == RELEASE
    assert await again.running() == []
    await again.close()


async def test_a_box_killed_right_after_the_start_leaves_no_orphan(folders: Folders) -> None:
    for _ in range(5):
        kill_a_box(folders, "at once")
        runner = new_runner(folders)
        found = await runner.find(RELEASE)
        await runner.stop(RELEASE)
        await runner.close()
        await asyncio.sleep(0.2)  # whatever was on its way has come by now
        assert family_of(folders) == [], f"found {found}"


def family_of(folders: Folders) -> list[str]:
    """Every process that works below the home."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            where = os.readlink(entry / "cwd") if entry.name.isdigit() else ""
        except OSError:
            continue
        if where.startswith(str(folders.home)):
            found.append(entry.name)
    return found


async def test_a_number_that_was_used_again_is_left_alone(folders: Folders, runner: ProcessRunner) -> None:
    stranger = subprocess.Popen(["sleep", "600"], start_new_session=True)
    record = {"project_id": "prj_1", "deployment_id": "dep_1", "address": "127.0.0.1:1", "marks": ["PORT=1"]}
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    started = int(Path(f"/proc/{stranger.pid}/stat").read_text().rpartition(") ")[2].split()[19])
    for process in ({"started": started - 1, "boot": boot}, {"started": started, "boot": "another"}):
        folders.instances.mkdir(exist_ok=True)
        written = json.dumps({**record, "process": {"pid": stranger.pid, **process}})
        folders.instance(RELEASE.deployment_id).write_text(written)
        assert await runner.find(RELEASE) is None
        await runner.stop(RELEASE)
        assert await runner.running() == []
    assert stranger.poll() is None
    stranger.kill()
    stranger.wait()


async def test_a_torn_record_is_none(folders: Folders, runner: ProcessRunner) -> None:
    folders.instances.mkdir()
    folders.instance(RELEASE.deployment_id).write_text('{"project_id": "prj')
    assert await runner.running() == []
    assert await runner.find(RELEASE) is None


async def test_no_free_port_is_a_sentence(folders: Folders) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        runner = new_runner(folders, ports=range(port, port + 1))
        with pytest.raises(Unavailable) as caught:
            await runner.start(RELEASE, plan("server.py"), None, [])
        assert caught.value.code is Code.NO_FREE_PORT
        assert await runner.running() == []
        await runner.close()

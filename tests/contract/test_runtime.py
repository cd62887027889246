"""What every runtime does: run and gate releases, find them again, end them whole, build, and keep all of it apart."""

from __future__ import annotations

import ast
import asyncio
import os
import re
import socket
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import EnvVar, Instance, Limits, Release
from nanoscale_box.core.plan import Command, Health, Plan, PlanKind
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Errand
from tests.adapters.helpers import until
from tests.contract.stands import FAIR, KINDS, QUICK, Stand, building, plan, port_of, stand

RUN = f"{uuid.uuid4().int % 10**9:09}"
"""Strays are looked for by what they were called, on the whole machine: by a fraction of a second that no other run
sleeps."""

SPY = """
import glob, os, pathlib
def attempt(work):
    try:
        return work()
    except OSError as error:
        return type(error).__name__
def environ(path):
    found = attempt(lambda: open(path, "rb").read())
    return found if isinstance(found, bytes) else b""
home = pathlib.Path(os.environ["HOME_OF_BOX"])
print("database", attempt(lambda: (home / "box.db").read_text()))
print("releases", attempt(lambda: sorted(os.listdir(home / "releases" / os.environ["PROJECT"]))))
print("secrets", sorted({word.decode() for path in glob.glob("/proc/[0-9]*/environ")
    for word in environ(path).split(bytes(1)) if word.startswith(b"SECRET_OF_")}))
print("etc", attempt(lambda: pathlib.Path("/etc/by-the-app").write_text("x")))
print("owner", attempt(lambda: os.listdir("/root")))
print("bus", attempt(lambda: os.listdir("/run/dbus")))
print("data", attempt(lambda: pathlib.Path(os.environ["DATA_DIR"], "by-the-app").write_text("x")), flush=True)
"""


@pytest.fixture(params=KINDS)
async def on(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stand]:
    """A stand with a project that no other test has."""
    name = re.sub(r"[^0-9a-z]", "", uuid.uuid4().hex)[:24]
    async with stand(request.param, tmp_path, name) as made:
        yield made


async def fetch(instance: Instance) -> str:
    """What the instance answers."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(instance))
    writer.write(b"GET / HTTP/1.0\r\n\r\n")
    answer = (await reader.read()).decode()
    writer.close()
    return answer


async def live(on: Stand, release: Release, line: str = "exec python3 server.py", **env: str) -> Instance:
    """A release that has passed its gate."""
    variables = [EnvVar(key=key, value=Secret(value)) for key, value in env.items()]
    instance = await on.runner.start(release, plan(line), None, variables)
    await on.runner.gate(instance, FAIR)
    return instance


async def test_an_app_gets_its_own_things_and_nothing_of_the_box(on: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOSCALE_ENCRYPTION_KEYS", "x")
    instance = await live(on, on.release(), MINE="my value", PORT="1")
    seen = ast.literal_eval((await fetch(instance)).partition("\r\n\r\n")[2])
    assert seen.pop("MINE") == "my value"
    assert seen.pop("PORT") == str(port_of(instance))
    assert seen.pop("HOST") == "127.0.0.1"
    assert seen.pop("DATA_DIR") == seen.pop("HOME")
    assert set(seen) <= {"LANG", "PATH", "PWD", "LC_CTYPE", "SHLVL", "_", "OLDPWD"}
    kept = [path for path in on.folders.home.rglob("*") if path.is_file() and "my value" in path.read_text("latin-1")]
    assert kept == []


async def test_two_starts_at_once_are_one_and_two_releases_are_two(on: Stand) -> None:
    one, other = on.release(1), on.release(2)
    starts = (on.runner.start(one, plan("exec python3 server.py"), None, []) for _ in range(2))
    first, second = await asyncio.gather(*starts)
    assert first == second == await on.runner.find(one)
    beside = await live(on, other)
    assert port_of(beside) != port_of(first)
    assert {one, other} <= set(await on.runner.running())


async def test_stop_ends_everything_and_keeps_data_and_log(on: Stand) -> None:
    release = on.release()
    line = f'echo hello; echo kept > "$DATA_DIR/kept"; (setsid env -i sleep 661.{RUN} &) ; exec python3 server.py'
    await live(on, release, line)
    await until(lambda: bool(pids_of(f"sleep\x00661.{RUN}")))
    strays = pids_of(f"sleep\x00661.{RUN}")
    await on.runner.stop(release)
    assert not any(pid in pids_of(f"sleep\x00661.{RUN}") for pid in strays)
    assert await on.runner.find(release) is None
    assert release not in await on.runner.running()
    assert on.log(release).startswith("hello\n")
    again = on.release(2)
    await live(on, again, 'cat "$DATA_DIR/kept"; exec python3 server.py')
    await until(lambda: on.log(again).startswith("kept\n"))
    await on.runner.stop(release)


async def test_stop_loses_patience(on: Stand) -> None:
    release = on.release()
    line = plan(f"trap '' TERM; echo ready; sleep 662.{RUN}; sleep 662.{RUN}")
    await on.runner.start(release, line, None, [], Limits(stop_seconds=1))
    await until(lambda: on.log(release) == "ready\n")
    await on.runner.stop(release)
    assert pids_of(f"sleep\x00662.{RUN}") == []
    assert await on.runner.find(release) is None


@pytest.mark.parametrize(
    ("line", "code", "detail", "hint"),
    [
        ("echo one; echo key=$KEY; exit 3", Code.EXITED_EARLY, "exit status 3", "it said “one / key=****”"),
        ("kill -9 $$", Code.EXITED_EARLY, "signal 9 (SIGKILL)", ""),
        ("no-such-program", Code.EXITED_EARLY, "exit status 127", "not found"),
        ("sleep 600", Code.NEVER_LISTENED, "did not listen on port", "HOST and PORT"),
        (
            "PORT=$ELSEWHERE exec python3 server.py",
            Code.NEVER_LISTENED,
            "did not listen",
            "on 127.0.0.1 port {elsewhere}",
        ),
        ("exec python3 server.py 503", Code.UNHEALTHY, "answered / with status 503 instead of 200 to 499", "health"),
    ],
)
async def test_the_gate_says_what_is_wrong(on: Stand, line: str, code: Code, detail: str, hint: str) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        elsewhere = str(probe.getsockname()[1])
    release = on.release()
    env = [EnvVar(key="KEY", value=Secret("hunter2hunter2")), EnvVar(key="ELSEWHERE", value=Secret(elsewhere))]
    instance = await on.runner.start(release, plan(line), None, env)
    with pytest.raises(DeployFailed) as caught:
        await on.runner.gate(instance, QUICK)
    assert (caught.value.code, detail in caught.value.detail) == (code, True), caught.value.detail
    assert hint.replace("{elsewhere}", elsewhere) in caught.value.hint


async def test_who_else_answers_on_its_port_is_not_taken_for_the_app(on: Stand) -> None:
    instance = await on.runner.start(on.release(), plan("sleep 600"), None, [])

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    stranger = await asyncio.start_server(greet, "127.0.0.1", port_of(instance))
    try:
        with pytest.raises(DeployFailed) as caught:
            await on.runner.gate(instance, QUICK)
    finally:
        stranger.close()
    assert caught.value.code is Code.NEVER_LISTENED
    assert f"(pid {os.getpid()}) does" in caught.value.detail


async def test_a_redirect_and_a_slow_start_pass_the_gate(on: Stand) -> None:
    instance = await on.runner.start(on.release(), plan("sleep 0.5; exec python3 server.py 302"), None, [])
    await on.runner.gate(instance, Health(timeout_seconds=30, highest=399))
    assert "302 Found" in await fetch(instance)


async def test_the_end_of_a_live_app_is_told_once(on: Stand) -> None:
    told: asyncio.Queue[Release] = asyncio.Queue()
    await on.runner.watch(told.put)
    dying, stopped = on.release(1), on.release(2)
    instance = await live(on, dying)
    await live(on, stopped)
    await on.runner.stop(stopped)
    await asyncio.to_thread(crash, port_of(instance))
    assert await asyncio.wait_for(told.get(), 20) == dying
    assert await on.runner.find(dying) is None
    assert told.empty()
    await live(on, dying)


async def test_an_app_that_fails_its_gate_is_not_told(on: Stand) -> None:
    told: list[Release] = []

    async def died(release: Release) -> None:
        told.append(release)

    await on.runner.watch(died)
    release = on.release()
    instance = await on.runner.start(release, plan("exit 1"), None, [])
    with pytest.raises(DeployFailed):
        await on.runner.gate(instance, QUICK)
    await on.runner.stop(release)
    assert told == []


async def test_an_app_outlives_the_box_and_is_found_watched_and_stopped(on: Stand) -> None:
    release = on.release()
    instance = await live(on, release)
    await on.runner.close()
    later = on.later()
    told: asyncio.Queue[Release] = asyncio.Queue()
    await later.watch(told.put)
    assert await later.find(release) == instance
    assert instance == await later.start(release, plan("exec python3 server.py"), None, [])
    assert "200 OK" in await fetch(instance)
    await asyncio.to_thread(crash, port_of(instance))
    assert await asyncio.wait_for(told.get(), 20) == release
    assert release not in await later.running()
    await later.close()


async def test_what_running_apps_spend_is_told(on: Stand) -> None:
    busy, calm = on.release(1), on.release(2)
    work = "(while :; do :; done) & sh -c 'while :; do :; done' & exec python3 server.py"
    await live(on, busy, work)
    await live(on, calm)
    before = await on.runner.spent()
    assert set(before) == {busy, calm}

    async def spent() -> float:
        return (await on.runner.spent())[busy].cpu_seconds - before[busy].cpu_seconds

    async with asyncio.timeout(30):
        while await spent() < 0.2:  # noqa: ASYNC110 - the kernel counts, nobody tells
            await asyncio.sleep(0.05)
    after = await on.runner.spent()
    assert after[calm].cpu_seconds - before[calm].cpu_seconds < after[busy].cpu_seconds - before[busy].cpu_seconds
    assert all(one.memory_bytes is None or one.memory_bytes > 2_000_000 for one in after.values())
    assert on.kind == "systemd" or after[busy].memory_bytes is not None
    await on.runner.stop(busy)
    assert set(await on.runner.spent()) == {calm}


async def test_a_static_site_is_an_instance_without_a_process(on: Stand) -> None:
    release = on.release()
    site = on.folders.release(release) / "web" / "dist"
    site.mkdir(parents=True)
    static = Plan(kind=PlanKind.STATIC, why="", output_directory="dist")
    instance = await on.runner.start(release, static, "web", [])
    assert instance.address == f"file:{site}"
    with pytest.raises(DeployFailed):
        await on.runner.gate(instance, FAIR)
    (site / "index.html").write_text("hello")
    await on.runner.gate(instance, FAIR)
    later = on.later()
    assert await later.find(release) == instance
    await on.runner.stop(release)
    assert await on.runner.find(release) is None


async def test_an_errand_sees_what_the_app_sees_and_ends_whole(on: Stand) -> None:
    release = on.release()
    said: list[str] = []
    line = 'echo "$WORD"; echo migrated > "$DATA_DIR/db"; echo ${PORT-none}; ls'
    errand = Errand(name="release", command=Command(shell=line), plan=plan("true"), root_directory=None)
    await on.runner.run_once(release, errand, [EnvVar(key="WORD", value=Secret("word-word-word"))], said.append)
    assert said[1:] == ["****", "none", "server.py"]
    await live(on, release, 'cat "$DATA_DIR/db"; exec python3 server.py')
    await until(lambda: on.log(release).startswith("migrated\n"))
    failing = Errand(name="preflight", command=Command(shell="echo no; exit 3"), plan=plan("true"), root_directory=None)
    with pytest.raises(DeployFailed, match="exit status 3") as caught:
        await on.runner.run_once(release, failing, [], said.append)
    assert caught.value.code is Code.PREFLIGHT_FAILED
    stuck = Errand(name="release", command=Command(shell=f"sleep 663.{RUN}"), plan=plan("true"), root_directory=None)
    with pytest.raises(DeployFailed, match="took longer than"):
        await on.runner.run_once(release, stuck, [], said.append, Limits(build_timeout_seconds=1))
    assert pids_of(f"sleep\x00663.{RUN}") == []


async def test_a_build_makes_the_release_and_keeps_its_caches(on: Stand) -> None:
    said: list[str] = []
    first, second = on.release(1), on.release(2)
    (on.folders.release(first) / "sub").mkdir()
    env = [EnvVar(key="API_KEY", value=Secret("hunter2hunter2"))]
    lines = building(
        'echo "$API_KEY"; pwd; echo x > made; chmod 700 made; ln -s made link', 'echo c >> "$HOME/count"; cat made'
    )
    await on.builder.build(first, None, lines, env, said.append)
    folder = on.folders.release(first)
    assert said[1] == "****"
    assert said[-1] == "x"
    assert (folder / "made").read_text() == "x\n"
    assert os.readlink(folder / "link") == "made"
    assert (folder / "server.py").exists()
    assert (folder / "sub").is_dir()
    assert {path.stat(follow_symlinks=False).st_uid for path in folder.rglob("*")} == {os.geteuid()}
    await on.builder.build(second, None, building('cat "$HOME/count"'), [], said.append)
    assert said[-1] == "c"
    await on.builder.clear_cache(on.project)
    await on.builder.build(on.release(3), None, building('cat "$HOME/count" || echo gone'), [], said.append)
    assert said[-1] == "gone"
    assert await on.builder.kept(on.project) == {one.deployment_id for one in on.used}
    await live(on, first, "cat made; exec python3 server.py")
    await until(lambda: on.log(first).startswith("x\n"))


async def test_a_build_that_fails_stalls_or_is_cancelled_leaves_nothing_running(on: Stand) -> None:
    release = on.release()
    with pytest.raises(DeployFailed, match="exit status 3") as caught:
        await on.builder.build(release, None, building("echo why; exit 3"), [], lambda _: None)
    assert "it said “why”" in caught.value.hint
    limits = Limits(build_timeout_seconds=1)
    with pytest.raises(DeployFailed) as late:
        await on.builder.build(
            release, None, building(f"setsid sleep 664.{RUN} & sleep 664.{RUN}"), [], lambda _: None, limits
        )
    assert late.value.code is Code.BUILD_TIMEOUT
    assert pids_of(f"sleep\x00664.{RUN}") == []
    begun = asyncio.Event()
    task = asyncio.create_task(
        on.builder.build(
            release,
            None,
            building(f"echo begun; sleep 665.{RUN}"),
            [],
            lambda line: begun.set() if line == "begun" else None,
        )
    )
    await asyncio.wait_for(begun.wait(), 30)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert pids_of(f"sleep\x00665.{RUN}") == []
    assert await on.builder.kept(on.project) == set()


async def test_data_is_sized_and_goes_with_the_project(on: Stand) -> None:
    release = on.release()
    await live(
        on, release, 'head -c 100000 /dev/zero > "$DATA_DIR/big"; echo x > "$DATA_DIR/small"; exec python3 server.py'
    )
    found = await on.builder.data(on.project)
    assert (found.files, found.whole) == (2, True)
    assert 100_000 <= found.bytes < 200_000
    await on.runner.stop(release)
    await on.builder.discard_project(on.project)
    assert (await on.builder.data(on.project)).files == 0


async def test_an_app_sees_neither_the_box_nor_others(on: Stand) -> None:
    before, release = on.release(1), on.release(2, spy__py=SPY)
    database = on.folders.home / "box.db"
    database.write_text("the owner's")
    await live(on, before, SECRET_OF_BEFORE="x" * 20)
    known = {"HOME_OF_BOX": str(on.folders.home), "PROJECT": str(on.project), "SECRET_OF_MINE": "y" * 20}
    await live(on, release, "python3 spy.py; exec python3 server.py", **known)
    await until(lambda: "\ndata " in on.log(release))
    seen = dict(line.split(" ", 1) for line in on.log(release).splitlines() if " " in line)
    database.unlink()
    assert seen["data"] == "1"
    if on.kind == "process":  # nothing sets apart there, and the doctor says so
        assert seen["database"] == "the owner's"
        return
    assert seen["database"] in {"FileNotFoundError", "PermissionError"}
    assert seen["releases"] in {"FileNotFoundError", f"['{release.deployment_id}']"}
    assert "SECRET_OF_MINE" in seen["secrets"]
    assert "SECRET_OF_BEFORE" not in seen["secrets"]
    assert seen["etc"] in {"OSError", "PermissionError"}
    assert seen["owner"] in {"FileNotFoundError", "PermissionError"}
    assert seen["bus"] in {"FileNotFoundError", "PermissionError"}


def pids_of(command: str) -> list[int]:
    """The processes whose arguments hold this."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue
            if command in words and "pytest" not in words:
                found.append(int(entry.name))
    return found


def crash(port: int) -> None:
    """Have the server of a port end itself."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as box:
        box.sendall(b"CRASH / HTTP/1.0\r\n\r\n")
        while box.recv(1024):
            continue

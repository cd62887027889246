"""Builds: in their own environment, redacted, bounded, and a sentence for each way to fail; and what removes them."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import pytest

from nanoscale_box.adapters.build import BuildLimits, ProcessBuilder
from nanoscale_box.adapters.disk import Room, sync_disk
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.core.errors import Code, DeployFailed, Fault, Invalid, Unavailable
from nanoscale_box.core.model import DeploymentId, EnvVar, Limits, ProjectId, Release
from nanoscale_box.core.plan import Command, Plan, PlanKind
from nanoscale_box.core.secret import Secret
from tests.adapters.helpers import STRAY, is_running, pid_in

PROJECT = ProjectId("prj_1")
RELEASE = Release(project_id=PROJECT, deployment_id=DeploymentId("dep_1"))
SECRET = [EnvVar(key="API_KEY", value=Secret("hunter2hunter2"))]


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A home with a checkout."""
    folders = Folders(tmp_path / "home")
    folders.release(RELEASE).mkdir(parents=True)
    return folders


def builder(folders: Folders, limits: BuildLimits | None = None) -> ProcessBuilder:
    """A builder as a box makes one."""
    return ProcessBuilder(folders, search_path=os.environ["PATH"], limits=limits)


def plan(*build: str, install: str | None = None, output: str | None = None, needs: tuple[str, ...] = ()) -> Plan:
    """A plan of an owner's own lines; with an output directory it is a static site."""
    return Plan(
        kind=PlanKind.CUSTOM,
        why="",
        install=() if install is None else (Command(shell=install),),
        build=tuple(Command(shell=line) for line in build),
        run=None if output else Command(argv=("true",)),
        output_directory=output,
        needs=needs,
        env={"FROM_PLAN": "1", "API_KEY": "beneath"},
        path_prefix=("bin",),
    )


async def failure(folders: Folders, plan: Plan, limits: BuildLimits | None = None) -> tuple[DeployFailed, list[str]]:
    """How the build fails, and what it said; the release is not kept."""
    lines: list[str] = []
    with pytest.raises(DeployFailed) as caught:
        await builder(folders, limits).build(RELEASE, None, plan, SECRET, lines.append)
    assert await builder(folders).kept(PROJECT) == set()
    return caught.value, lines


async def test_builds_in_place_with_its_own_environment(folders: Folders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NANOSCALE_ENCRYPTION_KEYS", "x")
    work = folders.release(RELEASE) / "web"
    (work / "bin").mkdir(parents=True)
    (work / "bin" / "mine").write_text("#!/bin/sh\necho mine $API_KEY\n")
    (work / "bin" / "mine").chmod(0o755)
    lines: list[str] = []
    await builder(folders).build(
        RELEASE, "web", plan("mine", "env | sort", install="echo one; pwd"), SECRET, lines.append
    )
    assert lines[:5] == ["$ echo one; pwd", "one", str(work), "$ mine", "mine ****"]
    seen = dict(line.split("=", 1) for line in lines[6:])
    assert seen["API_KEY"] == "****"
    assert (seen["CI"], seen["FROM_PLAN"]) == ("true", "1")
    assert seen["PATH"] == f"{work}/bin:{os.environ['PATH']}"
    cache = str(folders.cache(PROJECT))
    for name in ("HOME", "TMPDIR", "PIP_CACHE_DIR", "npm_config_cache", "UV_CACHE_DIR", "GOCACHE", "XDG_CACHE_HOME"):
        assert seen[name].startswith(cache), name
    assert not [name for name in seen if name.startswith("NANOSCALE")]
    assert await builder(folders).kept(PROJECT) == {RELEASE.deployment_id}
    assert not list(folders.release(RELEASE).glob("**/*.whole"))


async def test_what_it_says_is_inert_redacted_and_bounded(folders: Folders) -> None:
    lines: list[str] = []
    tell = r"printf '\033[2Jred\033]52;c;eA==\007 ghp_0123456789abcdefghij\n\007\0[/foo]\n'"
    key = "printf -- '-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nabc\n-----END RSA PRIVATE KEY-----\nafter\n'"
    await builder(folders).build(RELEASE, None, plan(tell, key), SECRET, lines.append)
    assert lines[1] == "red ****"
    assert lines[2].endswith("[/foo]")
    assert all(line.isprintable() for line in lines)
    assert not any("MIIEow" in line or "abc" in line for line in lines[4:])
    assert lines[-1] == "after"
    flood: list[str] = []
    limits = BuildLimits(log_bytes=1000)
    await builder(folders, limits).build(RELEASE, None, plan("yes | head -n 100000"), [], flood.append)
    assert len(flood) < 1000
    assert flood[-1] == "This log is too long; what follows is not kept."


@pytest.mark.parametrize(
    ("given", "code", "detail", "hint"),
    [
        (
            plan("echo no; exit 3"),
            Code.BUILD_FAILED,
            "the build command `echo no; exit 3` ended with exit status 3",
            "it said “no”;",
        ),
        (plan(install="false"), Code.INSTALL_FAILED, "the install command `false` ended with exit status 1", "nothing"),
        (plan("kill -9 $$"), Code.BUILD_FAILED, "ended by signal 9 (SIGKILL), perhaps for want of memory", ""),
        (plan("no-such-tool"), Code.TOOL_MISSING, "calls a program that this machine has not", "no-such-tool"),
        (
            plan(needs=("no-such-tool", "sh")),
            Code.TOOL_MISSING,
            "this machine has no no-such-tool, and",
            "install no-such",
        ),
        (plan("true", output="dist"), Code.OUTPUT_MISSING, "'dist' is not there after the build", "output directory"),
        (plan("ln -s / dist", output="dist"), Code.OUTPUT_MISSING, "'dist' is not there", ""),
        (plan("mkdir dist; ln -s /etc/passwd dist/x", output="dist"), Code.OUTPUT_MISSING, "leads out of the", "copy"),
    ],
)
async def test_each_way_to_fail_has_a_sentence(
    folders: Folders, given: Plan, code: Code, detail: str, hint: str
) -> None:
    error, lines = await failure(folders, given)
    assert (error.code, detail in error.detail, hint in error.hint) == (code, True, True), (error.detail, error.hint)
    assert lines or not given.build


async def test_a_command_that_takes_too_long_is_ended(folders: Folders) -> None:
    error, _ = await failure(folders, plan("echo $$ > pid; sleep 600"), BuildLimits(seconds=0.5))
    assert error.code is Code.BUILD_TIMEOUT
    assert "took longer than 0.5 seconds" in error.detail
    assert not is_running(int((folders.release(RELEASE) / "pid").read_text()))


async def test_a_build_that_takes_too_much_of_the_disk_is_ended(folders: Folders) -> None:
    greedy = plan("echo $$ > pid; head -c 9000000 /dev/zero > large; sleep 600")
    error, _ = await failure(folders, greedy, BuildLimits(room=Room(most=8_000_000)))
    assert (error.code, error.fault) == (Code.BUILD_FAILED, Fault.OWNER)
    assert "grew beyond 0.00745 GiB" in error.detail
    assert not is_running(int((folders.release(RELEASE) / "pid").read_text()))
    with pytest.raises(Unavailable) as full:
        await builder(folders, BuildLimits(room=Room(spare=1 << 62))).build(RELEASE, None, greedy, [], lambda _: None)
    assert (full.value.code, full.value.fault) == (Code.DISK_FULL, Fault.BOX)


async def test_what_an_app_keeps_is_measured(folders: Folders) -> None:
    data = folders.data(RELEASE.project_id)
    assert (await builder(folders).data(RELEASE.project_id)).files == 0
    (data / "deep").mkdir(parents=True)
    (data / "deep" / "file").write_bytes(bytes(100_000))
    (data / "out").symlink_to("/usr")
    kept = await builder(folders).data(RELEASE.project_id)
    assert (kept.path, kept.files, kept.whole) == (str(data), 2, True)
    assert 100_000 <= kept.bytes < 150_000


async def test_a_project_says_how_long_a_command_may_take_and_how_much_memory(folders: Folders) -> None:
    with pytest.raises(DeployFailed) as failed:
        await builder(folders).build(
            RELEASE, None, plan("sleep 600"), [], lambda _: None, Limits(build_timeout_seconds=1)
        )
    assert (failed.value.code, "took longer than 1 seconds" in failed.value.detail) == (Code.BUILD_TIMEOUT, True)
    greedy = f"{sys.executable} -c 'x = bytearray(300 * 1024 * 1024)'"
    with pytest.raises(DeployFailed) as failed:
        await builder(folders).build(RELEASE, None, plan(greedy), [], lambda _: None, Limits(build_memory_mb=64))
    assert (failed.value.code, "MemoryError" in failed.value.hint) == (Code.BUILD_FAILED, True)


async def test_cancelling_leaves_nothing_running(folders: Folders) -> None:
    work = folders.release(RELEASE)
    (work / "stray.py").write_text(STRAY)
    line = f"{sys.executable} stray.py pid & sleep 600"
    job = asyncio.create_task(builder(folders).build(RELEASE, None, plan(line), [], lambda _: None))
    child = await pid_in(work / "pid")
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job
    assert not is_running(child)
    assert await builder(folders).kept(PROJECT) == set()


async def test_a_link_inside_the_release_is_served(folders: Folders) -> None:
    line = "mkdir dist; echo hi > page; ln -s ../page dist/index.html"
    await builder(folders).build(RELEASE, None, plan(line, output="dist"), [], lambda _: None)
    assert await builder(folders).kept(PROJECT) == {RELEASE.deployment_id}


async def test_inspect_sees_what_planning_needs_and_nothing_outside(folders: Folders, tmp_path: Path) -> None:
    work = folders.release(RELEASE) / "app"
    for folder in (work / "src", work / "node_modules" / "x", folders.release(RELEASE) / "shared"):
        folder.mkdir(parents=True)
    (work / "src" / "main.py").write_text("x")
    (work / "node_modules" / "x" / "index.js").write_text("x")
    (folders.release(RELEASE) / "shared" / "requirements.txt").write_text("flask\n")
    (work / "requirements.txt").symlink_to("../shared/requirements.txt")
    (tmp_path / "outside").write_text("secret")
    (work / "Procfile").symlink_to(tmp_path / "outside")
    os.mkfifo(work / "package.json")
    (work / "pyproject.toml").write_bytes(b"\xff\xfe")
    (work / "loop").symlink_to("loop")
    (work / "up").symlink_to("..")
    tree = await builder(folders).inspect(RELEASE, "app")
    assert {"src/main.py", "requirements.txt", "up"} <= tree.files
    assert not [name for name in tree.files if name.startswith(("node_modules", "up/"))]
    assert tree.texts["requirements.txt"] == "flask\n"
    assert "Procfile" not in tree.texts
    assert "package.json" not in tree.texts
    assert tree.texts["pyproject.toml"] == "\N{REPLACEMENT CHARACTER}" * 2
    assert "python3" in tree.tools


@pytest.mark.parametrize("root", ["nowhere", "..", "../..", "/etc", "out", "file"])
async def test_a_root_directory_must_be_one(folders: Folders, root: str) -> None:
    (folders.release(RELEASE) / "out").symlink_to("/etc")
    (folders.release(RELEASE) / "file").write_text("x")
    with pytest.raises(DeployFailed) as caught:
        await builder(folders).inspect(RELEASE, root)
    assert caught.value.code is Code.PLAN_INVALID


async def test_a_huge_text_is_a_sentence(folders: Folders) -> None:
    (folders.release(RELEASE) / "package.json").write_bytes(b" " * 2_000_000)
    with pytest.raises(DeployFailed, match="larger than 1 MiB"):
        await builder(folders).inspect(RELEASE, None)


async def test_discard_removes_what_nothing_else_would(folders: Folders, tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").write_text("x")
    release = folders.release(RELEASE)
    (release / "link").symlink_to(tmp_path / "precious")
    (release / "dead").symlink_to("nowhere")
    os.mkfifo(release / "fifo")
    (release / os.fsdecode(b"\xff\x1b\n")).write_text("x")
    (release / "read-only" / "below").mkdir(parents=True)
    (release / "read-only" / "below" / "file").write_text("x")
    (release / "read-only" / "below").chmod(0o500)
    (release / "read-only").chmod(0o500)
    deep = os.open(release, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=deep)
        deeper = os.open("d", os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = deeper
    os.close(deep)
    await builder(folders).build(RELEASE, None, plan(), [], lambda _: None)
    await builder(folders).discard(RELEASE)
    await builder(folders).discard(RELEASE)
    assert not release.exists()
    assert await builder(folders).kept(PROJECT) == set()
    assert (tmp_path / "precious" / "file").exists()
    assert list(folders.trash.glob("*/*")) == []


async def test_discarding_a_project_leaves_the_others(folders: Folders) -> None:
    other = ProjectId("prj_2")
    for project in (PROJECT, other):
        for folder in (folders.data(project), folders.cache(project), folders.logs_of(project)):
            (folder / "x").mkdir(parents=True)
    await builder(folders).clear_cache(PROJECT)
    assert not folders.cache(PROJECT).exists()
    await builder(folders).discard_project(PROJECT)
    left = {str(path.relative_to(folders.home)) for path in folders.home.glob("*/*")}
    assert left - {"trash/builds", "trash/work"} == {"data/prj_2", "cache/prj_2", "logs/prj_2"}


@pytest.mark.parametrize("name", ["..", "", "a/b", ".hidden", "-x", "a" * 200, "a.whole", "a\n", "ä"])
def test_an_id_is_a_plain_name(folders: Folders, name: str) -> None:
    with pytest.raises(Invalid):
        folders.release(Release(project_id=PROJECT, deployment_id=DeploymentId(name)))
    with pytest.raises(Invalid):
        folders.data(ProjectId(name))


@pytest.mark.parametrize("host", ["..", "", "a/b", ".a", "a..b", "A.localhost", "a b", "a{b}", "x" * 300])
def test_a_host_is_a_plain_name(folders: Folders, host: str) -> None:
    with pytest.raises(Invalid):
        folders.route(host)


async def test_room_on_the_disk_is_looked_at(folders: Folders) -> None:
    await builder(folders).check_room()
    here = os.environ["PATH"]
    await ProcessBuilder(folders, search_path=here, min_free_mb=1).check_room()
    with pytest.raises(Unavailable) as caught:
        await ProcessBuilder(folders, search_path=here, min_free_mb=10**9).check_room()
    assert caught.value.code is Code.DISK_FULL
    assert "MB free; a deployment begins with 1000000000 MB or more" in caught.value.detail
    assert "free some space" in caught.value.hint


async def test_the_files_rest_on_the_disk_before_the_mark_says_so(folders: Folders) -> None:
    synced: list[tuple[Path, bool, bool]] = []

    def sync(folder: Path) -> None:
        synced.append((folder, (folder / "made").exists(), folders.whole_mark(RELEASE).exists()))

    careful = ProcessBuilder(folders, search_path=os.environ["PATH"], sync=sync)
    await careful.build(RELEASE, None, plan("echo x > made"), [], lambda _: None)
    assert synced == [(folders.release(RELEASE), True, False)]
    assert await careful.kept(PROJECT) == {RELEASE.deployment_id}


def test_syncing_a_disk_returns_and_a_folder_that_is_gone_is_told(tmp_path: Path) -> None:
    sync_disk(tmp_path)
    with pytest.raises(FileNotFoundError):
        sync_disk(tmp_path / "gone")


async def test_removing_beside_a_build_that_begins_harms_neither(folders: Folders) -> None:
    """An old release goes while the next is built: each puts away only what it threw away itself."""
    making = builder(folders)

    async def discard(number: int) -> None:
        old = Release(project_id=PROJECT, deployment_id=DeploymentId(f"old_{number}"))
        for name in range(20):
            (folders.release(old) / str(name)).mkdir(parents=True)
        await making.discard(old)

    async def begin(number: int) -> None:
        release = Release(project_id=PROJECT, deployment_id=DeploymentId(f"new_{number}"))
        folders.release(release).mkdir(parents=True)
        await making.build(release, None, plan("mkdir -p $TMPDIR/a/b $TMPDIR/c"), [], lambda _: None)

    for number in range(12):
        await asyncio.gather(*(discard(20 * number + more) for more in range(20)), begin(number))
    assert len(await making.kept(PROJECT)) == 12

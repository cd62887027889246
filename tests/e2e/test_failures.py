"""What goes wrong ends in a sentence and what to do next; the log is kept and the old release goes on."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire import shapes
from nanoscale_box.wire.requests import ChangeProject
from tests.e2e.harness import Box, app_files, box_in, repository
from tests.e2e.processes import until
from tests.needs import lacking, needs_caddy, needs_root

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

TOML = 'run_command = "python3 app.py"\n'
IMPATIENT = TOML + "[health]\ntimeout_seconds = 1\n"
BAD_PUSHES: list[tuple[str, Mapping[str, str | None], str, str]] = [
    (
        "plan_unknown",
        {"app.py": None, "nanoscale.toml": None},
        "nothing was found that could be started or served",
        "set a run command",
    ),
    (
        "build_failed",
        {"nanoscale.toml": 'build_command = "echo no luck today; exit 3"\n' + TOML},
        "the build command `echo no luck today; exit 3` ended with exit status 3",
        "no luck today",
    ),
    (
        "never_listened",
        {"nanoscale.toml": IMPATIENT, "app.py": "import time\ntime.sleep(60)\n"},
        "within 1 seconds",
        "HOST and PORT",
    ),
    (
        "exited_early",
        {"nanoscale.toml": TOML, "app.py": "raise SystemExit('cannot find my settings')\n"},
        "the app ended right after its start, with exit status 1",
        "cannot find my settings",
    ),
    (
        "tool_missing",
        {"nanoscale.toml": 'build_command = "no-such-program"\n' + TOML},
        "calls a program that this machine has not",
        "install it",
    ),
    ("plan_invalid", {"nanoscale.toml": "run_comand = 1\n"}, "run_comand is not known", "run_command"),
]


def says(text: str | None, words: str) -> bool:
    """Whether a sentence holds these words, wherever its capitals are."""
    return words.casefold() in (text or "").casefold()


async def test_every_way_a_push_can_be_bad(box: Box, sandbox: Sandbox) -> None:
    """Each with its sentence, hint and log, and the release before it serving from the same process."""
    url = await repository(sandbox, "site", app_files("good"))
    await box.start()
    first = await box.create(url, name="site")
    before = box.apps()
    for code, files, sentence, hint in BAD_PUSHES:
        await sandbox.push("ada/site", files=dict(files))
        failed = await box.redeploy("site")
        assert failed.state == "failed", code
        assert failed.error is not None
        assert failed.error.code == code, failed.error
        assert says(failed.error.detail, sentence), failed.error.detail
        assert says(failed.error.hint, hint), failed.error.hint
        assert "fetching main at " in await box.build_log(failed.id), code
        assert (box.apps(), await box.page("site.localhost")) == (before, (200, "good")), code
    told = await box.command("why", "site")
    assert "run_comand is not known" in told.stdout
    kept = {path.name for path in (box.home / "releases").glob("*/*") if path.is_dir()}
    assert kept == {first.id}, "failed releases were left behind"
    async with box.client() as client:
        await client.change_project("site", ChangeProject(branch="nowhere"))
    missing = await box.redeploy("site")
    assert missing.error is not None
    assert (missing.error.code, missing.error.detail) == ("branch_missing", "the repository has no branch nowhere")
    assert "projects set site --branch" in (missing.error.hint or "")
    assert (box.apps(), await box.page("site.localhost")) == (before, (200, "good"))


async def test_a_repository_that_is_not_there(box: Box, sandbox: Sandbox) -> None:
    await box.start()
    done = await box.command(
        "projects", "create", "--url", f"{sandbox.url}/ada/nothing", "--branch", "main", "--name", "x"
    )
    assert done.returncode == 1
    assert "nanoscale-box:" in done.stderr
    assert "Traceback" not in done.stderr


async def test_without_credentials_the_next_step_is_offered(tmp_path: Path) -> None:
    needs_caddy()
    async with box_in(tmp_path / "box") as box:
        await box.start()
        told = await box.command("status")
        assert told.returncode == 0
        assert "GitHub: not connected. Private repositories need it: nanoscale-box github connect" in told.stdout
        assert "nanoscale-box projects create --url URL" in told.stdout
        sync = await box.command("github", "sync")
        assert sync.returncode == 1
        assert "nanoscale-box github connect" in sync.stderr
        create = await box.command("projects", "create", "--repo", "me/site")
        assert create.returncode == 1
        assert "nanoscale-box github connect" in create.stderr
        repos = await box.command("github", "repos")
        assert "nanoscale-box github" in repos.stdout + repos.stderr


async def test_no_box_at_all_is_a_sentence(tmp_path: Path) -> None:
    async with box_in(tmp_path / "box") as box:
        told = await box.command("status")
        assert told.returncode == 69
        assert told.stderr.startswith("nanoscale-box: ")
        assert "nanoscale-box serve" in told.stderr


async def test_the_public_doors_port_is_taken(box: Box) -> None:
    with listening(box.settings["NANOSCALE_LISTEN"]):
        refused = box.refused()
    assert refused.returncode == 1
    assert "is taken by another program" in refused.stderr
    assert says(refused.stderr, "set NANOSCALE_LISTEN to another port")
    assert "Traceback" not in refused.stderr


async def test_the_ingress_port_is_taken(box: Box, sandbox: Sandbox) -> None:
    """The box runs and says so; a deployment ends with the sentence, and works once the port is free."""
    url = await repository(sandbox, "site", app_files("one"))
    port = box.settings["NANOSCALE_INGRESS_LISTEN"].rpartition(":")[2]
    with listening(box.settings["NANOSCALE_INGRESS_LISTEN"]):
        await box.start()
        doctor = await box.command("doctor")
        assert doctor.returncode == 1
        assert f"port {port}, where apps are served, is in use" in doctor.stdout
        done = await box.create(url, name="site")
        assert done.state == "failed"
        assert done.error is not None
        assert done.error.code == "port_taken"
        assert f"port {port}, where apps are served, is in use" in done.error.detail
        assert "NANOSCALE_INGRESS_LISTEN" in (done.error.hint or "")
        assert box.apps() == {}
    again = await box.redeploy("site")
    assert again.state == "live", again.error
    assert await box.page("site.localhost") == (200, "one")

    async def well(client: BoxClient) -> shapes.Doctor | None:
        found = await client.doctor()
        return found if found.ok else None

    await box.seen(well, "the doctor is content")


async def test_caddy_is_missing(tmp_path: Path, sandbox: Sandbox) -> None:
    """An interpreter without Caddy beside it, and a PATH without one."""
    async with box_in(tmp_path / "box", sandbox) as box:
        box.python = bare_python(tmp_path / "bare")
        box.settings["PATH"] = path_without_caddy(tmp_path / "bin")
        url = await repository(sandbox, "site", app_files("one"))
        await box.start()
        doctor = await box.command("doctor")
        assert "there is no Caddy on this machine" in doctor.stdout
        done = await box.create(url, name="site")
        assert done.error is not None
        assert (done.state, done.error.code) == ("failed", "ingress_missing")
        assert "extra `ingress`" in (done.error.hint or "")


async def test_a_second_box_on_the_same_home(box: Box) -> None:
    await box.start()
    second = box.refused(NANOSCALE_SOCKET=str(box.folder / "other.sock"), NANOSCALE_LISTEN="127.0.0.1:0")
    assert second.returncode == 1
    assert f"is running already (process {box.pid})" in second.stderr
    assert "NANOSCALE_HOME" in second.stderr
    same_socket = box.refused(NANOSCALE_HOME=str(box.folder / "other"), NANOSCALE_LISTEN="127.0.0.1:0")
    assert same_socket.returncode == 1
    assert "another box answers at" in same_socket.stderr


async def test_bad_settings_are_told_all_at_once(box: Box) -> None:
    refused = box.refused(
        NANOSCALE_LISTEN="nowhere", NANOSCALE_POLL_SECONDS="often", NANOSCALE_GITHUB_APP_ID="x", NANOSCALE_ENV="test"
    )
    assert refused.returncode == 78
    for name in ("NANOSCALE_LISTEN", "NANOSCALE_POLL_SECONDS", "NANOSCALE_GITHUB_APP_CLIENT_SECRET", "NANOSCALE_ENV"):
        assert name in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not box.home.exists(), "something was opened before the settings were known to be good"


async def test_a_full_disk(tmp_path: Path, sandbox: Sandbox) -> None:
    """On a disk of its own: the build that fills it ends with the sentence, and the box works on once there is room."""
    needs_caddy()
    with small_disk(tmp_path / "box" / "home"):
        async with box_in(tmp_path / "box", sandbox) as box:
            url = await repository(sandbox, "site", app_files("one"))
            await box.start()
            refused = await box.create(url, name="site")
            assert refused.error is not None and refused.error.code == "disk_full"
            assert "MB free; a deployment begins with 512 MB or more" in refused.error.detail
            await box.stop()
            await box.start(NANOSCALE_MIN_FREE_MB="8")
            await box.redeploy("site")
            before = box.apps()
            greedy = 'build_command = "dd if=/dev/zero of=big bs=1M"\n' + TOML
            await sandbox.push("ada/site", files={"nanoscale.toml": greedy})
            full = await box.redeploy("site")
            assert full.state == "failed"
            assert full.error is not None
            assert full.error.code == "disk_full", full.error
            assert "space" in (full.error.hint or "")
            assert (box.apps(), await box.page("site.localhost")) == (before, (200, "one"))
            await sandbox.push("ada/site", files={"nanoscale.toml": TOML, "page.txt": "two"})
            again = await box.redeploy("site")
            assert again.state == "live", again.error
            assert await box.page("site.localhost") == (200, "two")
            await until(lambda: list(box.apps()) == [again.id], "the old app has ended")


@contextmanager
def listening(address: str) -> Iterator[None]:
    """Somebody else on an address."""
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port))):
        yield


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A disk of 64 MiB."""
    needs_root()
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m,mode=700", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, timeout=10, check=False).returncode != 0:
        lacking("This machine lets nobody mount a disk for a test.")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], timeout=10, check=True)


def bare_python(folder: Path) -> str:
    """An interpreter with the same libraries and no programs beside it."""
    venv.create(folder, with_pip=False, symlinks=True)
    version = sysconfig.get_python_version()
    libraries = folder / "lib" / f"python{version}" / "site-packages" / "libraries.pth"
    libraries.write_text(sysconfig.get_path("purelib") + "\n")
    return str(folder / "bin" / "python")


def path_without_caddy(folder: Path) -> str:
    """A PATH of few programs."""
    folder.mkdir()
    (folder / "python3").symlink_to(os.path.realpath(sys.executable))
    for name in ("sh", "git"):
        (folder / name).symlink_to(os.path.realpath(str(shutil.which(name))))
    return str(folder)

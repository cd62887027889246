"""The front desk as processes see it: quick help, exit statuses, pipes, and what needs a terminal."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nanoscale_box import __version__
from nanoscale_box.web.server import build_local, open_local
from tests.cli.conftest import process
from tests.house.tree import ROOT
from tests.web.fake_engine import FakeEngine


@pytest.fixture
async def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def socket(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Path]:
    """A real local door before a fake engine."""
    door = await open_local(build_local(engine.services(), ping_seconds=0.2), tmp_path / "run" / "box.sock")
    yield Path(door.name)
    await door.close()


def cpu_seconds(*argv: str) -> float:
    """What a process costs, whatever else the machine does: the least of some runs."""
    costs = []
    for _ in range(5):
        pid = os.posix_spawn(sys.executable, [sys.executable, *argv], os.environ, file_actions=_QUIET)
        _, status, used = os.wait4(pid, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        costs.append(used.ru_utime + used.ru_stime)
    return min(costs)


_QUIET = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_cost_a_tenth_of_a_second_at_most(flag: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert cpu_seconds("-m", "nanoscale_box", flag) < 0.1


async def test_version() -> None:
    told = await process("--version")
    assert (told.status, told.out, told.err) == (0, f"nanoscale-box {__version__}\n", "")


async def test_the_terminal_ui_wants_a_terminal(tmp_path: Path) -> None:
    told = await process(NANOSCALE_HOME=str(tmp_path))
    assert (told.status, told.out) == (2, "")
    assert "nanoscale-box status" in told.err
    assert list(tmp_path.iterdir()) == []


async def test_so_does_the_demo_and_says_how_to_go_without() -> None:
    told = await process("demo")
    assert (told.status, "demo --headless" in told.err) == (2, True)


@pytest.mark.parametrize("command", ["serve"])
async def test_wrong_settings_are_78_and_all_are_named_before_anything_is_opened(command: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    told = await process(
        command,
        NANOSCALE_HOME=str(home),
        NANOSCALE_POLL_SECONDS="often",
        NANOSCALE_GITHUB_APP_ID="x1",
    )
    assert (told.status, told.out) == (78, "")
    lines = told.err.splitlines()
    assert [line for line in lines[:-1] if not line.startswith("nanoscale-box: NANOSCALE_")] == []
    named = {line.split()[1] for line in lines[:-1]}
    assert {"NANOSCALE_POLL_SECONDS", "NANOSCALE_GITHUB_APP_ID", "NANOSCALE_PUBLIC_BASE_URL"} <= named
    assert "docs/configuration.md" in lines[-1]
    assert not home.exists()


async def test_a_home_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    told = await process("serve", NANOSCALE_HOME=str(file / "home"), NANOSCALE_SOCKET=str(tmp_path / "s"))
    assert told.status == 78
    assert "NANOSCALE_HOME" in told.err
    assert "Traceback" not in told.err


async def test_a_moment_to_crash_at_that_does_not_come_is_a_sentence(tmp_path: Path) -> None:
    told = await process(
        "serve", HOME=str(tmp_path), NANOSCALE_HOME=str(tmp_path / "home"), NANOSCALE_SOCKET=str(tmp_path / "s"),
        NANOSCALE_ENV="development", NANOSCALE_CRASH_AT="switch dune",
    )  # fmt: skip
    assert told.status == 78
    assert "'switch dune'" in told.err and "switch done" in told.err and "Traceback" not in told.err


async def test_no_box_is_69(tmp_path: Path) -> None:
    told = await process("status", NANOSCALE_SOCKET=str(tmp_path / "nobody"))
    assert (told.status, told.out) == (69, "")


async def test_a_pipe_gets_plain_text_and_may_close_early(socket: Path, engine: FakeEngine) -> None:
    engine.logs.lines = [f"line {number} " + "x" * 200 for number in range(2000)]
    engine.logs.complete = True
    shell = f"{sys.executable} -m nanoscale_box logs hello --tail 2000 | head -n 1"
    done = await asyncio.create_subprocess_exec(
        "bash", "-o", "pipefail", "-c", shell,
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={**os.environ, "NANOSCALE_SOCKET": str(socket)},
    )  # fmt: skip
    out, err = await done.communicate()
    assert (done.returncode, out[:7], err) == (0, b"line 0 ", b"")


async def test_output_that_is_not_utf_8_loses_glyphs_and_nothing_else(socket: Path) -> None:
    told = await process("status", NANOSCALE_SOCKET=str(socket), PYTHONIOENCODING="ascii", TERM="xterm")
    assert told.status == 0
    assert "\nlive  hello  main" in told.out
    told = await process("projects", "list", "--json", NANOSCALE_SOCKET=str(socket), PYTHONIOENCODING="ascii")
    assert (told.status, told.err) == (0, "")


async def test_ctrl_c_ends_a_command_with_130_and_no_trace(socket: Path) -> None:
    waiting = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nanoscale_box", "github", "connect", "--no-browser",
        cwd=ROOT, stdout=PIPE, stderr=PIPE, env={**os.environ, "NANOSCALE_SOCKET": str(socket)},
    )  # fmt: skip
    assert waiting.stdout is not None and waiting.stderr is not None
    await waiting.stdout.readline()
    await waiting.stderr.readuntil(b"Waiting")
    waiting.send_signal(2)
    _, err = await waiting.communicate()
    assert waiting.returncode == 130
    assert b"Traceback" not in err

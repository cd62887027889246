"""The demo: seen to its end, interrupted anywhere, twice at once, with and without a terminal; nothing is left."""

from __future__ import annotations

import asyncio
import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from nanoscale_box.demo.run import ALL_STEPS
from tests.e2e.harness import CHECKOUT
from tests.e2e.processes import at_work_in, described, end_all_in, is_running, until
from tests.needs import needs, needs_caddy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

STEPS = [*ALL_STEPS, "cleanup", "done"]
RUNS = 10 if os.environ.get("NANOSCALE_TEST_SIZE") == "large" else 1
DEMO = [sys.executable, "-m", "nanoscale_box", "demo"]


@pytest.fixture
def place() -> Iterator[Path]:
    """Where demos keep everything; nothing may be left of them there, nor run. Not below pytest's folder for the test:
    the kernel takes no path of a socket beyond 107 bytes."""
    needs_caddy()
    with TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as name:
        found = Path(name)
        try:
            yield found
            assert at_work_in(found) == [], described(at_work_in(found))
            assert list(found.iterdir()) == []
        finally:
            end_all_in(found)


def environment(place: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    return {**kept, "TMPDIR": str(place), "HOME": str(place), "PYTHONPATH": str(CHECKOUT)}


def started(place: Path, *words: str) -> subprocess.Popen[str]:
    """A demo in a session of its own, as in another terminal."""
    return subprocess.Popen(
        [*DEMO, *words], env=environment(place), cwd=CHECKOUT, start_new_session=True, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def lines_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("_", range(RUNS))
def test_headless_sees_every_step(place: Path, _: int) -> None:
    demo = started(place, "--headless", "--json")
    out, errors = demo.communicate(timeout=50)
    lines = lines_of(out)
    assert demo.returncode == 0, (lines, errors)
    assert [line["step"] for line in lines] == STEPS
    assert all(line["ok"] for line in lines)
    assert all(set(line) == {"step", "ok", "ms", "detail"} for line in lines[:-1])
    assert lines[-1]["redeploys"] == 1
    assert lines[-1]["ms"] < 30_000
    assert errors == ""


def test_two_at_once(place: Path) -> None:
    demos = [started(place, "--headless", "--json") for _ in range(2)]
    told = [demo.communicate(timeout=55) for demo in demos]
    assert [demo.returncode for demo in demos] == [0, 0], told
    assert [lines_of(out)[-1]["redeploys"] for out, _ in told] == [1, 1]


def has(what: str) -> Callable[[Path], bool]:
    """Whether a file of this name lies anywhere in the demo's folder."""
    return lambda place: any(place.glob(f"nanoscale-box-demo-*/{what}"))


MOMENTS: dict[str, Callable[[Path], bool]] = {
    "at once": lambda _: True,
    "while the sandbox starts": has("sandbox.log"),
    "while the box starts": has("box.log"),
    "while the ingress starts": has("box/ingress/caddy.json"),
    "while the first release is built": has("box/releases/*/*"),
    "while the first release starts": has("box/instances/*.json"),
    "once it serves": has("box/routes/*"),
    "during the second deployment": lambda place: len(list(place.glob("*/box/releases/*/*"))) > 2,
}


@pytest.mark.parametrize("moment", MOMENTS)
async def test_interrupted(place: Path, moment: str) -> None:
    number = signal.SIGTERM if list(MOMENTS).index(moment) % 2 else signal.SIGINT
    demo = started(place, "--headless", "--json")
    await until(lambda: MOMENTS[moment](place), moment)
    demo.send_signal(number)
    out, errors = await asyncio.to_thread(demo.communicate, timeout=30)
    assert demo.returncode not in (None, 0)
    assert not [line for line in lines_of(out) if line["step"] == "done"]
    if moment != "at once":
        assert errors == "interrupted; everything was stopped\n"


async def test_an_impatient_ctrl_c(place: Path) -> None:
    """It interrupts the demo, not its putting away."""
    demo = started(place, "--headless", "--json")
    await until(lambda: MOMENTS["once it serves"](place), "it serves")
    for _ in range(5):
        demo.send_signal(signal.SIGINT)
        await asyncio.sleep(0.05)
    _, errors = await asyncio.to_thread(demo.communicate, timeout=30)
    assert (demo.returncode, errors) == (1, "interrupted; everything was stopped\n")


def test_a_reader_that_goes_away(place: Path) -> None:
    demo = started(place, "--headless", "--json")
    assert demo.stdout is not None
    demo.stdout.readline()
    demo.stdout.close()
    demo.stdout = None
    _, errors = demo.communicate(timeout=30)
    assert (demo.returncode, errors) == (1, "")


def test_a_push_without_a_demo_says_so(place: Path) -> None:
    pushed = started(place, "push")
    out, errors = pushed.communicate(timeout=20)
    assert (pushed.returncode, out) == (1, "")
    assert errors == "No demo is running here. Start one in another terminal: ./scripts/box demo\n"


def test_without_a_terminal_it_says_how(place: Path) -> None:
    demo = started(place)
    _, errors = demo.communicate(timeout=20)
    assert demo.returncode == 2
    assert "nanoscale-box demo --headless" in errors


class Terminal:
    """A demo in a terminal of its own, from a shell that goes on after it."""

    def __init__(self, place: Path, tmux_folder: Path) -> None:
        tmux_folder.mkdir()
        self._tmux = ["tmux", "-S", str(tmux_folder / "tmux"), "-f", "/dev/null"]
        self._env = environment(place) | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
        size = ["-x", "120", "-y", "40"]
        asked = ["env", *(f"{name}={value}" for name, value in self._env.items()), *DEMO]
        self._call("new-session", "-d", *size, f"{shlex.join(asked)}; echo left with $?; exec cat")
        self._own = [int(pid) for pid in self._call("display-message", "-p", "#{pid} #{pane_pid}").split()]

    def _call(self, *words: str) -> str:
        done = subprocess.run(
            [*self._tmux, *words], env=self._env, cwd=CHECKOUT, capture_output=True, text=True, timeout=10, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def screen(self) -> str:
        return self._call("capture-pane", "-p")

    def press(self, *keys: str) -> None:
        self._call("send-keys", *keys)

    def close(self) -> None:
        """As when the window is closed: everything in it is sent SIGHUP."""
        subprocess.run([*self._tmux, "kill-server"], env=self._env, capture_output=True, timeout=10, check=False)

    def is_gone(self) -> bool:
        """Whether the terminal and its shell have ended."""
        return not any(map(is_running, self._own))


@pytest.fixture
async def terminal(place: Path, tmp_path: Path) -> AsyncIterator[Terminal]:
    needs("tmux")
    found = Terminal(place, tmp_path / "tmux")
    try:
        yield found
    finally:
        found.close()
        await until(found.is_gone, "the end of the terminal")


async def test_in_a_terminal(terminal: Terminal, place: Path) -> None:
    """It opens on the live project, a push from outside leads to a redeploy, and `q` stops everything."""
    await until(lambda: "hello" in terminal.screen() and "live" in terminal.screen(), "the live project")
    folder = next(place.glob("nanoscale-box-demo-*/box.sock"))
    assert folder.exists()
    pushed = started(place, "push")
    out, errors = await asyncio.to_thread(pushed.communicate, timeout=20)
    assert pushed.returncode == 0, errors
    assert out.startswith("pushed ")
    await until(lambda: "Say hello again" in terminal.screen(), "the push on the screen")
    await until(lambda: len(list(place.glob("*/box/releases/*/*.whole"))) == 2, "the redeploy")
    broken = started(place, "push", "--broken")
    out, errors = await asyncio.to_thread(broken.communicate, timeout=20)
    assert (broken.returncode, errors) == (0, "")
    await until(lambda: "Break the build" in terminal.screen(), "the broken push on the screen")
    terminal.press("q")
    await until(lambda: "left with 0" in terminal.screen(), "the demo's end")
    assert "The demo is over: apps, box and simulated GitHub have stopped." in terminal.screen()
    assert "keep running" not in terminal.screen()


async def test_the_terminal_is_closed(terminal: Terminal, place: Path) -> None:
    await until(lambda: "hello" in terminal.screen() and "live" in terminal.screen(), "the live project")
    terminal.close()
    await until(lambda: not at_work_in(place), "everything has stopped")
    await until(lambda: not list(place.iterdir()), "nothing lies about")

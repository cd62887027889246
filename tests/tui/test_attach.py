"""The terminal UI in real terminals: how it comes, how it is left, and what stands there afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.house.tree import ROOT
from tests.needs import needs
from tests.tui.terminal import LEFT, SECONDS, Terminal


@contextmanager
def terminal(tmp_path: Path, box: str, *, size: tuple[int, int] = (80, 24), **settings: str) -> Iterator[Terminal]:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "TERM": "xterm-256color"}
    made = Terminal([sys.executable, "-m", "tests.tui.stage", box], environ | settings, size)
    try:
        yield made
    finally:
        made.close()


def test_q_leaves_and_says_that_the_box_goes_on(tmp_path: Path) -> None:
    with terminal(tmp_path, "busy") as tty:
        tty.until(lambda: "deployed as #12" in tty.text)
        tty.press("q")
        assert tty.end() == 0
        assert tty.is_sane()
        assert "The box and its apps keep running" in tty.text.partition(LEFT)[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_kill_leaves_the_terminal_sane(tmp_path: Path, number: signal.Signals) -> None:
    with terminal(tmp_path, "busy") as tty:
        tty.until(lambda: "deployed as #12" in tty.text)
        tty.process.send_signal(number)
        assert tty.end() == 0
        assert tty.is_sane()


def test_a_crash_is_one_sentence_and_a_log(tmp_path: Path) -> None:
    with terminal(tmp_path, "crash", XDG_DATA_HOME=str(tmp_path / "data")) as tty:
        assert tty.end() == 1
        assert tty.is_sane()
        said = tty.text.partition(LEFT)[2]
    log = tmp_path / "data" / "nanoscale-box" / "tui.log"
    assert "the terminal UI ended because of an error of its own" in said
    assert str(log) in said.replace("\r\n", "")
    assert "Traceback" not in said
    assert "ZeroDivisionError: the UI has an error of its own" in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


def test_no_box_is_a_sentence(tmp_path: Path) -> None:
    with terminal(tmp_path, "gone") as tty:
        assert tty.end() == 1
        assert "nanoscale-box: No box is running here.\r\n  Start one: nanoscale-box serve" in tty.text


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_cannot_is_told(tmp_path: Path, term: str) -> None:
    with terminal(tmp_path, "busy", TERM=term) as tty:
        assert tty.end() == 2
        assert "this terminal cannot move its cursor" in tty.text
        assert "\x1b" not in tty.text


def test_without_colour_states_are_still_words(tmp_path: Path) -> None:
    with terminal(tmp_path, "busy", NO_COLOR="1") as tty:
        tty.until(lambda: "deployed as #12" in tty.text)
        tty.press("q")
        assert tty.end() == 0
        assert "● live" in tty.text and "◐ building" in tty.text
        colours = {part.split("m")[0] for part in tty.text.split("\x1b[38;2;")[1:]}
        assert all(len(set(colour.split(";")[:3])) == 1 for colour in colours)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_in_tmux(tmp_path: Path, size: tuple[int, int]) -> None:
    needs("tmux")
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "TMUX_TMPDIR": str(tmp_path)}

    def tmux(*words: str) -> str:
        done = subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", "-L", "stage", *words],
            env=environ | {"TERM": "xterm-256color"}, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return done.stdout

    def until(words: str) -> str:
        deadline = time.monotonic() + SECONDS
        while words not in (screen := tmux("capture-pane", "-p")):
            assert time.monotonic() < deadline, screen
            time.sleep(0.1)
        return screen

    # A shell goes on after the program, as with people: when the last one in a pane ends, tmux scrolls its words away.
    command = f"{sys.executable} -m tests.tui.stage; echo left with $?; exec cat"
    tmux("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), command)
    try:
        home = until("deployed as #12")
        assert max(len(line) for line in home.splitlines()) <= size[0]
        assert "● live" in home and "GitHub ada" in home
        tmux("send-keys", "j", "Enter")
        assert "release 9f31 is ready" in until("· 17 lines")
        tmux("send-keys", "Escape")
        until("1 Projects")
        tmux("send-keys", "q")
        assert "The box and its apps keep running" in until("left with 0")
    finally:
        tmux("kill-server")

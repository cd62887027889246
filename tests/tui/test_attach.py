"""The terminal UI in real terminals: how it comes, how it is left, and what stands there afterwards."""

from __future__ import annotations

import base64
import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.tui.terminal import LEFT, Terminal
from tests.tui.tmux import tmux


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
    with terminal(tmp_path, "busy", NO_COLOR="1", COLORTERM="truecolor") as tty:
        tty.until(lambda: "deployed as #12" in tty.text)
        tty.press("q")
        assert tty.end() == 0
        assert "● live" in tty.text and "◐ building" in tty.text
    colours = set(re.findall(r"[34]8;2;(\d+);(\d+);(\d+)", tty.text))
    assert colours and all(red == green == blue for red, green, blue in colours)


@pytest.mark.parametrize(
    ("term", "used", "unused"),
    [("xterm-256color", r"[34]8;5;\d+", r"[34]8;2;"), ("xterm-16color", r"\x1b\[[\d;]*9[0-7]", r"[34]8;[25];")],
)
def test_few_colours(tmp_path: Path, term: str, used: str, unused: str) -> None:
    with terminal(tmp_path, "busy", TERM=term) as tty:
        tty.until(lambda: "deployed as #12" in tty.text)
        assert re.search(used, tty.text) and not re.search(unused, tty.text)
        assert "● live" in tty.text and "◐ building" in tty.text


def test_a_copy_reaches_the_terminal(tmp_path: Path) -> None:
    with terminal(tmp_path, "busy") as tty:
        tty.until(lambda: "deployed as #12" in tty.text)
        tty.press("jy")
        tty.seen("copied: http://hello.localhost:8080")
        assert f"\x1b]52;c;{base64.b64encode(b'http://hello.localhost:8080').decode()}" in tty.text


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
def test_in_tmux(tmp_path: Path, size: tuple[int, int]) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with tmux(tmp_path, f"{sys.executable} -m tests.tui.stage", size, environ) as pane:
        home = pane.until("deployed as #12")
        assert max(len(line) for line in home.splitlines()) <= size[0]
        assert "● live" in home and "GitHub ada" in home
        pane.press("j", "Enter")
        assert "release 9f31 is ready" in pane.until("· 17 lines")
        pane.press("Escape")
        pane.until("1 Projects")
        pane.press("q")
        assert "The box and its apps keep running" in pane.until("left with 0")

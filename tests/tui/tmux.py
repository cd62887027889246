"""Programs in a real tmux of their own, with nobody's configuration."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.house.tree import ROOT
from tests.needs import needs
from tests.tui.terminal import SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Tmux:
    """One session with one pane."""

    environ: Mapping[str, str]

    def ask(self, *words: str) -> str:
        """What a command of tmux prints."""
        done = subprocess.run(
            ["tmux", "-u", "-f", "/dev/null", "-L", "stage", *words],
            env=self.environ, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        return done.stdout

    def press(self, *keys: str) -> None:
        """Send keys, by tmux's names for them."""
        self.ask("send-keys", *keys)

    def screen(self) -> str:
        """What stands there now."""
        return self.ask("capture-pane", "-p")

    def until(self, condition: str | Callable[[str], object]) -> str:
        """The screen, once it holds these words or is otherwise as it should be."""
        deadline = time.monotonic() + SECONDS
        while not _holds(condition, screen := self.screen()):
            assert time.monotonic() < deadline, screen
            time.sleep(0.1)
        return screen


def _holds(condition: str | Callable[[str], object], screen: str) -> bool:
    return condition in screen if isinstance(condition, str) else bool(condition(screen))


@contextmanager
def tmux(folder: Path, program: str, size: tuple[int, int], environ: Mapping[str, str]) -> Iterator[Tmux]:
    """A pane in which a program runs. A shell goes on after it and tells how it ended, as with people: when the last
    program in a pane ends, tmux scrolls its words away."""
    needs("tmux")
    made = Tmux(environ={**environ, "LANG": "C.UTF-8", "TERM": "xterm-256color", "TMUX_TMPDIR": str(folder)})
    width, height = map(str, size)
    made.ask("new-session", "-d", "-x", width, "-y", height, f"{program}; echo left with $?; exec cat")
    try:
        yield made
    finally:
        made.ask("kill-server")

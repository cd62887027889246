"""What the owner's commands say, made fit to be kept, and how their ends are told."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable
from typing import Final

from nanoscale_box.core.plan import Command
from nanoscale_box.core.text import StreamRedactor, inert, redact
from nanoscale_box.engine.ports import Progress

_LINE: Final = 4000
_LAST_WORDS: Final = 3
_SEE_LOG: Final = "see all of it: nanoscale-box logs PROJECT --build"


class Said:
    """What a build says, made fit to be kept; too much is cut off with a sentence."""

    def __init__(
        self, progress: Progress, secrets: Callable[[str], str], redactor: Callable[[str], str], limit: int
    ) -> None:
        self._progress = progress
        self._stream = StreamRedactor(lambda text: redactor(secrets(text)))
        self._left = limit
        self._last: deque[str] = deque(maxlen=_LAST_WORDS)

    def line(self, text: str) -> None:
        """Take one line."""
        if self._left < 0:
            return
        self._left -= len(text) + 1
        if self._left < 0:
            self._progress("This log is too long; what follows is not kept.")
            return
        shown = self._stream.feed(inert(text, limit=_LINE))
        self._progress(shown)
        if shown.strip():
            self._last.append(inert(shown.strip(), limit=200))

    def last_words(self) -> str:
        """The end of it in one line, and where the rest is."""
        said = [line for line in self._last if not line.startswith("$ ")]
        return f"it said “{' / '.join(said)}”; {_SEE_LOG}" if said else "it said nothing"


def shown_command(command: Command) -> str:
    """A command in a sentence."""
    return redact(inert(command.text, limit=100))


def how_it_ended(status: int) -> str:
    """How a command ended, from the status that shells give."""
    number = status - 128
    if number in {each.value for each in signal.Signals}:
        name = signal.Signals(number).name
        memory = ", perhaps for want of memory" if number == signal.SIGKILL else ""
        return f"by signal {number} ({name}){memory}"
    return f"with exit status {status}"


def duration(seconds: float) -> str:
    """A span of time in a sentence."""
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} seconds"

"""Programs in terminals of their own: what they print is collected, and keys are pressed."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable
from typing import Final

from tests.house.tree import ROOT

SECONDS: Final = 30.0
LEFT: Final = "\x1b[?1049l"
"""The way back to the terminal's own screen."""
SYNC: Final = "\x1b[?2026h"
"""What a program writes before each picture, where the terminal says it can hold it back until it is whole: mode 2026,
https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036."""
_CAN_IT_SYNC: Final = "\x1b[?2026$p"
_IT_CAN: Final = "\x1b[?2026;2$y"


class Terminal:
    """A program on a terminal of its own; what it prints is collected in `text`."""

    def __init__(self, argv: list[str], environ: dict[str, str], size: tuple[int, int], *, syncs: bool = False) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            argv, stdin=slave, stdout=slave, stderr=slave, env=environ, cwd=ROOT, start_new_session=True
        )
        self.text = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._owes_answer = syncs

    def press(self, keys: str) -> None:
        """Type."""
        os.write(self.master, keys.encode())

    def until(self, condition: Callable[[], object]) -> None:
        """Read on until something is true."""
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert time.monotonic() < deadline, f"was never seen in: {self.text[-2000:]!r}"
            self.read()

    def seen(self, words: str) -> None:
        """Read on until it has printed this."""
        self.until(lambda: words in self.text)

    def read(self, seconds: float = 0.1) -> None:
        """Take in what it printed, waiting so long for something to come."""
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            self.text += self._decoder.decode(os.read(self.master, 65536))
        if self._owes_answer and _CAN_IT_SYNC in self.text:
            self._owes_answer = False
            self.press(_IT_CAN)

    def end(self) -> int:
        """Wait for the end; give the exit status."""
        self.until(lambda: self.process.poll() is not None)
        for _ in range(3):
            self.read()
        return self.process.returncode

    def is_sane(self) -> bool:
        """Whether the terminal is as it was found."""
        return LEFT in self.text and termios.tcgetattr(self.slave) == self.before

    def close(self) -> None:
        """Nothing of it is left."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self.slave)

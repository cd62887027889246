"""Says on a terminal what goes on while something is waited for: one line, of which nothing stays."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from nanoscale_box.cli.printing import Printer, columns
from nanoscale_box.core.text import inert


@contextmanager
def meanwhile(printer: Printer, first: str) -> Iterator[Callable[[str], None] | None]:
    """Shows `first`, and gives what shows the next words in its place; None where there is no line to take back."""
    if printer.json or not sys.stderr.isatty() or os.environ.get("TERM") in (None, "dumb"):
        yield None
        return
    try:
        _show(first)
        yield _show
    finally:
        _show("")


def _show(text: str) -> None:
    # A text that takes the whole width, or more, could not be taken back with its line.
    room = (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
    shown = inert(text, limit=200)
    while columns(shown) > room:
        shown = shown[:-1]
    sys.stderr.write(f"\r\x1b[K{shown}")
    sys.stderr.flush()

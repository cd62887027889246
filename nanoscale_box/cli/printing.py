"""What the CLI prints: plain columns for people, JSON for programs; data on standard output, talk on standard error."""

from __future__ import annotations

import os
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import msgspec

from nanoscale_box.cli.mistakes import Mistake
from nanoscale_box.core.figures import counted
from nanoscale_box.core.text import inert
from nanoscale_box.wire import shapes
from nanoscale_box.wire.shapes import Problem

GLYPHS: Final = {
    "live": "●",
    "deployed": "●",
    "ok": "●",
    "queued": "○",
    "fetching": "◐",
    "building": "◐",
    "starting": "◐",
    "switching": "◐",
    "failed": "✕",
    "fail": "✕",
    "warn": "▲",
    "down": "■",
    "new": "○",
    "retired": "·",
    "superseded": "·",
    "ignored": "·",
    "cancelled": "·",
    "skip": "·",
}
_COLOURS: Final = {"●": "32", "✕": "31", "▲": "33", "◐": "36"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Printer:
    """Prints for people or for programs."""

    json: bool

    def data(self, value: object) -> None:
        """A body of the API, unchanged, as one line of JSON; in UTF-8 wherever it goes, as JSON must be."""
        sys.stdout.flush()
        sys.stdout.buffer.write(msgspec.json.encode(value) + b"\n")
        sys.stdout.buffer.flush()

    def line(self, text: str = "") -> None:
        """A line of data."""
        sys.stdout.write(inert(text, limit=20_000) + "\n")

    def now(self) -> None:
        """Let what was printed be seen, also by whoever reads it from a pipe."""
        sys.stdout.flush()

    def talk(self, text: str) -> None:
        """A line that is not data."""
        sys.stdout.flush()
        sys.stderr.write(inert(text, limit=2_000) + "\n")

    def table(self, rows: Iterable[Sequence[str]]) -> None:
        """Columns, as wide as they must be; the last one is not padded."""
        made = [[inert(cell, limit=300) for cell in row] for row in rows]
        widths = [max(map(columns, column)) for column in zip(*made, strict=True)] if made else []
        for row in made:
            padded = [cell + " " * (width - columns(cell)) for cell, width in zip(row, widths, strict=True)]
            sys.stdout.write("  ".join([*map(coloured, padded[:-1]), row[-1]]).rstrip() + "\n")

    def facts(self, rows: Iterable[tuple[str, str | None]]) -> None:
        """Names and values; those without a value are left out."""
        self.table([(name, value) for name, value in rows if value])

    def problem(self, problem: Problem) -> None:
        """What went wrong and what to do next."""
        sys.stdout.flush()
        if self.json:
            sys.stderr.write(msgspec.json.encode(problem).decode() + "\n")
            return
        self.talk(f"nanoscale-box: {problem.detail}")
        if problem.hint:
            self.talk(f"  {problem.hint}")

    def mistake(self, mistake: Mistake) -> None:
        """What the command itself found wrong."""
        title, status = ("Not Found", 404) if mistake.code == "not_found" else ("Bad Request", 400)
        self.problem(
            Problem(title=title, status=status, detail=mistake.detail, code=mistake.code, hint=mistake.hint or None)
        )

    def unreachable(self, sentence: str, hint: str) -> None:
        """The daemon does not answer."""
        problem = Problem(title="not reachable", status=0, detail=sentence, code="daemon_unreachable", hint=hint)
        self.problem(problem)


def state(word: str) -> str:
    """A state as a glyph and a word."""
    return f"{GLYPHS.get(word, '·')} {word}" if _shows_glyphs() else word


def columns(text: str) -> int:
    """How many columns of a terminal a text takes."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - sum(bool(unicodedata.combining(character)) for character in text)


def coloured(cell: str) -> str:
    """Colour a state by its glyph, on a terminal that wants colour; the word says the same."""
    colour = _COLOURS.get(cell[:1])
    return f"\x1b[{colour}m{cell}\x1b[0m" if colour and _wants_colour() else cell


def ago(moment: datetime | None) -> str:
    """How long ago, for people."""
    if moment is None:
        return ""
    passed = span(moment)
    return f"{passed} ago" if passed else "now"


def span(moment: datetime) -> str:
    """How much time has passed, for people; nothing when it is none."""
    seconds = max(0, int((datetime.now(UTC) - moment).total_seconds()))
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s" if seconds else ""


def drifted(project: shapes.Project) -> str | None:
    """How far what runs is from the newest commit, since when and why, in one sentence; None when it is that."""
    drift = project.drift
    if drift is None:
        return None
    what = project.tag_pattern or project.branch
    far = f"is {counted(drift.behind, 'commit')} ahead of" if drift.behind else "differs from"
    return f"{what} {far} what runs, since {span(drift.since) or 'just now'}, because {drift.reason}"


def duration(started: datetime | None, finished: datetime | None) -> str:
    """How long it took, for people."""
    if started is None or finished is None:
        return ""
    seconds = (finished - started).total_seconds()
    return f"{seconds:.1f} s" if seconds < 60 else f"{int(seconds // 60)} min {int(seconds % 60)} s"


def short(sha: str | None) -> str:
    """A commit as people write it."""
    return sha[:7] if sha else "-"


def _wants_colour() -> bool:
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") in (None, "dumb")
    return sys.stdout.isatty() and not plain


def _shows_glyphs() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"

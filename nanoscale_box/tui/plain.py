"""The one way for text into a widget: inert, without markup, styled by what it means."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from textual.content import Content

from nanoscale_box.core.text import inert


class Tone(StrEnum):
    """What a piece of text means; the value is its style, in the words of the theme."""

    NORMAL = ""
    STRONG = "bold"
    DIM = "dim"
    KEY = "bold $text-accent"
    LINK = "$text-primary"
    GOOD = "$text-success"
    BUSY = "$text-secondary"
    BAD = "$text-error"
    WARN = "$text-warning"


_TONES: Final = {"●": Tone.GOOD, "✕": Tone.BAD, "▲": Tone.WARN, "■": Tone.WARN, "◐": Tone.BUSY, "○": Tone.BUSY}


def plain(text: str | None, tone: Tone = Tone.NORMAL, *, limit: int = 300) -> Content:
    """`text` as what it says and nothing else: no markup, no control characters, one line, at most `limit` long."""
    return Content.styled(inert(text or "", limit=limit), tone.value)


def tone_of(word: str) -> Tone:
    """How a state that begins with its glyph is coloured; the word says the same."""
    return _TONES.get(word[:1], Tone.DIM)


def keyed(text: str) -> Content:
    """A sentence of ours in which `*n*` marks a key to press."""
    parts = text.split("*")
    tones = (Tone.NORMAL, Tone.KEY)
    return join(*(Content.styled(part, tones[number % 2].value) for number, part in enumerate(parts) if part))


def join(*parts: Content | str) -> Content:
    """Pieces beside each other; a `str` is our own punctuation."""
    return Content("").join([part if isinstance(part, Content) else Content(part) for part in parts])


def spread(left: Content, right: Content, width: int) -> Content:
    """`left` and `right` at the two ends of a line; where both do not fit, the left one is cut."""
    room = max(0, width - right.cell_length - (2 if right else 0))
    if room < 12:
        return left.truncate(width, ellipsis=True)
    return join(left.truncate(room, ellipsis=True, pad=True), "  " if right else "", right)

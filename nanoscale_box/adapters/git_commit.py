"""What a commit says of itself, for people."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.text import inert

_AUTHOR: Final = re.compile(rb"^author ([^<\n]{0,1000})<", re.MULTILINE)
_MAX_WORDS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitWords:
    """The first line of a commit's message and its author's name; inert, None when there is none."""

    subject: str | None = None
    author: str | None = None


def commit_words(commit: bytes) -> CommitWords:
    """Read a commit object; whatever it holds, the words are short and inert."""
    head, _, message = commit.partition(b"\n\n")
    author = _AUTHOR.search(head)
    return CommitWords(
        subject=_words(message.lstrip().partition(b"\n")[0]),
        author=_words(author.group(1).strip()) if author else None,
    )


def _words(raw: bytes) -> str | None:
    return inert(raw[: 4 * _MAX_WORDS].decode("utf-8", "replace"), limit=_MAX_WORDS) or None

"""Finding a name from a few of its letters, best match first."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple


class Rank(NamedTuple):
    """How well a name matches; smaller is better."""

    kind: int
    """0 exact, 1 prefix, 2 begins at a word, 3 contiguous, 4 letters in order; the same plus 5 for the longer name."""
    runs: int
    """Into how many pieces the query was torn."""
    start: int
    length: int


class Found(NamedTuple):
    """A match: its rank, then the name and number that settle ties, so that the order is total."""

    rank: Rank
    name: str
    number: int

    @property
    def key(self) -> tuple[int, int, int, int, str, int]:
        """The match as one flat row, to go on after it."""
        return (*self.rank, self.name, self.number)


_WORD_ENDS: Final = frozenset("-_./ ")


class Names:
    """Names to search in, each with a number; made once and asked often."""

    __slots__ = ("_entries", "_results")

    _KEEP: Final = 16

    def __init__(self, entries: Iterable[tuple[int, str, str]]) -> None:
        """Takes number, short name and full name; a match in the short name goes first."""
        self._entries = [(number, short.casefold(), full.casefold()) for number, short, full in entries]
        self._results: dict[str, list[Found]] = {}

    def matches(self, query: str) -> list[Found]:
        """Every name that holds the letters of the query in order, best first; the last few answers are kept."""
        folded = "".join(query.casefold().split())
        known = self._results.pop(folded, None)
        if known is None:
            known = sorted(self._find(folded))
        self._results[folded] = known
        if len(self._results) > self._KEEP:
            del self._results[next(iter(self._results))]
        return known

    def _find(self, query: str) -> Iterable[Found]:
        in_order = _in_order(query).match
        for number, short, full in self._entries:
            if not in_order(full):
                continue
            found = rank(query, short, full)
            if found:
                yield Found(rank=found, name=full, number=number)


def _in_order(query: str) -> re.Pattern[str]:
    """Matches a text that holds the letters in this order. Each gap excludes the letter it leads to: linear time."""
    return re.compile("".join(f"[^{re.escape(letter)}]*{re.escape(letter)}" for letter in query), re.DOTALL)


def rank(query: str, short: str, full: str) -> Rank | None:
    """How well the query matches the short name, or else the full one; all are folded. None: not at all."""
    return _rank(query, short, 0) or _rank(query, full, 5)


def _rank(query: str, name: str, worse: int) -> Rank | None:
    start = name.find(query)
    if start < 0:
        return _torn(query, name, worse)
    if start == 0:
        return Rank(worse + (0 if len(name) == len(query) else 1), 1, 0, len(name))
    for end in _WORD_ENDS:
        at = name.find(end + query)
        if at >= 0:
            return Rank(worse + 2, 1, at + 1, len(name))
    return Rank(worse + 3, 1, start, len(name))


def _torn(query: str, name: str, worse: int) -> Rank | None:
    """Letters in order with gaps: a gap leads to the next word that begins with the letter if there is one."""
    pieces = _pieces(query, name, by_words=True) or _pieces(query, name, by_words=False)
    return Rank(worse + 4, *pieces, len(name)) if pieces else None


def _pieces(query: str, name: str, *, by_words: bool) -> tuple[int, int] | None:
    runs, at, start = 0, -1, -1
    for letter in query:
        following = at + 1
        if not name.startswith(letter, following) or at < 0:
            following = _next(letter, name, following, by_words=by_words)
            if following < 0:
                return None
            runs += 1
        at = following
        start = at if start < 0 else start
    return runs, start


def _next(letter: str, name: str, begin: int, *, by_words: bool) -> int:
    first = at = name.find(letter, begin)
    while by_words and at > 0 and name[at - 1] not in _WORD_ENDS:
        at = name.find(letter, at + 1)
    return at if at >= 0 else first

"""Finding a name from a few of its letters, best match first."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

Rank = tuple[int, int, int, int]
"""How well a name matches; smaller is better. First the kind: 0 exact, 1 prefix, 2 begins at a word, 3 contiguous,
4 letters in order, and the same plus 5 where only the full name matches; then how many pieces of the query begin inside
a word, where the match begins, and how long the name is."""
Match = tuple[int, int, int, int, str, int]
"""A rank, then name and number, so that no two are equal."""

_WORD_ENDS: Final = "-_./ "


class Names:
    """Names to search in, each with a number; made once and asked often."""

    __slots__ = ("_answers", "_entries", "_longest")

    _KEEP: Final = 16

    def __init__(self, entries: Iterable[tuple[int, str, str]]) -> None:
        """Takes number, short name and the full name that ends with it; a match in the short name goes first."""
        self._entries = [(number, short.casefold(), full.casefold()) for number, short, full in entries]
        self._longest = max((len(full) for _, _, full in self._entries), default=0)
        self._answers: dict[str, list[Match]] = {}

    def matches(self, text: str) -> list[Match]:
        """Every name that holds the letters of the text in order, best first; the last few answers are kept."""
        query = "".join(text.casefold().split())
        if len(query) > self._longest:
            return []
        known = self._answers.pop(query, None)
        if known is None:
            known = sorted(self._find(Query(query)))
        self._answers[query] = known
        if len(self._answers) > self._KEEP:
            del self._answers[next(iter(self._answers))]
        return known

    def _find(self, query: Query) -> Iterator[Match]:
        for number, short, full in self._entries:
            if not query.in_order(full):
                continue
            found = query.rank(short, 0) or query.rank(full, 5)
            if found:
                yield (*found, full, number)


class Query:
    """The letters looked for, folded and without blanks."""

    __slots__ = ("_at_word", "_letters", "in_order")

    def __init__(self, letters: str) -> None:
        self._letters = letters
        # Each gap excludes the letter it leads to, so there is one way to match and it takes linear time.
        gaps = (f"[^{re.escape(letter)}]*{re.escape(letter)}" for letter in letters)
        self.in_order = re.compile("".join(gaps)).match
        """Whether a name can match at all."""
        self._at_word = re.compile(f"[{re.escape(_WORD_ENDS)}]{re.escape(letters)}").search

    def rank(self, name: str, worse: int) -> Rank | None:
        """How well the folded name matches, or None."""
        start = name.find(self._letters)
        if start < 0:
            return self._torn(name, worse) if self.in_order(name) else None
        if start == 0:
            return worse + (len(name) != len(self._letters)), 0, 0, len(name)
        word = self._at_word(name)
        if word:
            return worse + 2, 0, word.start() + 1, len(name)
        return worse + 3, 1, start, len(name)

    def _torn(self, name: str, worse: int) -> Rank | None:
        """Letters in order with gaps: a gap leads to the next word that begins with the letter, if there is one."""
        pieces = self._pieces(name, by_words=True) or self._pieces(name, by_words=False)
        return (worse + 4, *pieces, len(name)) if pieces else None

    def _pieces(self, name: str, *, by_words: bool) -> tuple[int, int] | None:
        """How many pieces begin inside a word, and where the first begins; None when this way leads nowhere."""
        inside, at, start = 0, -1, -1
        for letter in self._letters:
            following = at + 1
            if at < 0 or not name.startswith(letter, following):
                following = _next(letter, name, following, by_words=by_words)
                if following < 0:
                    return None
                inside += following > 0 and name[following - 1] not in _WORD_ENDS
            at = following
            start = at if start < 0 else start
        return inside, start


def _next(letter: str, name: str, begin: int, *, by_words: bool) -> int:
    first = at = name.find(letter, begin)
    while by_words and at > 0 and name[at - 1] not in _WORD_ENDS:
        at = name.find(letter, at + 1)
    return at if at >= 0 else first

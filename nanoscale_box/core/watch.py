"""Watch paths: which changed files make a push worth a deployment."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Final

from nanoscale_box.core.errors import Code, Invalid

MAX_PATTERNS: Final = 50
MAX_LENGTH: Final = 200


def check_patterns(patterns: Sequence[str]) -> tuple[str, ...]:
    """Patterns as they are kept; `Invalid` for one that could never match or is too long.

    `*` and `?` stay within one folder, `**` crosses folders, a pattern that ends in `/` means everything below, and `!`
    takes back what an earlier pattern matched."""
    if len(patterns) > MAX_PATTERNS:
        raise Invalid(Code.INVALID, f"a project has at most {MAX_PATTERNS} watch paths")
    return tuple(check_pattern(pattern, "watch path") for pattern in patterns)


def check_pattern(pattern: str, what: str) -> str:
    """One pattern as it is kept; `Invalid` says what is wrong with it."""
    bare = pattern.removeprefix("!")
    if not bare or len(pattern) > MAX_LENGTH or not pattern.isprintable():
        raise Invalid(Code.INVALID, f"a {what} has 1 to {MAX_LENGTH} printable characters")
    if bare.startswith("/") or ".." in bare.split("/"):
        raise Invalid(Code.INVALID, f"the {what} {pattern!r} must not begin with `/` nor hold `..`")
    return pattern


def touches(patterns: Sequence[str], changed: Collection[str] | None) -> bool:
    """Whether a change of these files is watched. Without patterns everything is; an unknown change (None) is too."""
    if not patterns or changed is None:
        return True
    return any(_is_watched(patterns, path) for path in changed)


def matches(pattern: str, text: str) -> bool:
    """Whether one pattern fits the whole text."""
    return _matches(_tokens(pattern), text)


def _is_watched(patterns: Sequence[str], path: str) -> bool:
    """The last pattern that matches decides; with nothing but exceptions, the rest is watched."""
    watched = all(pattern.startswith("!") for pattern in patterns)
    for pattern in patterns:
        if _matches(_tokens(pattern.removeprefix("!")), path):
            watched = not pattern.startswith("!")
    return watched


@lru_cache(maxsize=512)
def _tokens(pattern: str) -> tuple[str, ...]:
    text = f"{pattern}**" if pattern.endswith("/") else pattern
    tokens: list[str] = []
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", text):
        tokens.extend([part] if part in _WILD else part)
    return tuple(tokens)


def _matches(tokens: tuple[str, ...], path: str) -> bool:
    """Follow all ways through the pattern at once, so that the time is the product of both lengths and never more.

    A place is the number of a token, and whether that token, a `**/`, has begun to take in folders."""
    places = _rest_there({(0, False)}, tokens)
    for character in path:
        places = _rest_there({after for place in places for after in _step(place, tokens, character)}, tokens)
    return (len(tokens), False) in places


def _step(place: _Place, tokens: tuple[str, ...], character: str) -> list[_Place]:
    number, _ = place
    token = tokens[number] if number < len(tokens) else ""
    match token:
        case "*":
            return [place] if character != "/" else []
        case "**":
            return [place]
        case "**/":
            return [(number, True), (number + 1, False)] if character == "/" else [(number, True)]
        case "?":
            return [(number + 1, False)] if character != "/" else []
        case _:
            return [(number + 1, False)] if token == character else []


def _rest_there(places: set[_Place], tokens: tuple[str, ...]) -> set[_Place]:
    """Add the places that are reached without taking a character: every star may match nothing."""
    found = set(places)
    waiting = list(places)
    while waiting:
        number, begun = waiting.pop()
        after = (number + 1, False)
        if number < len(tokens) and tokens[number] in _STARS and not begun and after not in found:
            found.add(after)
            waiting.append(after)
    return found


_Place = tuple[int, bool]
_STARS: Final = frozenset({"*", "**", "**/"})
# `**/` also matches no folder at all, so that `**/a` finds an `a` at the top.
_WILD: Final = _STARS | {"?"}

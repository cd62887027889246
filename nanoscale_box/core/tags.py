"""Which tag is deployed where tags are, instead of a branch: the newest by its version."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from nanoscale_box.core.watch import matches

if TYPE_CHECKING:
    from nanoscale_box.core.model import Project

TAGS: Final = "refs/tags/"
_NUMBER: Final = re.compile(r"[0-9]+")
_DIGITS: Final = 40
"""More make no version; the number is cut, so that nobody's tag costs time."""

_Key = tuple[tuple[int, ...], bool, tuple[tuple[int, int, str], ...], str]


def newest_tag(pattern: str, names: Iterable[str]) -> str | None:
    """The matching tag of the highest version; None when none matches. Numbers count as numbers, and what follows a
    hyphen comes before the version itself (https://semver.org/#spec-item-11): v1.9 < v1.10-rc1 < v1.10."""
    return max((name for name in names if matches(pattern, name)), key=_key, default=None)


def followed_ref(project: Project) -> str:
    """The ref a project deploys; for tags the pattern stands in the place of a name until one is confirmed."""
    pattern = project.settings.tag_pattern
    return f"refs/heads/{project.branch}" if pattern is None else f"{TAGS}{pattern}"


def _key(name: str) -> _Key:
    plain = name.partition("+")[0]
    first = _NUMBER.search(plain)
    version, _, early = plain[first.start() if first else 0 :].partition("-")
    numbers = [int(number[:_DIGITS]) for number in _NUMBER.findall(version)]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), not early, tuple(map(_word, early.split("."))) if early else (), name


def _word(text: str) -> tuple[int, int, str]:
    """Numbers go before words, and among each other by their size."""
    return (0, int(text[:_DIGITS]), "") if text.isascii() and text.isdigit() else (1, 0, text)

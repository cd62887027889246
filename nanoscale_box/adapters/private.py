"""Names of private repositories, which no record of the box's own log may hold."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

_MASK: Final = "(private repository)"
_KNOWN_AT_MOST: Final = 20_000


class PrivateNames:
    """Masks `owner/name` wherever it stands in a text, in a URL too; repositories are told by id instead."""

    def __init__(self) -> None:
        self._pattern: re.Pattern[str] | None = None

    def learn(self, names: Iterable[str]) -> None:
        """From now on these are private, and no others."""
        longest_first = sorted(set(names), key=lambda name: (-len(name), name))[:_KNOWN_AT_MOST]
        self._pattern = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE) if longest_first else None

    def __call__(self, text: str) -> str:
        """The text without them."""
        return self._pattern.sub(_MASK, text) if self._pattern and "/" in text else text

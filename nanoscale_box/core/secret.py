"""A secret is a type that will not print."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final


class Secret:
    """Text that never shows itself: `repr`, `str` and formatting give a mask; `reveal()` is the one way out, easy to
    search for."""

    __slots__ = ("_keyed", "_mark", "_text")

    MASK: Final = "****"

    def __init__(self, text: str) -> None:
        self._text = text
        self._mark = ""
        self._keyed: hmac.HMAC | None = None

    def reveal(self) -> str:
        """The text itself. Call it at the last moment, where the text is handed on."""
        return self._text

    @property
    def mark(self) -> str:
        """Eight hex digits that tell this secret from others: far too few to find it by."""
        if not self._mark:
            self._mark = hashlib.sha256(b"the mark of a secret\0" + self._text.encode()).hexdigest()[:8]
        return self._mark

    def hmac_sha256(self, message: bytes) -> bytes:
        """The message's HMAC-SHA256 under this secret (RFC 2104), whose key is laid out once for all messages."""
        if self._keyed is None:
            self._keyed = hmac.new(self._text.encode(), digestmod="sha256")
        keyed = self._keyed.copy()
        keyed.update(message)
        return keyed.digest()

    def __repr__(self) -> str:
        return f"Secret({self.MASK!r})"

    def __str__(self) -> str:
        return self.MASK

    def __bool__(self) -> bool:
        return bool(self._text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> tuple[type[Secret], tuple[str]]:
        raise TypeError("a secret cannot be pickled; reveal it where it is used")

"""The time of day and new ids, from the system's clock and its source of randomness."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

from nanoscale_box.engine.ports import Clock

_DIGITS: Final = "0123456789abcdefghjkmnpqrstvwxyz"
"""Crockford's base 32, small letters: sorts like the number, survives being read aloud, and may be part of a host or
user name."""
_PAIRS: Final = [high + low for high in _DIGITS for low in _DIGITS]
_TIME_DIGITS: Final = 10
_RANDOM_DIGITS: Final = 16
_RANDOM_BITS: Final = 5 * _RANDOM_DIGITS
_LOW_DIGITS: Final = 4
_LOW_BITS: Final = 5 * _LOW_DIGITS
"""Counting on changes these; the digits before them are worked out once for many ids."""


class SystemClock:
    """The system's clock."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""
        return datetime.now(UTC)


class TimeIds:
    """Ids that sort by age: milliseconds since 1970, then 80 bits, random for the first of a millisecond and counted on
    for the others; within one process they never go back, whatever the clock does."""

    def __init__(self, clock: Clock, random_bits: Callable[[int], int] = secrets.randbits) -> None:
        self._clock = clock
        self._random_bits = random_bits
        self._last = 0
        self._high = (-1, "")

    def new(self, kind: str) -> str:
        """An id nobody had before: `kind`, an underscore and 26 digits."""
        earliest = int(self._clock.now().timestamp() * 1000) << _RANDOM_BITS
        self._last = self._last + 1 if earliest <= self._last else earliest | self._random_bits(_RANDOM_BITS)
        high, low = self._last >> _LOW_BITS, self._last & ((1 << _LOW_BITS) - 1)
        known, digits = self._high
        if high != known:
            digits = _digits(high, _TIME_DIGITS + _RANDOM_DIGITS - _LOW_DIGITS)
            self._high = (high, digits)
        return f"{kind}_{digits}{_PAIRS[low >> 10]}{_PAIRS[low & 1023]}"


def _digits(number: int, width: int) -> str:
    """The number's last `width` digits in base 32; an even number of them."""
    return "".join([_PAIRS[(number >> shift) & 1023] for shift in range(5 * (width - 2), -1, -10)])

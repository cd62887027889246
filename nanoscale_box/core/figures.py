"""Figures as people read them: shares, sizes, numbers of things, and how one went over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


def spark(values: Sequence[float | None], width: int, *, least: float) -> str:
    """The last `width` values as bars, the newest at the right; the highest bar is the highest value, or `least` where
    all are lower, so that next to nothing looks like it. What is not known is a gap."""
    shown = list(values)[-width:] if width > 0 else []
    top = max([least, *(value for value in shown if value is not None)])
    return "".join(" " if value is None else _bar(value / top) for value in shown)


def share(percent: float) -> str:
    """A share of one core: `0 %`, `0.4 %`, `12 %`, `150 %`."""
    return f"{percent:.1f} %" if 0 < percent < 0.95 else f"{percent:.0f} %"


def size(number: float) -> str:
    """Bytes in the largest unit that fits, in steps of a thousand: `840 kB`, `84 MB`, `1.2 GB`."""
    unit = 0
    while number >= 999.5 and unit < len(_UNITS) - 1:
        number, unit = number / 1000, unit + 1
    digits = 1 if unit > 2 and number < 100 else 0
    return f"{number:.{digits}f} {_UNITS[unit]}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """`1 project`, `1,200 projects`; `plural` where it is more than the noun with an s."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def clock_skew(skew: timedelta) -> str:
    """How far a clock goes ahead of another one, or behind: `90 seconds ahead of`, `70 minutes behind`."""
    seconds = round(abs(skew.total_seconds()))
    amount = f"{seconds} seconds" if seconds < 120 else f"{round(seconds / 60)} minutes"
    return f"{amount} {'ahead of' if skew > timedelta() else 'behind'}"


def _bar(part: float) -> str:
    return _BARS[max(0, min(len(_BARS) - 1, round(part * (len(_BARS) - 1))))]

"""Time and ids."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from nanoscale_box.adapters.clock import SystemClock, TimeIds


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """What the hands show."""
        return self.time


def test_now_is_aware_and_in_utc() -> None:
    assert SystemClock().now().utcoffset() == timedelta(0)


def test_ids_sort_by_age_even_when_the_clock_goes_back() -> None:
    clock = Hands()
    ids = TimeIds(clock)
    made = []
    for step in (0, 1, 0, -86_400, 3600, 0):
        clock.time += timedelta(seconds=step)
        made += [ids.new("dep") for _ in range(100)]
    assert made == sorted(set(made))
    assert all(re.fullmatch(r"dep_[0-9a-hjkmnp-tv-z]{26}", each) for each in made)


def test_ids_of_two_processes_differ() -> None:
    clock = Hands()
    assert TimeIds(clock).new("prj") != TimeIds(clock).new("prj")

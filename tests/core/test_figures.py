"""Figures as people read them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nanoscale_box.core.figures import clock_skew, counted, share, size, spark


def test_a_sparkline_shows_the_newest_at_the_right_against_the_highest() -> None:
    assert spark([0, 50, 100, 200], 4, least=10) == "▁▃▅█"
    assert spark([200, 0, 100], 2, least=10) == "▁█"
    assert spark([], 8, least=10) == ""
    assert spark([1, 2], 0, least=10) == ""


def test_next_to_nothing_looks_like_it_and_a_gap_is_one() -> None:
    assert spark([0.2, 0.4, 0.3], 3, least=10) == "▁▁▁"
    assert spark([None, 5, None], 3, least=10) == " ▅ "


@pytest.mark.parametrize(
    ("percent", "told"), [(0, "0 %"), (0.04, "0.0 %"), (0.4, "0.4 %"), (0.96, "1 %"), (12.4, "12 %"), (150, "150 %")]
)
def test_shares(percent: float, told: str) -> None:
    assert share(percent) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [(0, "0 B"), (999, "999 B"), (999.6, "1 kB"), (84_000_000, "84 MB"), (999_600_000, "1.0 GB"), (2e15, "2000 TB")],
)
def test_sizes(number: float, told: str) -> None:
    assert size(number) == told


def test_numbers_of_things() -> None:
    assert [counted(number, "file") for number in (0, 1, 1200)] == ["0 files", "1 file", "1,200 files"]
    assert [counted(number, "entry", "entries") for number in (1, 2)] == ["1 entry", "2 entries"]


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (61, "61 seconds ahead of"),
        (-119.6, "2 minutes behind"),
        (-61, "61 seconds behind"),
        (4200, "70 minutes ahead of"),
    ],
)
def test_clocks(seconds: float, told: str) -> None:
    assert clock_skew(timedelta(seconds=seconds)) == told

"""The newest tag is the one of the highest version, whatever somebody calls it."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.tags import newest_tag
from nanoscale_box.core.watch import matches


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("v1.9", "v1.10"),
        ("v1.10-rc1", "v1.10"),
        ("v1.10-rc.2", "v1.10-rc.10"),
        ("v1.10-alpha", "v1.10-beta"),
        ("v1.10-1", "v1.10-alpha"),
        ("v1", "v1.0.1"),
        ("2024.12.31", "2025.1.1"),
        ("release-9", "release-10"),
        ("v1.0.0+build9", "v1.0.1+build1"),
        ("nightly", "nightly-1"),
    ],
)
def test_versions_are_ordered_by_their_numbers(older: str, newer: str) -> None:
    for names in permutations((older, newer)):
        assert newest_tag("*", names) == newer


def test_only_tags_that_match_count() -> None:
    assert newest_tag("v*", ["x9", "release/v2", "v1"]) == "v1"
    assert newest_tag("release/**", ["release/v2", "v3"]) == "release/v2"
    assert newest_tag("v*", ["x"]) is None


@given(
    st.lists(st.sampled_from(["v1", "v1.10", "v1.9", "v2-rc.1", "release/v2"]) | st.text(max_size=60), max_size=6),
    st.sampled_from(["v*", "*", "**", "v1.*"]) | st.text(min_size=1, max_size=10),
)
def test_any_names_have_one_newest_whatever_their_order(names: list[str], pattern: str) -> None:
    newest = newest_tag(pattern, names)
    assert newest == newest_tag(pattern, reversed(names))
    fitting = [name for name in names if matches(pattern, name)]
    assert newest in fitting if fitting else newest is None


def test_a_number_without_end_costs_no_time() -> None:
    assert newest_tag("*", ["v" + "9" * 100_000, "v1"]) == "v" + "9" * 100_000

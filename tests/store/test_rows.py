"""Times, cursors and limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.errors import Invalid
from nanoscale_box.engine.records import Page
from nanoscale_box.store.records import StoreRecords
from nanoscale_box.store.rows import cursor_of, key_of, time_of, time_text

moments = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9998, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


def test_a_time_rests_as_text_in_utc() -> None:
    east = datetime(2026, 3, 1, 1, 30, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert time_text(east) == "2026-02-28T20:00:00.000000Z"
    assert time_of("2026-02-28T20:00:00.000000Z") == east
    assert time_of("2026-02-28 20:00:00") == east


@given(moments, moments)
def test_times_sort_as_their_texts_do(one: datetime, other: datetime) -> None:
    assert (one < other) == (time_text(one) < time_text(other))


def test_a_time_out_of_bounds_is_invalid() -> None:
    with pytest.raises(Invalid):
        time_text(datetime.min.replace(tzinfo=timezone(timedelta(hours=1))))


@given(st.text(max_size=20), st.integers(-(2**63) + 1, 2**63 - 1))
def test_a_cursor_gives_back_its_key(text: str, number: int) -> None:
    cursor = cursor_of("list", text, number)
    assert cursor.isascii()
    assert key_of(cursor, "list", [str, int]) == [text, number]
    with pytest.raises(Invalid):
        key_of(cursor, "other", [str, int])


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "é",
        "%%%",
        "a" * 100_000,
        "WyJ2ZXJkaWN0cyJd",  # ["verdicts"]
        cursor_of("deployments", 3),
        cursor_of("verdicts", "3"),
        cursor_of("verdicts", 3, 4),
        cursor_of("verdicts", 2**63),
        cursor_of("verdicts", -(2**70)),
        "WyJ2ZXJkaWN0cyIsdHJ1ZV0",  # ["verdicts",true]
        "WyJ2ZXJkaWN0cyIsMWUzMDld",  # ["verdicts",1e309]
        "W1tbW1tb" * 20_000,
        "\ud800",
    ],
)
def test_a_cursor_that_no_list_gave_is_invalid(records: StoreRecords, cursor: str) -> None:
    with pytest.raises(Invalid):
        records.verdicts.list(None, Page(cursor=cursor))


@pytest.mark.parametrize("limit", [0, -5])
def test_a_page_has_at_least_one_row(records: StoreRecords, limit: int) -> None:
    with pytest.raises(Invalid):
        records.verdicts.list(None, Page(limit=limit))


def test_a_page_may_be_as_large_as_one_likes(records: StoreRecords) -> None:
    assert records.verdicts.list(None, Page(limit=2**80)) == ([], None)

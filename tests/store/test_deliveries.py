"""Deliveries: an id once, a push counted by hook."""

from __future__ import annotations

import pytest
from msgspec import structs

from nanoscale_box.core.errors import Code, Conflict, NotFound
from nanoscale_box.core.model import DeliveryId, RepoId
from nanoscale_box.engine.records import Page
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import A, B, delivery


def test_an_id_is_recorded_once(records: StoreRecords) -> None:
    records.deliveries.add(delivery())
    with pytest.raises(Conflict) as error:
        records.deliveries.add(structs.replace(delivery(), id="dlv_other"))
    assert error.value.code is Code.DELIVERY_CONFLICT
    assert records.deliveries.get(DeliveryId("guid-2")) is None


def test_what_is_not_there_cannot_be_updated(records: StoreRecords) -> None:
    with pytest.raises(NotFound):
        records.deliveries.update(delivery())


def test_the_same_push_is_counted_by_hook(records: StoreRecords) -> None:
    for number, hook in enumerate(("11", "22", "11", "")):
        records.deliveries.add(structs.replace(delivery(number), hook_id=hook))
    records.deliveries.add(structs.replace(delivery(10), head_commit=A))
    records.deliveries.add(structs.replace(delivery(11), before=B))
    records.deliveries.add(structs.replace(delivery(12), ref="refs/heads/other"))
    records.deliveries.add(structs.replace(delivery(13), repo_id=RepoId(8)))
    records.deliveries.add(structs.replace(delivery(14), repo_id=None))
    assert records.deliveries.count_same_push(RepoId(7), "refs/heads/main", A, B) == {"11": 2, "22": 1, "": 1}
    assert records.deliveries.count_same_push(RepoId(9), "refs/heads/main", A, B) == {}


def test_pages_join_newest_first(records: StoreRecords) -> None:
    for number in range(5):
        records.deliveries.add(delivery(number))
    first, cursor = records.deliveries.list(Page(limit=3))
    second, end = records.deliveries.list(Page(limit=3, cursor=cursor))
    assert [row.id for row in (*first, *second)] == [f"dlv_{number}" for number in (4, 3, 2, 1, 0)]
    assert cursor is not None and end is None

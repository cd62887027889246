"""Events: numbers that only grow."""

from __future__ import annotations

from contextlib import closing

import pytest

from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.model import DeploymentId, EventKind, ProjectId
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import NOW, in_memory, records_on


def test_events_are_read_on_from_any_number(records: StoreRecords) -> None:
    assert records.events.last_id() == 0
    added = [records.events.add(EventKind.VERDICT, NOW, {"n": number}) for number in range(5)]
    assert records.events.after(0, 10) == added
    assert records.events.after(added[1].id, 2) == added[2:4]
    assert records.events.after(added[-1].id, 10) == []
    assert records.events.last_id() == added[-1].id


def test_an_event_names_its_project_and_deployment(records: StoreRecords) -> None:
    added = records.events.add(
        EventKind.DEPLOYMENT, NOW, {}, project_id=ProjectId("p"), deployment_id=DeploymentId("d")
    )
    assert records.events.after(0, 1) == [added]


def test_a_number_is_not_used_again_when_its_event_was_trimmed() -> None:
    with closing(in_memory()) as connection:
        records = records_on(connection)
        last = [records.events.add(EventKind.GITHUB, NOW, {}).id for _ in range(3)][-1]
        connection.execute("DELETE FROM events")
        assert records.events.last_id() == last
        assert records.events.add(EventKind.GITHUB, NOW, {}).id == last + 1


def test_a_number_that_was_undone_is_not_counted() -> None:
    with closing(in_memory()) as connection:
        records = records_on(connection)
        connection.execute("BEGIN")
        records.events.add(EventKind.GITHUB, NOW, {})
        connection.execute("ROLLBACK")
        assert records.events.last_id() == 0


@pytest.mark.parametrize("limit", [0, -1])
def test_no_events_cannot_be_asked_for(records: StoreRecords, limit: int) -> None:
    with pytest.raises(Invalid):
        records.events.after(0, limit)

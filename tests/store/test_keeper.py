"""Small things by name, states that are spent, jobs that are retried."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanoscale_box.core.errors import Conflict, Invalid, NotFound
from nanoscale_box.engine.records import Job
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import NOW, later


def job(number: int, due: float) -> Job:
    """A job due so many seconds after `NOW`."""
    return Job(id=f"job_{number}", kind="remove_hook", payload="{}", due_at=later(due))


def test_a_text_is_kept_replaced_and_dropped(records: StoreRecords) -> None:
    assert records.keeper.get("app") is None
    records.keeper.put("app", "one")
    records.keeper.put("app", "two\0three")
    assert records.keeper.get("app") == "two\0three"
    records.keeper.drop("app")
    records.keeper.drop("app")
    assert records.keeper.get("app") is None


def test_a_state_is_spent_by_taking_it(records: StoreRecords) -> None:
    records.keeper.put_state("digest", "connect", "payload", later(600))
    assert records.keeper.take_state("digest", "connect", NOW) == "payload"
    assert records.keeper.take_state("digest", "connect", NOW) is None


def test_a_state_of_another_flow_is_neither_given_nor_spent(records: StoreRecords) -> None:
    records.keeper.put_state("digest", "connect", "payload", later(600))
    assert records.keeper.take_state("digest", "register", NOW) is None
    assert records.keeper.take_state("other", "connect", NOW) is None
    assert records.keeper.take_state("digest", "connect", NOW) == "payload"


@pytest.mark.parametrize(("after", "given"), [(599.999999, True), (600, False), (700, False)])
def test_a_state_expires(records: StoreRecords, after: float, given: bool) -> None:
    records.keeper.put_state("digest", "connect", "payload", later(600))
    assert (records.keeper.take_state("digest", "connect", later(after)) == "payload") is given


def test_jobs_come_when_they_are_due(records: StoreRecords) -> None:
    assert records.keeper.next_job_due() is None
    for number, due in ((1, 30), (2, 10), (3, 20)):
        records.keeper.add_job(job(number, due))
    assert records.keeper.next_job_due() == later(10)
    assert records.keeper.due_jobs(later(9), 10) == []
    assert records.keeper.due_jobs(later(20), 10) == [job(2, 10), job(3, 20)]
    assert records.keeper.due_jobs(later(99), 1) == [job(2, 10)]

    again = replace(job(2, 50), attempt=1, last_error="no answer")
    records.keeper.update_job(again)
    records.keeper.finish_job("job_3")
    records.keeper.finish_job("job_3")
    assert records.keeper.due_jobs(later(99), 10) == [job(1, 30), again]


def test_a_job_is_recorded_once_and_gone_when_done(records: StoreRecords) -> None:
    records.keeper.add_job(job(1, 0))
    with pytest.raises(Conflict):
        records.keeper.add_job(job(1, 5))
    records.keeper.finish_job("job_1")
    with pytest.raises(NotFound):
        records.keeper.update_job(job(1, 0))
    with pytest.raises(Invalid):
        records.keeper.due_jobs(NOW, 0)

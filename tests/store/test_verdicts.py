"""Verdicts: newest first, concluded once."""

from __future__ import annotations

from msgspec import structs

from nanoscale_box.core.model import DeliveryId, DeploymentId, Outcome, ProjectId, Trigger
from nanoscale_box.engine.records import Page
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import later, verdict

P = ProjectId("prj_hello")


def test_what_is_queued_for_a_deployment_is_concluded_and_no_other(records: StoreRecords) -> None:
    ignored = structs.replace(verdict(3), outcome=Outcome.IGNORED)
    elsewhere = structs.replace(verdict(4), deployment_id=DeploymentId("dep_2"))
    for one in (verdict(1), verdict(2), ignored, elsewhere):
        records.verdicts.add(one)
    concluded = [
        structs.replace(verdict(n), outcome=Outcome.DEPLOYED, code="deployed", reason="as #1", at=later(9))
        for n in (1, 2)
    ]
    id_ = DeploymentId("dep_hello_1")
    assert records.verdicts.conclude(id_, Outcome.DEPLOYED, "deployed", "as #1", later(9)) == concluded
    assert records.verdicts.conclude(id_, Outcome.FAILED, "failed", "twice", later(10)) == []
    assert records.verdicts.of_delivery(DeliveryId("guid-1")) == [*concluded, ignored, elsewhere]


def test_the_newest_is_the_one_recorded_last_whatever_the_clock_did(records: StoreRecords) -> None:
    records.verdicts.add(structs.replace(verdict(1), source=Trigger.POLL, at=later(100)))
    records.verdicts.add(structs.replace(verdict(2), source=Trigger.POLL, at=later(1)))
    records.verdicts.add(verdict(3))
    newest = records.verdicts.newest(P, Trigger.POLL)
    assert newest is not None and newest.id == "vrd_2"
    assert records.verdicts.newest(P, Trigger.SWEEP) is None
    assert records.verdicts.newest(ProjectId("prj_none"), Trigger.POLL) is None


def test_pages_of_a_project_and_of_all_join_newest_first(records: StoreRecords) -> None:
    for number in range(10):
        records.verdicts.add(structs.replace(verdict(number), project_id=P if number % 2 else None))

    def pages(project_id: ProjectId | None) -> list[str]:
        found: list[str] = []
        cursor: str | None = None
        while True:
            rows, cursor = records.verdicts.list(project_id, Page(limit=2, cursor=cursor))
            found += [row.id for row in rows]
            if cursor is None:
                return found

    assert pages(None) == [f"vrd_{number}" for number in range(9, -1, -1)]
    assert pages(P) == ["vrd_9", "vrd_7", "vrd_5", "vrd_3", "vrd_1"]


def test_a_row_that_comes_between_two_pages_shifts_nothing(records: StoreRecords) -> None:
    for number in range(4):
        records.verdicts.add(verdict(number))
    first, cursor = records.verdicts.list(P, Page(limit=2))
    records.verdicts.add(verdict(9))
    second, _ = records.verdicts.list(P, Page(limit=2, cursor=cursor))
    assert [row.id for row in (*first, *second)] == ["vrd_3", "vrd_2", "vrd_1", "vrd_0"]

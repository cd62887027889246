"""Deployments: at most one queued, one running, one live; numbers that are never given twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import pytest

from nanoscale_box.core.errors import Code, Conflict, NotFound
from nanoscale_box.core.lifecycle import RUNNING, DeploymentState
from nanoscale_box.core.model import DeploymentId, Failure, ProjectId, Step
from nanoscale_box.engine.records import Page
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import A, deployment, later, project

P = ProjectId("prj_hello")
S = DeploymentState
ENDED = (S.RETIRED, S.FAILED, S.SUPERSEDED, S.CANCELLED)


@pytest.fixture(autouse=True)
def projects(records: StoreRecords) -> None:
    """Two projects."""
    records.projects.add(project())
    records.projects.add(project("other"))


def add(records: StoreRecords, number: int, state: DeploymentState, name: str = "hello") -> None:
    """A deployment in a state, with a commit."""
    records.deployments.add(replace(deployment(number, name), state=state, sha=A))


def test_numbers_grow_and_are_never_given_twice(records: StoreRecords) -> None:
    assert [records.deployments.next_number(P) for _ in range(3)] == [1, 2, 3]
    assert records.deployments.next_number(ProjectId("prj_other")) == 1
    records.projects.update(replace(project(), branch="dev"))
    assert records.deployments.next_number(P) == 4
    with pytest.raises(NotFound):
        records.deployments.next_number(ProjectId("prj_none"))


def test_one_number_belongs_to_one_deployment(records: StoreRecords) -> None:
    add(records, 1, S.FAILED)
    with pytest.raises(Conflict):
        records.deployments.add(replace(deployment(1), id=DeploymentId("dep_x")))


@pytest.mark.parametrize(
    ("first", "second"),
    [(S.QUEUED, S.QUEUED), (S.LIVE, S.LIVE), *product(sorted(RUNNING), repeat=2)],
)
def test_a_project_has_at_most_one_of_each(
    records: StoreRecords, first: DeploymentState, second: DeploymentState
) -> None:
    add(records, 1, first)
    with pytest.raises(Conflict) as error:
        add(records, 2, second)
    assert error.value.code is Code.STATE_CONFLICT
    add(records, 2, S.FAILED)
    with pytest.raises(Conflict):
        records.deployments.update(replace(deployment(2), state=second))
    add(records, 1, second, "other")


def test_one_queued_one_running_and_one_live_go_together(records: StoreRecords) -> None:
    for number, state in enumerate((S.LIVE, S.BUILDING, S.QUEUED, *ENDED, *ENDED), start=1):
        add(records, number, state)
    queued, running = records.deployments.queued(P), records.deployments.running(P)
    assert queued is not None and queued.number == 3
    assert running is not None and running.number == 2


def test_nothing_is_queued_running_or_latest_at_first(records: StoreRecords) -> None:
    found = records.deployments
    assert found.queued(P) is found.running(P) is found.latest(P) is found.last_failed(P) is None
    assert found.list(P, Page()) == ([], None)


@pytest.mark.parametrize("state", [S.FETCHING, S.BUILDING, S.STARTING, S.SWITCHING])
def test_running_are_the_states_between_queue_and_end(records: StoreRecords, state: DeploymentState) -> None:
    add(records, 1, state)
    found = records.deployments.running(P)
    assert found is not None and found.state is state


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ([S.FAILED], 1),
        ([S.FAILED, S.FAILED], 2),
        ([S.FAILED, S.CANCELLED, S.SUPERSEDED, S.QUEUED], 1),
        ([S.FAILED, S.LIVE], None),
        ([S.FAILED, S.RETIRED], None),
        ([S.RETIRED, S.FAILED], 2),
        ([S.LIVE], None),
    ],
)
def test_the_last_failed_counts_until_something_goes_live(
    records: StoreRecords, states: list[DeploymentState], expected: int | None
) -> None:
    for number, state in enumerate(states, start=1):
        add(records, number, state)
    add(records, 9, S.FAILED, "other")
    found = records.deployments.last_failed(P)
    assert (found.number if found else None) == expected


def test_a_failure_without_a_commit_does_not_count(records: StoreRecords) -> None:
    add(records, 1, S.FAILED)
    records.deployments.add(replace(deployment(2), state=S.FAILED, sha=None))
    found = records.deployments.last_failed(P)
    assert found is not None and found.number == 1


def test_the_queue_is_read_oldest_due_first_over_all_projects(records: StoreRecords) -> None:
    records.deployments.add(replace(deployment(1), due_at=later(5)))
    records.deployments.add(replace(deployment(2), due_at=later(1), state=S.BUILDING))
    records.deployments.add(replace(deployment(1, "other"), due_at=later(3)))
    asked = records.deployments.all_in
    assert [one.due_at for one in asked([S.QUEUED, *RUNNING])] == [later(1), later(3), later(5)]
    assert [one.due_at for one in asked([S.QUEUED])] == [later(3), later(5)]
    assert asked([]) == []


def test_updating_writes_every_field_and_spares_the_plan(records: StoreRecords) -> None:
    records.deployments.add(deployment())
    records.deployments.keep_plan(deployment().id, '{"run": "x"}', "sealed")
    changed = replace(
        deployment(),
        state=S.FAILED,
        failure=Failure(code="build_failed", detail="it failed", hint="mend it"),
        steps=(Step(name="fetch", state="done", duration_ms=12), Step(name="build", state="failed")),
        cancel_requested=True,
        finished_at=later(9),
    )
    records.deployments.update(changed)
    assert records.deployments.get(changed.id) == changed
    assert records.deployments.plan_of(changed.id) == ('{"run": "x"}', "sealed")


def test_what_is_not_there_cannot_be_updated(records: StoreRecords) -> None:
    with pytest.raises(NotFound):
        records.deployments.update(deployment())
    with pytest.raises(NotFound):
        records.deployments.keep_plan(deployment().id, "{}", "sealed")
    with pytest.raises(NotFound):
        records.deployments.add(deployment(1, "none"))
    assert records.deployments.plan_of(deployment().id) is None


@pytest.mark.parametrize("limit", [1, 3, 7, 50])
def test_pages_join_to_the_whole_list_newest_first(records: StoreRecords, limit: int) -> None:
    for number in range(1, 8):
        add(records, number, S.FAILED)
    add(records, 99, S.FAILED, "other")
    found: list[int] = []
    cursor: str | None = None
    while True:
        rows, cursor = records.deployments.list(P, Page(limit=limit, cursor=cursor))
        assert 0 < len(rows) <= limit
        found += [row.number for row in rows]
        if cursor is None:
            break
    assert found == [7, 6, 5, 4, 3, 2, 1]

"""The life of a deployment, held against the table."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from nanoscale_box.core.errors import Code, Conflict
from nanoscale_box.core.lifecycle import CANCELLABLE, FINAL, RUNNING, TRANSITIONS, DeploymentState, step

S = DeploymentState
ORDER = (S.QUEUED, S.FETCHING, S.BUILDING, S.STARTING, S.SWITCHING, S.LIVE, S.RETIRED)


def test_every_state_has_its_row() -> None:
    assert set(TRANSITIONS) == set(DeploymentState)
    assert [state.value for state in ORDER] == [
        "queued", "fetching", "building", "starting", "switching", "live", "retired",
    ]  # fmt: skip


def test_the_way_to_live_is_one_step_after_the_other() -> None:
    for current, following in pairwise(ORDER):
        assert step(current, following) is following


@pytest.mark.parametrize(("current", "following"), list(product(DeploymentState, DeploymentState)))
def test_what_is_not_in_the_table_is_an_error(current: DeploymentState, following: DeploymentState) -> None:
    if following in TRANSITIONS[current]:
        assert step(current, following) is following
        return
    with pytest.raises(Conflict) as refused:
        step(current, following)
    assert refused.value.code is Code.STATE_CONFLICT
    assert refused.value.detail == f"a deployment that is {current} cannot become {following}"


def test_an_end_is_an_end_and_can_be_reached_from_everywhere() -> None:
    assert {S.RETIRED, S.FAILED, S.SUPERSEDED, S.CANCELLED} == FINAL
    for begin in DeploymentState:
        reached, todo = {begin}, [begin]
        while todo:
            fresh = TRANSITIONS[todo.pop()] - reached
            reached |= fresh
            todo += fresh
        assert reached & FINAL


def test_nobody_cancels_past_the_switch_and_whatever_runs_can_fail_or_be_queued_again() -> None:
    assert {S.QUEUED, S.FETCHING, S.BUILDING, S.STARTING} == CANCELLABLE
    assert {S.FETCHING, S.BUILDING, S.STARTING, S.SWITCHING} == RUNNING
    for state in RUNNING:
        assert {S.FAILED, S.QUEUED, S.SUPERSEDED} <= TRANSITIONS[state]


def test_only_a_switch_leads_to_live_and_only_live_retires() -> None:
    assert [state for state in S if S.LIVE in TRANSITIONS[state]] == [S.SWITCHING]
    assert [state for state in S if S.RETIRED in TRANSITIONS[state]] == [S.LIVE]

"""The life of a deployment as one table: what is not in it is an error."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from nanoscale_box.core.errors import Code, Conflict


class DeploymentState(StrEnum):
    """Where a deployment stands; the words are the same in the database, on the wire and on the screen."""

    QUEUED = "queued"
    FETCHING = "fetching"
    BUILDING = "building"
    STARTING = "starting"
    SWITCHING = "switching"
    LIVE = "live"
    RETIRED = "retired"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


_S = DeploymentState

# queued -> starting is a rollback: its release is built already. * -> queued is a retry, or a crash found at boot;
# * -> superseded the same while a newer one waits.
TRANSITIONS: Final[dict[DeploymentState, frozenset[DeploymentState]]] = {
    _S.QUEUED: frozenset({_S.FETCHING, _S.STARTING, _S.FAILED, _S.SUPERSEDED, _S.CANCELLED}),
    _S.FETCHING: frozenset({_S.BUILDING, _S.QUEUED, _S.FAILED, _S.SUPERSEDED, _S.CANCELLED}),
    _S.BUILDING: frozenset({_S.STARTING, _S.QUEUED, _S.FAILED, _S.SUPERSEDED, _S.CANCELLED}),
    _S.STARTING: frozenset({_S.SWITCHING, _S.QUEUED, _S.FAILED, _S.SUPERSEDED, _S.CANCELLED}),
    _S.SWITCHING: frozenset({_S.LIVE, _S.QUEUED, _S.FAILED, _S.SUPERSEDED}),
    _S.LIVE: frozenset({_S.RETIRED}),
    _S.RETIRED: frozenset(),
    _S.FAILED: frozenset(),
    _S.SUPERSEDED: frozenset(),
    _S.CANCELLED: frozenset(),
}

RUNNING: Final = frozenset({_S.FETCHING, _S.BUILDING, _S.STARTING, _S.SWITCHING})
FINAL: Final = frozenset(state for state, following in TRANSITIONS.items() if not following)
# Past the switch nobody may cancel: visitors may already see the new release.
CANCELLABLE: Final = frozenset(state for state, following in TRANSITIONS.items() if _S.CANCELLED in following)


def step(current: DeploymentState, following: DeploymentState) -> DeploymentState:
    """Give `following` if the table allows the step; raise `Conflict` (`state_conflict`) otherwise."""
    if following not in TRANSITIONS[current]:
        raise Conflict(Code.STATE_CONFLICT, f"a deployment that is {current} cannot become {following}")
    return following

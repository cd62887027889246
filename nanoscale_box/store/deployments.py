"""Deployments: the queue, what runs, and what was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from nanoscale_box.core.errors import Code, NotFound
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import DeliveryId, Deployment, DeploymentId, Failure, ProjectId, Sha, Step, Trigger
from nanoscale_box.engine.records import Page
from nanoscale_box.store.rows import (
    cursor_of,
    json_of,
    json_text,
    number_after,
    rows_wanted,
    time_of,
    time_or_none,
    time_text,
    time_text_or_none,
)
from nanoscale_box.store.sql import Row, Sql, Value, columns, inserting, selecting, updating

_NAMES: Final = (
    "id", "project_id", "number", "trigger", "state", "queued_at", "due_at", "burst_since", "sha", "ref", "subject",
    "author", "delivery_id", "superseded_by", "rollback_to", "error_code", "error_detail", "error_hint", "steps",
    "attempt", "cancel_requested", "clear_cache", "started_at", "finished_at", "ci_since",
)  # fmt: skip
_SELECT: Final = selecting("deployments", columns("deployments", _NAMES))
_BY_ID: Final = f"{_SELECT} WHERE id = ?"
_QUEUED: Final = f"{_SELECT} WHERE project_id = ? AND state = 'queued'"
# These conditions repeat those of the partial indexes word for word, or SQLite does not use them.
_RUNNING: Final = f"{_SELECT} WHERE project_id = ? AND state IN ('fetching', 'building', 'starting', 'switching')"
_ENDED: Final = (
    f"{_SELECT} WHERE project_id = ? AND (state IN ('live', 'retired') OR (state = 'failed' AND sha IS NOT NULL))"
    " ORDER BY number DESC LIMIT 1"
)
_LATEST: Final = f"{_SELECT} WHERE project_id = ? ORDER BY number DESC LIMIT 1"
_LIST: Final = f"{_SELECT} WHERE project_id = ? AND number < ? ORDER BY number DESC LIMIT ?"
_MARKS: Final = ", ".join("?" for _ in DeploymentState)
_ALL_IN: Final = f"{_SELECT} WHERE state IN ({_MARKS}) ORDER BY due_at, queued_at, project_id, number"
_ADD: Final = inserting("deployments", _NAMES)
_UPDATE: Final = updating("deployments", _NAMES, "id")


class Deployments:
    """The deployments; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def add(self, deployment: Deployment) -> None:
        """`Conflict` `state_conflict` when the project has a queued, running or live one already, as this one is."""
        self._sql.change(_ADD, _values(deployment))

    def next_number(self, project_id: ProjectId) -> int:
        """The next number of the project's deployments."""
        if not self._sql.change("UPDATE projects SET last_number = last_number + 1 WHERE id = ?", (project_id,)):
            raise NotFound(Code.NOT_FOUND, "the project is not there any more")
        row = self._sql.one("SELECT last_number FROM projects WHERE id = ?", (project_id,))
        return int(row[0]) if row else 0

    def get(self, deployment_id: DeploymentId) -> Deployment | None:
        """The deployment, or None."""
        return self._first(_BY_ID, deployment_id)

    def update(self, deployment: Deployment) -> None:
        """Write every field. `Conflict` as for `add`, so retire the old before the new goes live."""
        if not self._sql.change(_UPDATE, (*_values(deployment), deployment.id)):
            raise NotFound(Code.NOT_FOUND, f"the deployment #{deployment.number} is not there any more")

    def queued(self, project_id: ProjectId) -> Deployment | None:
        """The one that waits, or None."""
        return self._first(_QUEUED, project_id)

    def running(self, project_id: ProjectId) -> Deployment | None:
        """The one that runs, or None."""
        return self._first(_RUNNING, project_id)

    def last_failed(self, project_id: ProjectId) -> Deployment | None:
        """The newest that failed with a commit, unless a later one went live."""
        newest = self._first(_ENDED, project_id)
        return newest if newest and newest.state is DeploymentState.FAILED else None

    def latest(self, project_id: ProjectId) -> Deployment | None:
        """The one with the highest number, or None."""
        return self._first(_LATEST, project_id)

    def keep_plan(self, deployment_id: DeploymentId, plan_json: str, env_sealed: str) -> None:
        """Keep what the release was built by and runs with."""
        statement = "UPDATE deployments SET plan = ?, env_encrypted = ? WHERE id = ?"
        if not self._sql.change(statement, (plan_json, env_sealed, deployment_id)):
            raise NotFound(Code.NOT_FOUND, "the deployment is not there any more")

    def plan_of(self, deployment_id: DeploymentId) -> tuple[str, str] | None:
        """Plan and sealed environment, or None if none were kept."""
        statement = "SELECT plan, env_encrypted FROM deployments WHERE id = ? AND plan IS NOT NULL"
        row = self._sql.one(statement, (deployment_id,))
        return (row[0], row[1]) if row else None

    def all_in(self, states: Sequence[DeploymentState]) -> list[Deployment]:
        """Those in any of the states, oldest due first."""
        asked = [state if state in states else None for state in DeploymentState]
        return [_deployment(row) for row in self._sql.all(_ALL_IN, asked)]

    def _first(self, statement: str, key: str) -> Deployment | None:
        row = self._sql.one(statement, (key,))
        return _deployment(row) if row else None

    def list(self, project_id: ProjectId, page: Page) -> tuple[list[Deployment], str | None]:
        """The project's deployments, newest first."""
        rows = self._sql.all(_LIST, (project_id, number_after(page, "deployments"), rows_wanted(page)))
        found = [_deployment(row) for row in rows[: page.limit]]
        return found, cursor_of("deployments", found[-1].number) if len(rows) > page.limit else None


def _values(deployment: Deployment) -> tuple[Value, ...]:
    failure = deployment.failure
    return (
        deployment.id,
        deployment.project_id,
        deployment.number,
        deployment.trigger,
        deployment.state,
        time_text(deployment.queued_at),
        time_text(deployment.due_at),
        time_text(deployment.burst_since),
        deployment.sha,
        deployment.ref,
        deployment.subject,
        deployment.author,
        deployment.delivery_id,
        deployment.superseded_by,
        deployment.rollback_to,
        failure.code if failure else None,
        failure.detail if failure else None,
        failure.hint if failure else None,
        json_text([[step.name, step.state, step.duration_ms] for step in deployment.steps]),
        deployment.attempt,
        deployment.cancel_requested,
        deployment.clear_cache,
        time_text_or_none(deployment.started_at),
        time_text_or_none(deployment.finished_at),
        time_text_or_none(deployment.ci_since),
    )


def _deployment(row: Row) -> Deployment:
    return Deployment(
        id=DeploymentId(row[0]),
        project_id=ProjectId(row[1]),
        number=row[2],
        trigger=Trigger(row[3]),
        state=DeploymentState(row[4]),
        queued_at=time_of(row[5]),
        due_at=time_of(row[6]),
        burst_since=time_of(row[7]),
        sha=Sha(row[8]) if row[8] is not None else None,
        ref=row[9],
        subject=row[10],
        author=row[11],
        delivery_id=DeliveryId(row[12]) if row[12] is not None else None,
        superseded_by=DeploymentId(row[13]) if row[13] is not None else None,
        rollback_to=DeploymentId(row[14]) if row[14] is not None else None,
        failure=Failure(code=row[15], detail=row[16], hint=row[17]) if row[15] is not None else None,
        steps=tuple(Step(name=name, state=state, duration_ms=took) for name, state, took in json_of(row[18])),
        attempt=row[19],
        cancel_requested=bool(row[20]),
        clear_cache=bool(row[21]),
        started_at=time_or_none(row[22]),
        finished_at=time_or_none(row[23]),
        ci_since=time_or_none(row[24]),
    )

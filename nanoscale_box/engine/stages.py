"""The durable record of a running deployment: each stage is committed before the next begins."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from nanoscale_box.core.decide import short
from nanoscale_box.core.errors import BoxError, Code, Conflict
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Deployment, DeploymentId, Outcome, Project, Sha, Step
from nanoscale_box.engine import heads
from nanoscale_box.engine.crashpoints import Reached, passed
from nanoscale_box.engine.ports import Clock
from nanoscale_box.engine.queue import conclude, fail, move
from nanoscale_box.engine.records import Ledger, Records
from nanoscale_box.engine.telling import tell_deployment, tell_project


class Stages:
    """Moves one deployment through its life, a commit a step."""

    def __init__(self, *, ledger: Ledger, clock: Clock, reached: Reached = passed) -> None:
        self._ledger = ledger
        self._clock = clock
        self._reached = reached

    async def move(self, deployment_id: DeploymentId, state: DeploymentState, **changes: Any) -> Deployment:  # noqa: ANN401 - fields of Deployment
        """Record that a deployment reached `state`."""

        def work(records: Records) -> Deployment:
            now = self._clock.now()
            current = _current(records, deployment_id)
            if current.cancel_requested and state is DeploymentState.SWITCHING:
                raise Conflict(Code.CANCELLED, f"#{current.number} was cancelled")
            started = current.started_at or now
            _heard(records, current, changes.get("sha"), now)
            return move(records, current, state, now, **{"started_at": started, **changes})

        return await self._ledger.write(work)

    @asynccontextmanager
    async def step(self, deployment_id: DeploymentId, name: str) -> AsyncIterator[None]:
        """Record a step as running, then as done or failed with its duration."""
        began = self._clock.now()
        await self._note(deployment_id, Step(name=name, state="running"))
        self._reached(f"{name} begun")
        ended = "failed"
        try:
            yield
            self._reached(f"{name} done")
            ended = "done"
        finally:
            await self._note(deployment_id, Step(name=name, state=ended, duration_ms=self._since(began)))

    async def went_live(self, deployment_id: DeploymentId) -> Deployment | None:
        """Record the new release as the live one and the old as retired, in one commit; give the old."""

        def work(records: Records) -> Deployment | None:
            now = self._clock.now()
            current = _current(records, deployment_id)
            project = records.projects.get(current.project_id)
            if project is None:
                raise Conflict(Code.STATE_CONFLICT, "the project was deleted meanwhile")
            old = records.deployments.get(project.live_deployment_id) if project.live_deployment_id else None
            if old and old.state is DeploymentState.LIVE:
                old = move(records, old, DeploymentState.RETIRED, now)
            live = move(records, current, DeploymentState.LIVE, now, finished_at=now, failure=None)
            records.projects.update(_live(project, live, now))
            reason = f"deployed {short(live.sha)} as #{live.number}"
            conclude(records, live, Outcome.DEPLOYED, "deployed", reason, now)
            tell_project(records, project, "state", now)
            return old

        retired = await self._ledger.write(work)
        self._reached("live")
        return retired

    async def failed(self, deployment_id: DeploymentId, error: BoxError) -> None:
        """Record the failure, with its sentence."""
        await self._ledger.write(
            lambda records: fail(records, _current(records, deployment_id), error, self._clock.now())
        )

    async def again(
        self, deployment_id: DeploymentId, due_at: datetime, error: BoxError | None, *, counted: bool = True
    ) -> None:
        """Put the deployment back into the queue, unless the owner cancelled it or a newer one waits there already; a
        try that is not `counted` never happened."""

        def work(records: Records) -> None:
            now = self._clock.now()
            current = _current(records, deployment_id)
            tries = current.attempt if counted else max(0, current.attempt - 1)
            if _requeue(records, current, now, due_at=due_at, attempt=tries) and error:
                reason = f"#{current.number} is tried again: {error.detail}"
                conclude(records, current, Outcome.QUEUED, "retry", reason, now)

        await self._ledger.write(work)

    async def cancelled(self, deployment_id: DeploymentId) -> None:
        """Record that the owner cancelled it."""

        await self._ledger.write(lambda records: _cancel(records, _current(records, deployment_id), self._clock.now()))

    async def needless(self, deployment_id: DeploymentId, live: Deployment) -> None:
        """Record that the branch's head is live already, so there is nothing to do."""

        def work(records: Records) -> None:
            now = self._clock.now()
            current = _current(records, deployment_id)
            done = move(records, current, DeploymentState.SUPERSEDED, now, superseded_by=live.id)
            reason = f"the head is {short(live.sha)}, live already as #{live.number}"
            conclude(records, done, Outcome.SUPERSEDED, "already_live", reason, now)
            _heard(records, done, live.sha, now)

        await self._ledger.write(work)

    async def unwatched(self, deployment_id: DeploymentId, live: Deployment, head: Sha, reason: str) -> None:
        """Record that the branch's head differs from what is live in nothing that is watched."""

        def work(records: Records) -> None:
            now = self._clock.now()
            current = _current(records, deployment_id)
            done = move(records, current, DeploymentState.SUPERSEDED, now, superseded_by=live.id)
            conclude(records, done, Outcome.IGNORED, "unwatched", reason, now)
            _heard(records, done, head, now)

        await self._ledger.write(work)

    async def hold(self, deployment_id: DeploymentId, sha: Sha) -> None:
        """Put the deployment back into the queue to wait for the checks of `sha`, which is the branch's head by now."""

        def work(records: Records) -> None:
            now = self._clock.now()
            current = _current(records, deployment_id)
            tries = max(0, current.attempt - 1)
            if _requeue(records, current, now, due_at=now, attempt=tries, sha=sha, ci_since=now):
                reason = f"the head is {short(sha)} by now; waiting for CI"
                conclude(records, current, Outcome.QUEUED, "waiting_for_ci", reason, now)

        await self._ledger.write(work)

    async def _note(self, deployment_id: DeploymentId, noted: Step) -> None:
        def work(records: Records) -> None:
            current = _current(records, deployment_id)
            others = tuple(one for one in current.steps if one.name != noted.name)
            changed = replace(current, steps=(*others, noted))
            records.deployments.update(changed)
            tell_deployment(records, changed, self._clock.now())

        await self._ledger.write(work)

    def _since(self, began: datetime) -> int:
        return max(0, round((self._clock.now() - began).total_seconds() * 1000))


def _current(records: Records, deployment_id: DeploymentId) -> Deployment:
    found = records.deployments.get(deployment_id)
    if found is None:
        raise Conflict(Code.STATE_CONFLICT, "the deployment was deleted meanwhile")
    return found


def _requeue(records: Records, current: Deployment, now: datetime, **changes: Any) -> bool:  # noqa: ANN401 - fields of Deployment
    """Back into the queue; False when the owner cancelled it, or a newer one waits there already."""
    if current.cancel_requested:
        _cancel(records, current, now)
        return False
    if waiting := records.deployments.queued(current.project_id):
        done = move(records, current, DeploymentState.SUPERSEDED, now, superseded_by=waiting.id)
        conclude(records, done, Outcome.SUPERSEDED, "superseded", f"superseded by #{waiting.number}", now)
        return False
    move(records, current, DeploymentState.QUEUED, now, **{"steps": (), "finished_at": None, **changes})
    return True


def _heard(records: Records, deployment: Deployment, head: Sha | None, now: datetime) -> None:
    project = records.projects.get(deployment.project_id)
    if project and head:
        heads.heard(records, project, head, now)


def _cancel(records: Records, current: Deployment, now: datetime) -> None:
    done = move(records, current, DeploymentState.CANCELLED, now)
    conclude(records, done, Outcome.CANCELLED, "cancelled", f"#{done.number} was cancelled", now)


def _live(project: Project, live: Deployment, now: datetime) -> Project:
    return replace(project, live_deployment_id=live.id, down=False, updated_at=now)

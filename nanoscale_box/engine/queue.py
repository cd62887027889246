"""Moves of deployments in the queue, each with its verdicts and events in the same commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from nanoscale_box.core.audit import BOX, Act
from nanoscale_box.core.ci import waits
from nanoscale_box.core.decide import (
    Change,
    Debounce,
    Decision,
    Enqueue,
    Ignore,
    Known,
    decide,
    ignored_at_sight,
    watched,
)
from nanoscale_box.core.errors import BoxError, Code
from nanoscale_box.core.lifecycle import DeploymentState, step
from nanoscale_box.core.model import (
    Deployment,
    DeploymentId,
    Failure,
    Outcome,
    Project,
    Release,
    Sha,
    Trigger,
    Verdict,
    VerdictId,
)
from nanoscale_box.core.tags import followed_ref
from nanoscale_box.engine import heads
from nanoscale_box.engine.ports import Ids
from nanoscale_box.engine.records import Page, Records
from nanoscale_box.engine.telling import tell_deployment, tell_verdict

OUT_OF_REACH: Final = frozenset({Code.REPOSITORY_UNKNOWN, Code.BRANCH_MISSING, Code.INSTALLATION_SUSPENDED})
"""Why a source could not be asked, which says nothing of any commit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision, recorded: its verdict, and the deployment if one is owed."""

    verdict: Verdict
    deployment: Deployment | None


class Queue:
    """Decides and moves; every method is synchronous work inside one transaction of the ledger."""

    def __init__(self, *, ids: Ids, debounce: Debounce) -> None:
        self._ids = ids
        self._debounce = debounce

    def submit(
        self, records: Records, project: Project, change: Change, now: datetime, *, told_by_other_hook: bool = False
    ) -> Decided:
        """Decide what a change means for a project and record the decision."""
        known = self.known(records, project, told_by_other_hook=told_by_other_hook)
        decision = decide(change, project, known, self._debounce, now)
        deployment = self._enqueue(records, project, change, decision, now) if isinstance(decision, Enqueue) else None
        verdict = self.verdict(project, change, decision, deployment, now)
        records.verdicts.add(verdict)
        tell_verdict(records, verdict, now)
        if change.after and ignored_at_sight(change, project) is None:
            heads.heard(records, project, change.after, now)
        return Decided(verdict=verdict, deployment=deployment)

    def known(self, records: Records, project: Project, *, told_by_other_hook: bool = False) -> Known:
        """What `decide` needs to remember of a project."""
        live_id = project.live_deployment_id
        failed = records.deployments.last_failed(project.id)
        latest = records.deployments.latest(project.id)
        live = records.deployments.get(live_id) if live_id else None
        return Known(
            live=live,
            queued=records.deployments.queued(project.id),
            running=records.deployments.running(project.id),
            last_failed_sha=failed.sha if failed and not _was_out_of_reach(failed) else None,
            last_cancelled_sha=latest.sha if latest and latest.state is DeploymentState.CANCELLED else None,
            told_by_other_hook=told_by_other_hook,
            as_good_as_live=_as_good_as(live, records, project),
        )

    def roll_back(self, records: Records, project: Project, target: Deployment, now: datetime) -> Deployment:
        """Queue the start of a kept release; whatever waited is superseded by it."""
        change = Change(
            source=Trigger.ROLLBACK,
            ref=target.ref or followed_ref(project),
            after=target.sha,
            subject=target.subject,
            author=target.author,
        )
        waiting = records.deployments.queued(project.id)
        order = Enqueue(sha=target.sha, due_at=now, burst_since=now, supersedes=waiting)
        kept = release_of(target).deployment_id
        deployment = self._enqueue(records, project, change, order, now, rollback_to=kept)
        verdict = self.verdict(project, change, order, deployment, now)
        records.verdicts.add(verdict)
        tell_verdict(records, verdict, now)
        return deployment

    def _enqueue(
        self,
        records: Records,
        project: Project,
        change: Change,
        order: Enqueue,
        now: datetime,
        rollback_to: DeploymentId | None = None,
    ) -> Deployment:
        old = order.supersedes
        number = records.deployments.next_number(project.id)
        deployment = Deployment(
            id=DeploymentId(self._ids.new("dep")),
            project_id=project.id,
            number=number,
            # The owner's own word is not lost with the place it waited at.
            trigger=old.trigger if old and old.trigger is Trigger.MANUAL else change.source,
            state=DeploymentState.QUEUED,
            queued_at=now,
            due_at=order.due_at,
            burst_since=order.burst_since,
            sha=order.sha,
            ref=change.ref,
            subject=change.subject,
            author=change.author,
            delivery_id=change.delivery_id,
            rollback_to=rollback_to,
            clear_cache=old.clear_cache if old else False,
            ci_since=now if waits(project, change.source) else None,
        )
        if old:
            old = move(records, old, DeploymentState.SUPERSEDED, now)
        records.deployments.add(deployment)
        if old:
            records.deployments.update(replace(old, superseded_by=deployment.id))
            conclude(records, old, Outcome.SUPERSEDED, "superseded", f"superseded by #{number}", now)
        tell_deployment(records, deployment, now)
        return deployment

    def verdict(
        self, project: Project, change: Change, decision: Decision, deployment: Deployment | None, now: datetime
    ) -> Verdict:
        """What is said of a decision."""
        if isinstance(decision, Ignore):
            outcome, code, reason = Outcome.IGNORED, decision.code, decision.reason
        else:
            outcome, code = Outcome.QUEUED, "queued"
            reason = f"queued as #{deployment.number}" if deployment else "queued"
            if deployment and deployment.ci_since:
                code, reason = "waiting_for_ci", f"{reason}, waiting for CI"
        return Verdict(
            id=VerdictId(self._ids.new("ver")),
            project_id=project.id,
            source=change.source,
            delivery_id=change.delivery_id,
            ref=change.ref,
            sha=change.after,
            outcome=outcome,
            code=code,
            reason=reason,
            deployment_id=deployment.id if deployment else None,
            at=now,
        )


def _as_good_as(live: Deployment | None, records: Records, project: Project) -> Sha | None:
    """The commit of the newest verdict, if that found nothing watched to differ from what is live."""
    if live is None or live.finished_at is None or not watched(project):
        return None
    newest = next(iter(records.verdicts.list(project.id, Page(limit=1))[0]), None)
    fits = newest and newest.code == "unwatched" and not newest.deployment_id and newest.at >= live.finished_at
    return newest.sha if newest and fits else None


def move(records: Records, deployment: Deployment, state: DeploymentState, now: datetime, **changes: Any) -> Deployment:  # noqa: ANN401 - fields of Deployment
    """Take one step of the lifecycle's table and tell it; `changes` are other fields that change with it."""
    step(deployment.state, state)
    finished = None if state in _UNFINISHED else now
    moved = replace(deployment, **{"state": state, "finished_at": deployment.finished_at or finished, **changes})
    records.deployments.update(moved)
    tell_deployment(records, moved, now)
    return moved


def conclude(records: Records, deployment: Deployment, outcome: Outcome, code: str, reason: str, now: datetime) -> None:
    """Give every push that waited for this deployment its final verdict."""
    for verdict in records.verdicts.conclude(deployment.id, outcome, code, reason, now):
        tell_verdict(records, verdict, now)
    if outcome in _AUDITED:
        act = Act(
            who=BOX,
            action=f"deployment.{outcome}",
            outcome=code,
            target=deployment.id,
            delivery_id=deployment.delivery_id,
            sha=deployment.sha,
            detail=f"#{deployment.number} of {deployment.project_id}",
        )
        records.audit.add(act, now)


_AUDITED = frozenset({Outcome.DEPLOYED, Outcome.FAILED, Outcome.CANCELLED})


def _was_out_of_reach(failed: Deployment) -> bool:
    """Whether a deployment failed for want of its source: no fault of the commit, which is owed once it is there."""
    return failed.failure is not None and failed.failure.code in OUT_OF_REACH


def fail(records: Records, deployment: Deployment, error: BoxError, now: datetime) -> Deployment:
    """End a deployment with the sentence that says why."""
    failure = Failure(code=error.code.value, detail=error.detail, hint=error.hint)
    moved = move(records, deployment, DeploymentState.FAILED, now, failure=failure)
    conclude(records, moved, Outcome.FAILED, failure.code, f"#{moved.number} failed: {error.detail}", now)
    return moved


def release_of(deployment: Deployment) -> Release:
    """The release a deployment runs: its own, or for a rollback the kept one."""
    return Release(project_id=deployment.project_id, deployment_id=deployment.rollback_to or deployment.id)


_UNFINISHED = frozenset(
    {
        DeploymentState.QUEUED,
        DeploymentState.FETCHING,
        DeploymentState.BUILDING,
        DeploymentState.STARTING,
        DeploymentState.SWITCHING,
    }
)

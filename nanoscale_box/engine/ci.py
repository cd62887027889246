"""Holds deployments until their commit's checks are green: asks GitHub now and then, and at once when it tells of
one."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from nanoscale_box.core.ci import Go, Light, Stop, Wait, judge, patient
from nanoscale_box.core.decide import Change
from nanoscale_box.core.errors import BoxError, Code, DeployFailed
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Deployment, DeploymentId, Outcome, Project, Sha, Trigger
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Alarms, Github
from nanoscale_box.engine.queue import Queue, conclude, fail, move
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.telling import tell_deployment

PACE: Final = timedelta(seconds=20)
"""Between two looks at a commit; an answer that did not change costs nothing of GitHub's limit."""
PACE_AFTERWARDS: Final = timedelta(seconds=60)
"""The same for a commit whose CI failed: it may be run again."""
RUN_AGAIN_WITHIN: Final = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """A deployment that waits for its commit's checks, or that failed by them."""

    project: Project
    deployment: Deployment

    @property
    def failed(self) -> bool:
        return self.deployment.state is DeploymentState.FAILED


class CiWatch:
    """Lets deployments go on, or fails them. The rows say which wait; what is kept here is only when to look."""

    def __init__(
        self,
        *,
        desk: Desk,
        alarms: Alarms,
        github: Github,
        app: AppKeeper,
        queue: Queue,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._alarms = alarms
        self._github = github
        self._app = app
        self._queue = queue
        self._bell = asyncio.Event()
        self.ready = asyncio.Event()
        """Rings when a deployment may go on: the bell of whoever works off the queue."""
        self._looks: dict[_Key, datetime] = {}
        self._said: dict[_Key, str] = {}

    def wake(self) -> None:
        """A deployment may have begun to wait."""
        self._bell.set()

    def news(self, sha: Sha) -> None:
        """GitHub told something of a commit's checks: whoever waits for it is looked at now."""
        self._looks = {key: at for key, at in self._looks.items() if key[1] != sha}
        self._bell.set()

    async def run(self) -> None:
        """Look until cancelled; a store that fails for the moment holds this up, and does not end it."""
        while True:
            self._bell.clear()
            try:
                await self._look_round()
            except BoxError:
                self._alarms.at(self._clock.now() + PACE, "ci", self.wake)
            await self._bell.wait()

    async def _look_round(self) -> None:
        watched = await self._ledger.read(self._watched)
        keys = {_key(one.deployment) for one in watched}
        self._looks = {key: at for key, at in self._looks.items() if key in keys}
        self._said = {key: text for key, text in self._said.items() if key in keys}
        for one in watched:
            if not one.project.wait_for_ci or one.project.paused or self._is_time(one):
                await self._look(one)
        if self._looks:
            self._alarms.at(min(self._looks.values()), "ci", self.wake)

    def _is_time(self, one: _Watched) -> bool:
        now = self._clock.now()
        return self._looks.get(_key(one.deployment), now) <= now

    def _watched(self, records: Records) -> list[_Watched]:
        found = []
        for project in records.projects.list():
            queued = records.deployments.queued(project.id)
            latest = records.deployments.latest(project.id) if project.wait_for_ci else None
            if queued and queued.ci_since:
                found.append(_Watched(project=project, deployment=queued))
            elif latest and not queued and not project.paused and self._may_be_run_again(latest):
                found.append(_Watched(project=project, deployment=latest))
        return found

    def _may_be_run_again(self, latest: Deployment) -> bool:
        if latest.failure is None or latest.failure.code != Code.CI_FAILED or latest.finished_at is None:
            return False
        return self._clock.now() - latest.finished_at < RUN_AGAIN_WITHIN

    async def _look(self, one: _Watched) -> None:
        pace = PACE_AFTERWARDS if one.failed else PACE
        try:
            light = await self._light(one)
        except BoxError as error:
            pace = max(pace, timedelta(seconds=error.retry_after or 0))
            light = self._unanswered(one, error)
        self._looks[_key(one.deployment)] = self._clock.now() + pace
        if not one.failed:
            await self._ledger.write(partial(self._apply, deployment_id=one.deployment.id, light=light))
        elif isinstance(light, Go):
            await self._ledger.write(partial(self._revive, failed=one.deployment))
        if isinstance(light, Go):
            self.ready.set()

    async def _light(self, one: _Watched) -> Light:
        link, sha = one.project.link, one.deployment.sha
        if not one.project.wait_for_ci or one.project.paused:
            return Go(reason="CI is not waited for any more")
        if link is None or not link.active or sha is None:
            return Go(reason="its checks cannot be asked for")  # fetching says why in its own words
        app = await self._app.required()
        checks = await self._github.checks(app, link.installation_id, link.repo_id, sha)
        return judge(checks, self._waited(one))

    def _unanswered(self, one: _Watched, error: BoxError) -> Light:
        if error.may_retry:
            return patient(f"waiting for CI: {error.detail}", self._waited(one))
        return Stop(reason=error.detail, hint=error.hint)

    def _waited(self, one: _Watched) -> timedelta:
        return self._clock.now() - (one.deployment.ci_since or one.deployment.queued_at)

    def _apply(self, records: Records, deployment_id: DeploymentId, light: Light) -> None:
        now = self._clock.now()
        current = records.deployments.get(deployment_id)
        if current is None or current.state is not DeploymentState.QUEUED or current.ci_since is None:
            return
        project = records.projects.get(current.project_id)
        match light:
            case Go() if project is not None and project.paused:
                gone = move(records, current, DeploymentState.SUPERSEDED, now)
                reason = f"{project.name} is paused: {project.paused_reason}"
                conclude(records, gone, Outcome.IGNORED, "paused", reason, now)
            case Go(reason=reason):
                ready = replace(current, ci_since=None, due_at=max(now, current.due_at))
                records.deployments.update(ready)
                tell_deployment(records, ready, now)
                self._say(records, ready, "queued", f"{reason}; queued as #{ready.number}")
            case Wait(reason=reason):
                self._say(records, current, "waiting_for_ci", reason)
            case Stop(reason=reason, hint=hint):
                fail(records, current, DeployFailed(Code.CI_FAILED, reason, hint=hint or _HINT), now)

    def _say(self, records: Records, deployment: Deployment, code: str, reason: str) -> None:
        """Only what is new: a look every few seconds must not fill the stream."""
        if self._said.get(_key(deployment)) != reason:
            conclude(records, deployment, Outcome.QUEUED, code, reason, self._clock.now())
            self._said[_key(deployment)] = reason

    def _revive(self, records: Records, failed: Deployment) -> None:
        """CI was run again and is green: the same commit is owed once more, if nothing came after it."""
        project = records.projects.get(failed.project_id)
        latest = records.deployments.latest(failed.project_id)
        if project is None or project.paused or latest is None or latest.id != failed.id or failed.ref is None:
            return
        change = Change(
            source=Trigger.PUSH, ref=failed.ref, after=failed.sha, subject=failed.subject, author=failed.author
        )
        self._queue.submit(records, project, change, self._clock.now())


_Key = tuple[DeploymentId, Sha | None]


def _key(deployment: Deployment) -> _Key:
    return deployment.id, deployment.sha


_HINT: Final = "run the checks again on GitHub, push a fix, or deploy it all the same: nanoscale-box deploy PROJECT"

"""What the owner does to deployments: redeploy, cancel, roll back, resume, take down."""

from __future__ import annotations

from dataclasses import replace

from nanoscale_box.core.decide import Change
from nanoscale_box.core.errors import Code, Conflict, NotFound
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Deployment, DeploymentId, Project, ProjectId, Release, Trigger
from nanoscale_box.core.tags import followed_ref
from nanoscale_box.engine.kit import Desk, Hands
from nanoscale_box.engine.polling import Polling
from nanoscale_box.engine.queue import Queue, release_of
from nanoscale_box.engine.records import Page, Records
from nanoscale_box.engine.retiring import Retiring
from nanoscale_box.engine.telling import tell_project
from nanoscale_box.engine.worker import Worker


class Steering:
    """Carries out the owner's word on what runs."""

    def __init__(
        self,
        *,
        desk: Desk,
        queue: Queue,
        worker: Worker,
        retiring: Retiring,
        polling: Polling,
        hands: Hands,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._queue = queue
        self._worker = worker
        self._retiring = retiring
        self._polling = polling
        self._builder = hands.builder
        self._runner = hands.runner
        self._ingress = hands.ingress

    def wake(self) -> None:
        """Something was queued."""
        self._worker.wake()

    async def clear(self, project_id: ProjectId) -> None:
        """Cancel what a project has queued or running, and wait until that has ended."""
        await self._worker.clear(project_id)

    async def end(self, release: Release) -> None:
        """End a release for good; its requests have seconds left."""
        await self._retiring.end(release)

    async def redeploy(self, project_id: ProjectId, *, clear_cache: bool) -> Deployment | None:
        """Queue the branch's head, whatever runs; a pause is the owner's own and does not hold this back."""

        def work(records: Records) -> Deployment | None:
            project = _project(records, project_id)
            change = Change(source=Trigger.MANUAL, ref=followed_ref(project), after=None)
            deployment = self._queue.submit(records, project, change, self._clock.now()).deployment
            if deployment and clear_cache:
                deployment = replace(deployment, clear_cache=True)
                records.deployments.update(deployment)
            return deployment

        deployment = await self._ledger.write(work)
        self._worker.wake()
        return deployment

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        """Cancel before the switch, or `Conflict`."""
        return await self._worker.cancel(deployment_id)

    async def roll_back(self, project_id: ProjectId, deployment_id: DeploymentId | None) -> Deployment:
        """Start a kept release again (without one named, that before the live one), pin it, and pause pushes until
        `resume`."""
        kept = await self._builder.kept(project_id)
        deployment = await self._ledger.write(
            lambda records: self._queue_roll_back(records, project_id, deployment_id, kept)
        )
        self._worker.wake()
        return deployment

    async def resume(self, project_id: ProjectId) -> Deployment | None:
        """Lift pause and pin; deploy the head if it is not what runs."""

        def work(records: Records) -> Project:
            project = _project(records, project_id)
            check_resumable(project)
            resumed = replace(project, paused_reason=None, pinned_deployment_id=None, updated_at=self._clock.now())
            records.projects.update(resumed)
            tell_project(records, resumed, "changed", self._clock.now())
            return resumed

        project = await self._ledger.write(work)
        decided = await self._polling.compare(project, Trigger.MANUAL)
        return decided.deployment if decided else None

    async def down(self) -> None:
        """Stop all apps and the ingress; the next deployment of a project brings it up again."""

        def work(records: Records) -> list[Project]:
            now = self._clock.now()
            stopped = [replace(project, down=True, updated_at=now) for project in records.projects.list()]
            for project in stopped:
                records.projects.update(project)
                tell_project(records, project, "state", now)
            return stopped

        await self._ledger.write(work)
        await self._ingress.stop()  # first, so that no visitor is led to an app that is gone
        for release in await self._runner.running():
            await self._runner.stop(release)

    def _queue_roll_back(
        self, records: Records, project_id: ProjectId, wanted: DeploymentId | None, kept: set[DeploymentId]
    ) -> Deployment:
        now = self._clock.now()
        project = _project(records, project_id)
        live = records.deployments.get(project.live_deployment_id) if project.live_deployment_id else None
        target = self._target(records, project, live, wanted, kept)
        if live and release_of(live) == release_of(target):
            raise Conflict(Code.STATE_CONFLICT, f"#{target.number} is what runs now")
        deployment = self._queue.roll_back(records, project, target, now)
        reason = f"rolled back to #{target.number}; resume to deploy pushes again"
        pinned = replace(project, paused_reason=reason, pinned_deployment_id=release_of(target).deployment_id)
        records.projects.update(replace(pinned, updated_at=now))
        tell_project(records, pinned, "changed", now)
        return deployment

    def _target(
        self,
        records: Records,
        project: Project,
        live: Deployment | None,
        wanted: DeploymentId | None,
        kept: set[DeploymentId],
    ) -> Deployment:
        rows, _ = records.deployments.list(project.id, Page(limit=200))
        able = [
            row
            for row in rows
            if row.state in (DeploymentState.LIVE, DeploymentState.RETIRED) and release_of(row).deployment_id in kept
        ]
        if wanted is not None:
            able = [row for row in able if row.id == wanted]
        else:
            able = [row for row in able if live is None or release_of(row) != release_of(live)]
        if not able:
            raise NotFound(
                Code.NOT_FOUND,
                "there is no kept release to roll back to",
                hint=f"see which are there: nanoscale-box deployments {project.name}",
            )
        return able[0]


def check_resumable(project: Project) -> None:
    """`Conflict` when a pause is not the owner's to lift, since the repository is out of reach."""
    if project.link and not project.link.active:
        raise Conflict(
            Code.STATE_CONFLICT,
            f"{project.name} cannot go on yet: {project.paused_reason}",
            hint="mend that on GitHub, or run: nanoscale-box github connect",
        )


def _project(records: Records, project_id: ProjectId) -> Project:
    project = records.projects.get(project_id)
    if project is None:
        raise NotFound(Code.NOT_FOUND, "there is no such project", hint="see: nanoscale-box projects list")
    return project

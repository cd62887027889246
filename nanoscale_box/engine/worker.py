"""Takes due deployments from the queue, oldest first: one a project, so many on the machine; and ends each with a
sentence."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from nanoscale_box.core.errors import BoxError, Code, Conflict, DeployFailed, Fault, NotFound
from nanoscale_box.core.lifecycle import CANCELLABLE, RUNNING, DeploymentState
from nanoscale_box.core.model import Deployment, DeploymentId, Outcome, ProjectId
from nanoscale_box.engine.ci import CiWatch
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.pipeline import Job, Pipeline
from nanoscale_box.engine.ports import Alarms
from nanoscale_box.engine.queue import conclude, move
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.stages import Stages

PAUSES: Final = (5.0, 15.0, 60.0, 180.0, 600.0)
"""Seconds before each further try of a deployment that failed through nobody's commit."""
FOR_THE_OWNER: Final = frozenset({Code.DISK_FULL, Code.INGRESS_MISSING, Code.NO_FREE_PORT, Code.PORT_TAKEN})
"""The machine's fault, and yet no use to try again: each lasts until the owner did what its hint says."""
LONGEST_WAIT: Final = timedelta(hours=1)
"""What is due later than that was due by a clock that has been set back since: nothing is debounced longer, and within
the hour GitHub's limits are over. It is due now."""
LOOK_SECONDS: Final = 60.0
"""Between two looks at the queue, whatever the alarms do: they too may follow a clock that was set back."""
RECORD_PAUSE: Final = 2.0
"""Seconds before trying again to record an end that could not be made durable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A deployment under way: its pipeline, which may be cancelled, and the whole, which also records the end and may
    not."""

    project_id: ProjectId
    pipeline: asyncio.Task[None]
    whole: asyncio.Task[None]


class Worker:
    """The one who works off the queue. The rows are the truth; the tasks here only carry them out."""

    def __init__(
        self,
        *,
        desk: Desk,
        alarms: Alarms,
        stages: Stages,
        pipeline: Pipeline,
        ci: CiWatch,
        at_once: int = 1,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._reached = desk.reached
        self._alarms = alarms
        self._stages = stages
        self._pipeline = pipeline
        self._ci = ci
        self._at_once = at_once
        self._bell = ci.ready
        self._stopping = asyncio.Event()
        self._claiming = asyncio.Lock()
        self._works: dict[DeploymentId, _Work] = {}

    def wake(self) -> None:
        """Look at the queue again."""
        self._bell.set()

    async def run(self) -> None:
        """Work until `stop`; a store that fails for the moment holds the queue up, and does not end it."""
        while not self._stopping.is_set():
            self._bell.clear()
            try:
                async with self._claiming:
                    await self._start_due()
            except BoxError:
                self._alarms.at(self._clock.now() + timedelta(seconds=RECORD_PAUSE), "queue", self.wake)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._bell.wait(), LOOK_SECONDS)

    async def stop(self) -> None:
        """Start nothing new; put what runs back into the queue, but let a switch that began come to its end."""
        self._stopping.set()
        self._bell.set()
        async with self._claiming:  # a row claimed just now is work under way afterwards
            works = list(self._works.values())
        await self._cancel_and_wait(works)

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        """Cancel a deployment that has not reached the switch; give it as it stands afterwards."""
        await self._ledger.write(lambda records: self._request_cancel(records, deployment_id))
        if work := self._works.get(deployment_id):
            await self._cancel_and_wait([work])
        found = await self._ledger.read(lambda records: records.deployments.get(deployment_id))
        if found is None:
            raise NotFound(Code.NOT_FOUND, "there is no such deployment")
        return found

    async def clear(self, project_id: ProjectId) -> None:
        """Cancel what a project has queued or running, and wait until that has ended."""
        states = [DeploymentState.QUEUED, *RUNNING]
        rows = await self._ledger.read(lambda records: records.deployments.all_in(states))
        for row in rows:
            if row.project_id == project_id:
                with suppress(Conflict):  # past the switch, or over: its end is waited for below
                    await self.cancel(row.id)
        if works := {work.whole for work in self._works.values() if work.project_id == project_id}:
            await asyncio.wait(works)

    async def _start_due(self) -> None:
        now = self._clock.now()
        queued = await self._ledger.read(lambda records: records.deployments.all_in([DeploymentState.QUEUED]))
        if any(row.ci_since for row in queued):
            self._ci.wake()  # let go by whoever asks GitHub for the checks
        ready = [row for row in queued if not row.ci_since]
        if waiting := next((row for row in ready if not _is_due(row, now)), None):
            self._reached("alarm begun")
            self._alarms.at(waiting.due_at, "queue", self.wake)
        for row in ready:
            if not _is_due(row, now):
                continue
            if len(self._works) >= self._at_once or self._stopping.is_set():
                break
            if any(work.project_id == row.project_id for work in self._works.values()):
                continue  # the one before still lets go of what it replaced
            job = await self._ledger.write(partial(self._claim, row=row))
            if job:
                pipeline = asyncio.create_task(self._pipeline.run(job), name=f"pipeline {row.id}")
                whole = asyncio.create_task(self._deploy(job, pipeline), name=f"deploy {row.id}")
                self._works[row.id] = _Work(project_id=row.project_id, pipeline=pipeline, whole=whole)
                whole.add_done_callback(partial(self._done, row.id))

    def _done(self, deployment_id: DeploymentId, _: asyncio.Task[None]) -> None:
        self._works.pop(deployment_id, None)
        self._bell.set()

    def _claim(self, records: Records, row: Deployment) -> Job | None:
        """Take a row for this run, if it still waits and its project runs no other."""
        now = self._clock.now()
        current = records.deployments.get(row.id)
        project = records.projects.get(row.project_id)
        if current is None or project is None or current.state is not DeploymentState.QUEUED:
            return None
        if current.ci_since or not _is_due(current, now) or records.deployments.running(row.project_id):
            return None
        first = DeploymentState.FETCHING if current.rollback_to is None else DeploymentState.STARTING
        claimed = move(records, current, first, now, started_at=now, attempt=current.attempt + 1)
        live = records.deployments.get(project.live_deployment_id) if project.live_deployment_id else None
        return Job(project=project, deployment=claimed, live=live)

    async def _deploy(self, job: Job, pipeline: asyncio.Task[None]) -> None:
        """Wait for the pipeline, and record an end that it did not record itself."""
        try:
            await pipeline
        except asyncio.CancelledError:
            await self._record(partial(self._interrupted, job))
        except BoxError as error:
            await self._record(partial(self._failed, job, error))
        except OSError as error:
            await self._record(partial(self._failed, job, _of_the_machine(error)))
        except Exception as error:  # whatever it was, no deployment may stay "running" for ever
            mistake = DeployFailed(Code.INTERNAL, f"the box made a mistake: {error!r}", fault=Fault.OWNER)
            await self._record(partial(self._failed, job, mistake))
            raise

    async def _interrupted(self, job: Job) -> None:
        if self._stopping.is_set():
            await self._stages.again(job.deployment.id, self._clock.now(), None, counted=False)
        else:
            await self._stages.cancelled(job.deployment.id)

    async def _failed(self, job: Job, error: BoxError) -> None:
        """Record the failure, or the next try."""
        if error.code is Code.CANCELLED:
            await self._stages.cancelled(job.deployment.id)
        elif error.may_retry and error.code not in FOR_THE_OWNER and job.deployment.attempt <= len(PAUSES):
            pause = error.retry_after or PAUSES[job.deployment.attempt - 1]
            await self._stages.again(job.deployment.id, self._clock.now() + timedelta(seconds=pause), error)
        else:
            await self._stages.failed(job.deployment.id, error)

    async def _record(self, end: Callable[[], Awaitable[None]]) -> None:
        """Record an end; a full disk may hold that up, but not prevent it."""
        while True:
            try:
                await end()
                return
            except Conflict:  # it went live meanwhile, or its project was deleted: nothing is left to record
                return
            except BoxError:
                try:
                    await asyncio.wait_for(self._stopping.wait(), RECORD_PAUSE)
                    return
                except TimeoutError:
                    continue

    def _request_cancel(self, records: Records, deployment_id: DeploymentId) -> None:
        now = self._clock.now()
        current = records.deployments.get(deployment_id)
        if current is None:
            raise NotFound(Code.NOT_FOUND, "there is no such deployment")
        if current.state not in CANCELLABLE:
            raise Conflict(
                Code.STATE_CONFLICT, f"#{current.number} is {current.state} and cannot be cancelled any more"
            )
        if current.state is DeploymentState.QUEUED:
            done = move(records, current, DeploymentState.CANCELLED, now)
            conclude(records, done, Outcome.CANCELLED, "cancelled", f"#{done.number} was cancelled", now)
        else:
            records.deployments.update(replace(current, cancel_requested=True))

    async def _cancel_and_wait(self, works: list[_Work]) -> None:
        for work in works:
            if not work.pipeline.cancelling():  # a second time would interrupt the undoing
                work.pipeline.cancel()
        if works:
            await asyncio.wait({work.whole for work in works})


def _is_due(row: Deployment, now: datetime) -> bool:
    """Whether a row has waited long enough; one from the future has waited for a clock that was set back."""
    return row.due_at <= now or row.queued_at > now or row.due_at - now > LONGEST_WAIT


def _of_the_machine(error: OSError) -> BoxError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DeployFailed(
            Code.DISK_FULL, "the disk is full", hint="free some space, then run: nanoscale-box deploy PROJECT"
        )
    return DeployFailed(Code.INTERNAL, f"the machine refused: {error.strerror or error}", hint="see the box's log")

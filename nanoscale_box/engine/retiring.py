"""Lets replaced releases go: requests under way on one come to their end first, while everything else goes on."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.model import DeploymentId, ProjectId, Release
from nanoscale_box.engine.kit import Hands
from nanoscale_box.engine.ports import Alarms, Clock

MOST: Final = 4
"""Releases of one project that may still be busy with old requests; a deployment that replaces one more waits for
them, so that pushes in a row cannot fill the machine with apps nobody is led to."""
AT_ONCE_SECONDS: Final = 10.0
"""What requests have when an app is to go for good and somebody waits for that."""
AGAIN_SECONDS: Final = 30.0
"""Before it is tried again to stop what could not be stopped."""


class Retiring:
    """Releases on their way out. No record of them is needed: whoever runs and is not live is let go at boot."""

    def __init__(self, *, hands: Hands, clock: Clock, alarms: Alarms, drain_seconds: float) -> None:
        self._runner = hands.runner
        self._ingress = hands.ingress
        self._clock = clock
        self._alarms = alarms
        self._drain_seconds = drain_seconds
        self._leaving: dict[Release, asyncio.Task[None]] = {}
        self._draining: set[Release] = set()
        self._failed: set[Release] = set()
        """What could not be stopped and is tried again."""
        self._stopped = False

    @property
    def tasks(self) -> set[asyncio.Task[None]]:
        """What is under way."""
        return set(self._leaving.values())

    def leaving(self, project_id: ProjectId) -> set[DeploymentId]:
        """The releases of a project that are on their way out; they need their files still."""
        return {release.deployment_id for release in self._leaving if release.project_id == project_id}

    async def let_go(self, release: Release) -> None:
        """Begin to end a release that no host leads to any more; back at once, but for a project with too many of
        them."""
        if self._stopped:
            return
        if release not in self._leaving:
            task = asyncio.create_task(self._end(release), name=f"let go {release.deployment_id}")
            self._leaving[release] = task
            self._draining.add(release)
            task.add_done_callback(partial(self._left, release))
        while len(others := self._others(release.project_id)) > MOST:
            await asyncio.wait(others, return_when=asyncio.FIRST_COMPLETED)

    async def recall(self, release: Release) -> None:
        """Keep a release that is to serve again; one that was told to end already ends first."""
        self._failed.discard(release)
        task = self._leaving.get(release)
        if task is None:
            return
        if release in self._draining:
            task.cancel()
        await asyncio.wait({task})

    async def end(self, release: Release) -> None:
        """End a release now: its requests have only seconds left."""
        await self.recall(release)
        instance = await self._runner.find(release)
        if instance is not None:
            await self._ingress.drain(instance.address, AT_ONCE_SECONDS)
        await self._runner.stop(release)

    async def stop(self) -> None:
        """The box ends: what still answers goes on, and the next box lets it go."""
        self._stopped = True
        tasks = self.tasks
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _end(self, release: Release) -> None:
        try:
            instance = await self._runner.find(release)
            if instance is not None:
                await self._ingress.drain(instance.address, self._drain_seconds)
            self._draining.discard(release)
            await self._runner.stop(release)
        except BoxError:
            self._failed.add(release)
            due = self._clock.now() + timedelta(seconds=AGAIN_SECONDS)
            self._alarms.once(due, f"let go {release.deployment_id}", partial(self._again, release))

    async def _again(self, release: Release) -> None:
        if release in self._failed:  # else it serves again
            self._failed.discard(release)
            await self.let_go(release)

    def _others(self, project_id: ProjectId) -> set[asyncio.Task[None]]:
        return {task for release, task in self._leaving.items() if release.project_id == project_id}

    def _left(self, release: Release, task: asyncio.Task[None]) -> None:
        if self._leaving.get(release) is task:
            del self._leaving[release]
            self._draining.discard(release)

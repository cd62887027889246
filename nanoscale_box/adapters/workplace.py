"""Where the commands of builds and of apps run that are run to their end, and what they see there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nanoscale_box.adapters import environment, shell
from nanoscale_box.adapters.checkouts import measured
from nanoscale_box.adapters.folders import Folders, private_folder, saying_disk_full
from nanoscale_box.adapters.isolation import Isolate, Reach, not_isolated, reach_of_app
from nanoscale_box.adapters.removal import Remover
from nanoscale_box.core.model import UNLIMITED, DataFolder, Limits, ProjectId, Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A project's folders by the names that its commands know."""

    release: Path
    data: Path
    cache: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A command, what it is given, and who hears its lines. `folder` is a name that commands know."""

    argv: Sequence[str]
    folder: Path
    env: Mapping[str, str]
    line: Callable[[str], None]
    seconds: float
    resources: Mapping[str, int] = field(default_factory=dict)
    """`RLIMIT_*` names and values."""
    memory_mb: int | None = None
    limits: Limits = UNLIMITED


class Workplace(Protocol):
    """Runs commands to their end. However a command ends (`TimeoutError` after its time, cancellation), nothing that it
    started is alive afterwards. `DeployFailed` or `Unavailable` `start_failed` if it cannot even begin."""

    def sight(self, release: Release) -> Sight:
        """What the commands of a release see."""

    async def begin(self, release: Release) -> None:
        """Make ready for the commands of a build."""

    async def build(self, release: Release, task: Task) -> int:
        """Run a command of a build; its exit status."""

    async def finish(self, release: Release) -> None:
        """See that what was built lies in the release's folder."""

    async def errand(self, release: Release, task: Task) -> int:
        """Run a command as the app would be run; its exit status."""

    async def data(self, project_id: ProjectId) -> DataFolder:
        """What the project's apps keep across releases."""

    async def clear_cache(self, project_id: ProjectId) -> None:
        """Drop a project's caches."""

    async def clear_data(self, project_id: ProjectId) -> None:
        """Drop what a project's app kept."""


class LocalWorkplace:
    """Child processes in the box's own folders, set apart where the machine lets us."""

    def __init__(self, folders: Folders, isolate: Isolate = not_isolated) -> None:
        self._folders = folders
        self._isolate = isolate
        self._remover = Remover(folders.trash / "work")

    def sight(self, release: Release) -> Sight:
        """The folders themselves."""
        folders, project_id = self._folders, release.project_id
        return Sight(release=folders.release(release), data=folders.data(project_id), cache=folders.cache(project_id))

    async def begin(self, release: Release) -> None:
        """An empty folder for temporary files, and a home."""
        cache = self._folders.cache(release.project_id)
        await self._remover.remove(environment.build_tmp(cache))
        with saying_disk_full():
            private_folder(environment.build_home(cache))
            private_folder(environment.build_tmp(cache))

    async def build(self, release: Release, task: Task) -> int:
        """Run a command in the release's folder, with the project's caches."""
        seen = self.sight(release)
        return await self._run(task, Reach(work=task.folder, writable=(seen.release, seen.cache)))

    async def finish(self, release: Release) -> None:
        """It was built in place."""

    async def errand(self, release: Release, task: Task) -> int:
        """Run a command with the app's data."""
        private_folder(self._folders.data(release.project_id))
        return await self._run(task, reach_of_app(self._folders, release, task.folder))

    async def data(self, project_id: ProjectId) -> DataFolder:
        """Look into the folder."""
        return await asyncio.to_thread(measured, self._folders.data(project_id))

    async def clear_cache(self, project_id: ProjectId) -> None:
        """Remove the folder."""
        await self._remover.remove(self._folders.cache(project_id))

    async def clear_data(self, project_id: ProjectId) -> None:
        """Remove the folder."""
        await self._remover.remove(self._folders.data(project_id))

    async def _run(self, task: Task, reach: Reach) -> int:
        limits = {"RLIMIT_CORE": 0, **task.resources, **shell.memory_limit(task.memory_mb)}
        argv = self._isolate(task.argv, reach)
        return await shell.run(
            argv, folder=task.folder, env=task.env, line=task.line, seconds=task.seconds, limits=limits
        )

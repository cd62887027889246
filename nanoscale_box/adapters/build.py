"""Turns checkouts into releases, with the owner's own commands as child processes."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanoscale_box.adapters import environment
from nanoscale_box.adapters.checkouts import check_output, inside, tree_of
from nanoscale_box.adapters.disk import Room, sync_disk, within
from nanoscale_box.adapters.folders import Folders, check_room, disk_full, private_folder, write_whole
from nanoscale_box.adapters.removal import Remover
from nanoscale_box.adapters.said import Said, duration, how_it_ended, shown_command
from nanoscale_box.adapters.workplace import LocalWorkplace, Task, Workplace
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import UNLIMITED, DataFolder, DeploymentId, EnvVar, Limits, ProjectId, Release
from nanoscale_box.core.plan import Command, Plan, Tree
from nanoscale_box.core.text import Redactor, redact
from nanoscale_box.engine.ports import Progress

_NO_ROOM: Final = 16 * 1024 * 1024
_NOT_FOUND: Final = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildLimits:
    """What one command of a build may take."""

    seconds: float = 1800
    room: Room = field(default_factory=Room)
    log_bytes: int = 64 * 1024 * 1024
    """How much of what a build says is kept."""
    resources: Mapping[str, int] = field(default_factory=lambda: {"RLIMIT_CORE": 0})
    """`RLIMIT_*` names and values."""


class ProcessBuilder:
    """Builds in place, in the release's folder; a mark beside it says that it came to the end."""

    def __init__(
        self,
        folders: Folders,
        *,
        search_path: str,
        redactor: Callable[[str], str] = redact,
        limits: BuildLimits | None = None,
        workplace: Workplace | None = None,
        min_free_mb: int = 0,
        sync: Callable[[Path], None] = sync_disk,
    ) -> None:
        self._folders = folders
        self._search_path = search_path
        self._redactor = redactor
        self._limits = limits or BuildLimits()
        self._workplace = workplace or LocalWorkplace(folders)
        self._min_free_mb = min_free_mb
        self._sync = sync
        self._remover = Remover(folders.trash / "builds")

    async def check_room(self) -> None:
        """`Unavailable` `disk_full` when less is free than a deployment should begin with, in MiB or in files."""
        await asyncio.to_thread(check_room, private_folder(self._folders.home), self._min_free_mb)

    async def inspect(self, release: Release, root_directory: str | None) -> Tree:
        """What lies in the checkout, as far as planning needs it."""
        checkout = self._folders.release(release)
        work = inside(checkout, root_directory, "root directory")
        return await asyncio.to_thread(tree_of, checkout, work, self._search_path)

    async def build(
        self,
        release: Release,
        root_directory: str | None,
        plan: Plan,
        env: Sequence[EnvVar],
        progress: Progress,
        limits: Limits = UNLIMITED,
    ) -> None:
        """Run the plan's install and build commands, then mark the release as whole. `DeployFailed` on failure."""
        checkout = self._folders.release(release)
        inside(checkout, root_directory, "root directory")
        self._check_tools(plan)
        await self._workplace.begin(release)
        said = Said(progress, Redactor(var.value for var in env), self._redactor, self._limits.log_bytes)
        seen = self._workplace.sight(release)
        work = seen.release / (root_directory or "")
        environ = environment.of_build(plan, env, work=work, cache=seen.cache, search_path=self._search_path)
        async with within(self._limits.room, checkout):
            for stage, code, commands in (
                ("install", Code.INSTALL_FAILED, plan.install),
                ("build", Code.BUILD_FAILED, plan.build),
            ):
                for command in commands:
                    task = self._task(command, work, environ, said, limits)
                    ended = await self._run(release, stage, command, task, said)
                    if ended != 0:
                        raise self._failed(stage, code, command, ended, said)
        async with within(self._limits.room, self._folders.unfinished(release)):
            await self._workplace.finish(release)
        await asyncio.to_thread(check_output, plan, checkout / (root_directory or ""), checkout)
        # The mark must not outlive a power cut that the files did not.
        await asyncio.to_thread(self._sync, checkout)
        write_whole(self._folders.whole_mark(release), "")

    async def discard(self, release: Release) -> None:
        """Remove the release's folder; nothing happens when there is none."""
        folders = self._folders
        await self._remover.remove(folders.whole_mark(release), folders.release(release), folders.unfinished(release))

    async def kept(self, project_id: ProjectId) -> set[DeploymentId]:
        """The deployments of a project whose release folder is there and whole."""
        return await asyncio.to_thread(self._folders.whole_releases, project_id)

    async def discard_project(self, project_id: ProjectId) -> None:
        """Remove everything a project has on disk: releases, data, caches, logs."""
        folders = self._folders
        await self._remover.remove(
            folders.releases_of(project_id),
            folders.logs_of(project_id),
        )
        await self._workplace.clear_cache(project_id)
        await self._workplace.clear_data(project_id)

    async def clear_cache(self, project_id: ProjectId) -> None:
        """Drop the project's build caches."""
        await self._workplace.clear_cache(project_id)

    async def data(self, project_id: ProjectId) -> DataFolder:
        """What the project's apps keep across releases."""
        return await self._workplace.data(project_id)

    def _task(self, command: Command, folder: Path, environ: Mapping[str, str], said: Said, limits: Limits) -> Task:
        """A command within the box's own limits, with the project's in their place."""
        own = self._limits
        return Task(
            argv=command.filled(environ),
            folder=folder,
            env=environ,
            line=said.line,
            seconds=limits.build_timeout_seconds or own.seconds,
            resources=own.resources,
            memory_mb=limits.build_memory_mb,
            limits=limits,
        )

    async def _run(self, release: Release, stage: str, command: Command, task: Task, said: Said) -> int:
        """Run one command; its exit status."""
        said.line(f"$ {command.text}")
        try:
            return await self._workplace.build(release, task)
        except TimeoutError as error:
            shown = f"the {stage} command `{shown_command(command)}`"
            raise DeployFailed(
                Code.BUILD_TIMEOUT,
                f"{shown} took longer than {duration(task.seconds)} and was ended",
                hint=f"make it faster, or let it do less; {said.last_words()}",
            ) from error

    def _check_tools(self, plan: Plan) -> None:
        missing = [tool for tool in plan.needs if shutil.which(tool, path=self._search_path) is None]
        if missing:
            raise DeployFailed(
                Code.TOOL_MISSING,
                f"this machine has no {' and no '.join(missing)}, and the project needs it",
                hint=f"install {' and '.join(missing)} on this machine, then deploy again",
            )

    def _failed(self, stage: str, code: Code, command: Command, status: int, said: Said) -> Exception:
        space = os.statvfs(self._folders.home)
        if space.f_bavail * space.f_frsize < _NO_ROOM:
            return disk_full()
        shown = f"the {stage} command `{shown_command(command)}`"
        if status == _NOT_FOUND:
            what = f"{shown} calls a program that this machine has not"
            return DeployFailed(Code.TOOL_MISSING, what, hint=f"install it, then deploy again; {said.last_words()}")
        return DeployFailed(code, f"{shown} ended {how_it_ended(status)}", hint=said.last_words())

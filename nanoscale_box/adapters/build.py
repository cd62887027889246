"""Turns checkouts into releases, with the owner's own commands as child processes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from nanoscale_box.adapters import environment, shell
from nanoscale_box.adapters.checkouts import inside, leads_inside, links_out, tree_of
from nanoscale_box.adapters.folders import Folders, disk_full, private_folder, saying_disk_full, write_whole
from nanoscale_box.adapters.isolation import Isolate, not_isolated
from nanoscale_box.adapters.removal import Remover
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import DeploymentId, EnvVar, ProjectId, Release
from nanoscale_box.core.plan import Command, Plan, Tree
from nanoscale_box.core.text import Redactor, StreamRedactor, inert, redact
from nanoscale_box.engine.ports import Progress

_LINE: Final = 4000
_LAST_WORDS: Final = 3
_NO_ROOM: Final = 16 * 1024 * 1024
_NOT_FOUND: Final = 127
_SEE_LOG: Final = "see all of it: nanoscale-box logs PROJECT --build"


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildLimits:
    """What one command of a build may take."""

    seconds: float = 1800
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
        isolate: Isolate = not_isolated,
    ) -> None:
        self._folders = folders
        self._search_path = search_path
        self._redactor = redactor
        self._limits = limits or BuildLimits()
        self._isolate = isolate
        self._remover = Remover(folders.trash)

    async def inspect(self, release: Release, root_directory: str | None) -> Tree:
        """What lies in the checkout, as far as planning needs it."""
        checkout = self._folders.release(release)
        work = inside(checkout, root_directory, "root directory")
        return await asyncio.to_thread(tree_of, checkout, work, self._search_path)

    async def build(
        self, release: Release, root_directory: str | None, plan: Plan, env: Sequence[EnvVar], progress: Progress
    ) -> None:
        """Run the plan's install and build commands, then mark the release as whole. `DeployFailed` on failure."""
        checkout = self._folders.release(release)
        cache = self._folders.cache(release.project_id)
        work = inside(checkout, root_directory, "root directory")
        self._check_tools(plan)
        await self._remover.remove(environment.build_tmp(cache))
        with saying_disk_full():
            private_folder(environment.build_home(cache))
            private_folder(environment.build_tmp(cache))
        said = _Said(progress, Redactor(var.value for var in env), self._redactor, self._limits.log_bytes)
        environ = environment.of_build(plan, env, work=work, cache=cache, search_path=self._search_path)
        for stage, code, commands in (
            ("install", Code.INSTALL_FAILED, plan.install),
            ("build", Code.BUILD_FAILED, plan.build),
        ):
            for command in commands:
                ended = await self._run(stage, command, (work, cache), environ, said)
                if ended != 0:
                    raise self._failed(stage, code, command, ended, said)
        await asyncio.to_thread(_check_output, plan, work, checkout)
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
            folders.data(project_id),
            folders.cache(project_id),
            folders.logs_of(project_id),
        )

    async def clear_cache(self, project_id: ProjectId) -> None:
        """Drop the project's build caches."""
        await self._remover.remove(self._folders.cache(project_id))

    async def _run(
        self, stage: str, command: Command, writable: tuple[Path, ...], environ: Mapping[str, str], said: _Said
    ) -> int:
        """Run one command; its exit status."""
        said.line(f"$ {command.text}")
        argv = self._isolate(command.filled(environ), writable)
        limits = self._limits
        try:
            return await shell.run(
                argv, folder=writable[0], env=environ, line=said.line, seconds=limits.seconds, limits=limits.resources
            )
        except TimeoutError as error:
            raise DeployFailed(
                Code.BUILD_TIMEOUT,
                f"the {stage} command `{_shown(command)}` took longer than {_duration(limits.seconds)} and was ended",
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

    def _failed(self, stage: str, code: Code, command: Command, status: int, said: _Said) -> Exception:
        space = os.statvfs(self._folders.home)
        if space.f_bavail * space.f_frsize < _NO_ROOM:
            return disk_full()
        shown = f"the {stage} command `{_shown(command)}`"
        if status == _NOT_FOUND:
            what = f"{shown} calls a program that this machine has not"
            return DeployFailed(Code.TOOL_MISSING, what, hint=f"install it, then deploy again; {said.last_words()}")
        return DeployFailed(code, f"{shown} ended {_how(status)}", hint=said.last_words())


class _Said:
    """What a build says, made fit to be kept; too much is cut off with a sentence."""

    def __init__(
        self, progress: Progress, secrets: Callable[[str], str], redactor: Callable[[str], str], limit: int
    ) -> None:
        self._progress = progress
        self._stream = StreamRedactor(lambda text: redactor(secrets(text)))
        self._left = limit
        self._last: deque[str] = deque(maxlen=_LAST_WORDS)

    def line(self, text: str) -> None:
        """Take one line."""
        if self._left < 0:
            return
        self._left -= len(text) + 1
        if self._left < 0:
            self._progress("This log is too long; what follows is not kept.")
            return
        shown = self._stream.feed(inert(text, limit=_LINE))
        self._progress(shown)
        if shown.strip():
            self._last.append(inert(shown.strip(), limit=200))

    def last_words(self) -> str:
        """The end of it in one line, and where the rest is."""
        said = [line for line in self._last if not line.startswith("$ ")]
        return f"it said: {' / '.join(said)}; {_SEE_LOG}" if said else "it said nothing"


def _check_output(plan: Plan, work: Path, checkout: Path) -> None:
    """What is to be served must be there, and hold no link to what is not the release's."""
    if plan.output_directory is None:
        return
    site = work / plan.output_directory
    if not site.is_dir() or not leads_inside(site, checkout):
        raise DeployFailed(
            Code.OUTPUT_MISSING,
            f"the output directory {inert(plan.output_directory, limit=100)!r} is not there after the build",
            hint="set the output directory to the folder that the build writes the pages to",
        )
    stray = next(links_out(site, checkout), None) if plan.run is None else None
    if stray is not None:
        raise DeployFailed(
            Code.OUTPUT_MISSING,
            f"the output directory holds a link that leads out of the release: {inert(stray, limit=100)}",
            hint="have the build copy the file instead of linking to it",
        )


def _shown(command: Command) -> str:
    return redact(inert(command.text, limit=100))


def _how(status: int) -> str:
    """How a command ended, from the status that shells give."""
    number = status - 128
    if number in {each.value for each in signal.Signals}:
        name = signal.Signals(number).name
        memory = ", perhaps for want of memory" if number == signal.SIGKILL else ""
        return f"by signal {number} ({name}){memory}"
    return f"with exit status {status}"


def _duration(seconds: float) -> str:
    return f"{seconds / 60:.0f} minutes" if seconds >= 120 else f"{seconds:g} seconds"

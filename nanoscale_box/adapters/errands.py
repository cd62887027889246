"""Runs a command of the owner's once for a release, between its build and the switch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nanoscale_box.adapters import environment
from nanoscale_box.adapters.checkouts import check_output
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.said import Said, duration, how_it_ended, shown_command
from nanoscale_box.adapters.workplace import Task, Workplace
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import EnvVar, Limits, Release
from nanoscale_box.core.text import Redactor, redact
from nanoscale_box.engine.ports import Errand, Progress

SECONDS: Final = 1800.0
LOG_BYTES: Final = 16 * 1024 * 1024
_CODES: Final = {"preflight": Code.PREFLIGHT_FAILED, "release": Code.RELEASE_FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errands:
    """Runs errands where they see what the app would see."""

    folders: Folders
    workplace: Workplace
    search_path: str

    async def run(
        self, release: Release, errand: Errand, env: Sequence[EnvVar], progress: Progress, limits: Limits
    ) -> None:
        """Run it to its end; `DeployFailed` when it fails or takes too long."""
        seen = self.workplace.sight(release)
        work = seen.release / (errand.root_directory or "")
        path = self.search_path
        environ = environment.of_app(errand.plan, env, work=work, data=seen.data, port=None, search_path=path)
        said = Said(progress, Redactor(var.value for var in env), redact, LOG_BYTES)
        said.line(f"$ {errand.command.text}")
        task = Task(
            argv=errand.command.filled(environ), folder=work, env=environ, line=said.line,
            seconds=limits.build_timeout_seconds or SECONDS, memory_mb=limits.memory_mb, limits=limits,
        )  # fmt: skip
        shown = f"the {errand.name} command `{shown_command(errand.command)}`"
        try:
            status = await self.workplace.errand(release, task)
        except TimeoutError as error:
            what = f"{shown} took longer than {duration(task.seconds)} and was ended"
            raise DeployFailed(_CODES[errand.name], what, hint=said.last_words()) from error
        if status != 0:
            raise DeployFailed(_CODES[errand.name], f"{shown} ended {how_it_ended(status)}", hint=said.last_words())
        if errand.plan.run is None:  # what it left there would be served: a link to anywhere, too
            release_folder = self.folders.release(release)
            site = release_folder / (errand.root_directory or "")
            await asyncio.to_thread(check_output, errand.plan, site, release_folder)

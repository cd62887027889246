"""Runs a command of the owner's once for a release, between its build and the switch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nanoscale_box.adapters import environment, shell
from nanoscale_box.adapters.checkouts import check_output
from nanoscale_box.adapters.folders import Folders, private_folder
from nanoscale_box.adapters.isolation import Isolate, reach_of_app
from nanoscale_box.adapters.said import Said, duration, how_it_ended, shown_command
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import EnvVar, Limits, Release
from nanoscale_box.core.text import Redactor, redact
from nanoscale_box.engine.ports import Errand, Progress

SECONDS: Final = 1800.0
LOG_BYTES: Final = 16 * 1024 * 1024
_CODES: Final = {"preflight": Code.PREFLIGHT_FAILED, "release": Code.RELEASE_FAILED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Errands:
    """Runs errands as child processes that see what the app would see."""

    folders: Folders
    search_path: str
    isolate: Isolate

    async def run(
        self, release: Release, errand: Errand, env: Sequence[EnvVar], progress: Progress, limits: Limits
    ) -> None:
        """Run it to its end; `DeployFailed` when it fails or takes too long."""
        work = self.folders.release(release) / (errand.root_directory or "")
        data = self.folders.data(release.project_id)
        private_folder(data)
        environ = environment.of_app(errand.plan, env, work=work, data=data, port=None, search_path=self.search_path)
        said = Said(progress, Redactor(var.value for var in env), redact, LOG_BYTES)
        said.line(f"$ {errand.command.text}")
        seconds = limits.build_timeout_seconds or SECONDS
        shown = f"the {errand.name} command `{shown_command(errand.command)}`"
        try:
            status = await shell.run(
                self.isolate(errand.command.filled(environ), reach_of_app(self.folders, release, work)),
                folder=work, env=environ, line=said.line, seconds=seconds,
                limits={"RLIMIT_CORE": 0, **shell.memory_limit(limits.memory_mb)},
            )  # fmt: skip
        except TimeoutError as error:
            what = f"{shown} took longer than {duration(seconds)} and was ended"
            raise DeployFailed(_CODES[errand.name], what, hint=said.last_words()) from error
        if status != 0:
            raise DeployFailed(_CODES[errand.name], f"{shown} ended {how_it_ended(status)}", hint=said.last_words())
        if errand.plan.run is None:  # what it left there would be served: a link to anywhere, too
            await asyncio.to_thread(check_output, errand.plan, work, self.folders.release(release))

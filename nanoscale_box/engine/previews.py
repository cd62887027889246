"""Shows what would be built, before anything runs."""

from __future__ import annotations

from functools import partial

from nanoscale_box.core.model import DeploymentId, Project, Release
from nanoscale_box.core.plan import Plan, detect, missing_tools
from nanoscale_box.engine.confirming import confirmed
from nanoscale_box.engine.kit import Desk, Hands
from nanoscale_box.engine.pipeline import settings_of
from nanoscale_box.engine.ports import Progress
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.remotes import Remotes, cache_key


def silent(line: str) -> None:
    """Nobody hears it."""


class Previews:
    """Checks out the head into a release of its own, looks, and discards it."""

    def __init__(self, *, desk: Desk, remotes: Remotes, hands: Hands) -> None:
        self._ledger = desk.ledger
        self._ids = desk.ids
        self._remotes = remotes
        self._source = hands.source
        self._builder = hands.builder

    async def plan(
        self, project: Project, progress: Progress = silent, *, made: bool = True
    ) -> tuple[Plan, tuple[str, ...]]:
        """The plan for the branch's head and the tools this machine lacks; `DeployFailed` as a deployment would.

        `made`: whether there is such a project already."""
        release = Release(project_id=project.id, deployment_id=DeploymentId(self._ids.new("pre")))
        try:
            async with self._remotes.open(project) as remote:
                head = (await confirmed(self._source, remote, project, made=made)).sha
                await self._source.checkout(remote, project.branch, head, release, progress)
            tree = await self._builder.inspect(release, project.root_directory)
            plan = detect(tree, settings_of(project))
            return plan, missing_tools(plan, tree)
        finally:
            await self._builder.discard(release)
            if await self._ledger.read(partial(_is_used, cache_key(project))):
                self._source.prepare(cache_key(project))
            else:
                await self._source.forget(cache_key(project))


def _is_used(key: str, records: Records) -> bool:
    """Whether a project there is fetches by this mirror."""
    return any(cache_key(project) == key for project in records.projects.list())

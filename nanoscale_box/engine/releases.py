"""What is kept of each release: its plan and its environment as they were, and how many folders stay."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import DeploymentId, EnvVar, ProjectId, Release
from nanoscale_box.core.plan import Plan
from nanoscale_box.core.plan_json import plan_from_json, plan_to_json
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Builder, Place, Vault
from nanoscale_box.engine.queue import release_of
from nanoscale_box.engine.records import Ledger, Page, Records


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What is ready to start: the plan and the environment it was built with."""

    plan: Plan
    root_directory: str | None
    env: tuple[EnvVar, ...]


def env_place(project_id: ProjectId, key: str) -> Place:
    """Where a project's variable rests."""
    return Place(table="project_env", row=f"{project_id}/{key}", column="value_encrypted")


class Releases:
    """Keeps snapshots of releases and removes old ones."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        vault: Vault,
        builder: Builder,
        leaving: Callable[[ProjectId], set[DeploymentId]],
        keep: int,
    ) -> None:
        self._ledger = ledger
        self._vault = vault
        self._builder = builder
        self._leaving = leaving
        self._keep = keep
        self.routing: Final = asyncio.Lock()
        """Held while hosts are led to what is live, so that nobody leads them back to what was."""

    async def environment(self, project_id: ProjectId) -> Sequence[EnvVar]:
        """The project's variables as they are now."""
        rows = await self._ledger.read(lambda records: records.projects.env(project_id))
        return [EnvVar(key=key, value=self._vault.open(sealed, env_place(project_id, key))) for key, sealed, _ in rows]

    async def keep(self, release: Release, built: Built) -> None:
        """Keep the plan and the environment a release was built with, so that it can be started again as it was."""
        plan = json.dumps({"plan": plan_to_json(built.plan), "root_directory": built.root_directory})
        env = Secret(json.dumps({variable.key: variable.value.reveal() for variable in built.env}))
        sealed = self._vault.seal(env, _snapshot_place(release.deployment_id))
        await self._ledger.write(lambda records: records.deployments.keep_plan(release.deployment_id, plan, sealed))

    async def kept(self, release: Release) -> Built:
        """The snapshot of a release; `DeployFailed` when its folder or snapshot is gone."""
        row = await self._ledger.read(lambda records: records.deployments.plan_of(release.deployment_id))
        if row is None or release.deployment_id not in await self._builder.kept(release.project_id):
            raise DeployFailed(
                Code.NOT_FOUND,
                "the release is not kept any more",
                hint="choose a newer one, or deploy the branch: nanoscale-box deploy PROJECT",
            )
        plan = json.loads(row[0])
        env = json.loads(self._vault.open(row[1], _snapshot_place(release.deployment_id)).reveal())
        return Built(
            plan=plan_from_json(plan["plan"]),
            root_directory=plan["root_directory"],
            env=tuple(EnvVar(key=key, value=Secret(value)) for key, value in env.items()),
        )

    async def trim(self, project_id: ProjectId) -> None:
        """Remove release folders beyond the newest `keep`; the live, the previous, the pinned and those
        that answer still always stay."""
        needed = await self._ledger.read(lambda records: self._needed(records, project_id))
        for deployment_id in await self._builder.kept(project_id) - needed - self._leaving(project_id):
            await self._builder.discard(Release(project_id=project_id, deployment_id=deployment_id))

    async def hosts(self, project_id: ProjectId) -> tuple[str, ...]:
        """The hosts of one project as they are now; none when it was deleted."""
        project = await self._ledger.read(lambda records: records.projects.get(project_id))
        return project.hosts if project else ()

    async def all_hosts(self) -> list[str]:
        """Every host the ingress must know."""
        projects = await self._ledger.read(lambda records: records.projects.list())
        return [host for project in projects for host in project.hosts]

    def _needed(self, records: Records, project_id: ProjectId) -> set[DeploymentId]:
        project = records.projects.get(project_id)
        newest, _ = records.deployments.list(project_id, Page(limit=200))
        went_live = [one for one in newest if one.state in (DeploymentState.LIVE, DeploymentState.RETIRED)]
        needed = [release_of(one).deployment_id for one in went_live]
        unfinished = {one.id for one in newest if one.finished_at is None}
        pinned = {project.pinned_deployment_id} if project and project.pinned_deployment_id else set()
        distinct = list(dict.fromkeys(needed))
        return set(distinct[: max(self._keep, 2)]) | unfinished | pinned


def _snapshot_place(deployment_id: DeploymentId) -> Place:
    return Place(table="deployments", row=deployment_id, column="env_encrypted")

"""Projects as the owner sees them: create, list, change, delete, and what belongs to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from nanoscale_box.core.ci import check_waiting
from nanoscale_box.core.envvars import check_envs
from nanoscale_box.core.errors import Code, Invalid, NotFound
from nanoscale_box.core.model import DataFolder, Deployment, DeploymentId, Outcome, Project, ProjectId, Verdict
from nanoscale_box.core.plan import Plan
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.settings import SETTINGS, changed_settings
from nanoscale_box.core.urls import check_branch, check_host, check_project_name, default_host
from nanoscale_box.engine import heads
from nanoscale_box.engine.creating import Creating
from nanoscale_box.engine.hooks import Hooks
from nanoscale_box.engine.kit import Desk, Hands
from nanoscale_box.engine.previews import Previews, silent
from nanoscale_box.engine.queue import conclude, release_of
from nanoscale_box.engine.records import Page, Records
from nanoscale_box.engine.releases import Releases, env_place
from nanoscale_box.engine.remotes import cache_key
from nanoscale_box.engine.steering import Steering, check_resumable
from nanoscale_box.engine.telling import tell_project
from nanoscale_box.engine.views import EnvName, NewProject, ProjectChanges, ProjectView


class Projects:
    """What the doors call about projects and deployments."""

    def __init__(
        self,
        *,
        desk: Desk,
        hands: Hands,
        creating: Creating,
        steering: Steering,
        previews: Previews,
        releases: Releases,
        hooks: Hooks,
        base_domain: str,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._vault = desk.vault
        self._creating = creating
        self._steering = steering
        self._previews = previews
        self._releases = releases
        self._hooks = hooks
        self._source = hands.source
        self._builder = hands.builder
        self._runner = hands.runner
        self._ingress = hands.ingress
        self._base_domain = base_domain

    async def create(self, asked: NewProject) -> tuple[ProjectView, Deployment]:
        """Create a project and deploy it at once."""
        project, deployment = await self._creating.create(asked)
        self._steering.wake()
        return await self.get(project.id), deployment

    async def list(self) -> list[ProjectView]:
        """All projects by name."""
        return await self._ledger.read(lambda records: [self._view(records, p) for p in records.projects.list()])

    async def get(self, project_id: str) -> ProjectView:
        """A project by id or name."""
        return await self._ledger.read(lambda records: self._view(records, find_project(records, project_id)))

    async def change(self, project_id: str, changes: ProjectChanges) -> ProjectView:
        """Change settings; they take effect with the next deployment, hosts at once."""
        changed, dropped = await self._ledger.write(lambda records: self._change(records, project_id, changes))
        await self._ingress.start(await self._releases.all_hosts())
        async with self._releases.routing:
            for host in dropped:
                await self._ingress.remove(host)
            view = await self.get(changed)
            await self._route(view)
        self._steering.wake()  # what waits for CI may not have to any more
        return view

    async def delete(self, project_id: str) -> None:
        """Stop the app, drop route, link, environment, releases and data; the hook's removal is tried until GitHub
        has done it."""
        project = await self._ledger.write(lambda records: _closed(records, project_id))
        await self._steering.clear(project.id)
        for host in project.hosts:
            await self._ingress.remove(host)
        for release in await self._runner.running():
            if release.project_id == project.id:
                await self._steering.end(release)
        shared = await self._ledger.write(lambda records: self._remove(records, project))
        self._hooks.changed()
        if not shared:
            await self._source.forget(cache_key(project))
        await self._builder.discard_project(project.id)

    async def redeploy(self, project_id: str, clear_cache: bool) -> Deployment | None:
        """Deploy the branch's head now."""
        return await self._steering.redeploy(await self._id(project_id), clear_cache=clear_cache)

    async def rollback(self, project_id: str, deployment_id: DeploymentId | None) -> Deployment:
        """Start a kept release again, pin it and pause pushes."""
        return await self._steering.roll_back(await self._id(project_id), deployment_id)

    async def resume(self, project_id: str) -> Deployment | None:
        """Deploy pushes again; the head too, if it is not what runs."""
        return await self._steering.resume(await self._id(project_id))

    async def cancel(self, deployment_id: DeploymentId) -> Deployment:
        """Cancel a deployment before its switch."""
        return await self._steering.cancel(deployment_id)

    async def down(self) -> None:
        """Stop all apps and the ingress."""
        await self._steering.down()

    async def plan(self, project_id: str) -> tuple[Plan, tuple[str, ...]]:
        """What would be built and how, and which tools are missing."""
        return await self._previews.plan((await self.get(project_id)).project)

    async def plan_anew(
        self, asked: NewProject, progress: Callable[[str], None] = silent
    ) -> tuple[Plan, tuple[str, ...]]:
        """The same of a project that is not made yet; nothing of it stays. `progress` hears what git says."""
        return await self._previews.plan(await self._creating.draft(asked), progress, made=False)

    async def data(self, project_id: str) -> DataFolder:
        """What the app keeps across its releases."""
        return await self._builder.data(await self._id(project_id))

    async def deployments(self, project_id: str, page: Page) -> tuple[Sequence[Deployment], str | None]:
        """A project's deployments, newest first."""
        found = await self._id(project_id)
        return await self._ledger.read(lambda records: records.deployments.list(found, page))

    async def deployment(self, deployment_id: DeploymentId) -> Deployment:
        """One deployment."""
        found = await self._ledger.read(lambda records: records.deployments.get(deployment_id))
        if found is None:
            raise NotFound(Code.NOT_FOUND, "there is no such deployment")
        return found

    async def verdicts(self, project_id: str | None, page: Page) -> tuple[Sequence[Verdict], str | None]:
        """Verdicts, newest first; of all projects without `project_id`."""
        found = None if project_id is None else await self._id(project_id)
        return await self._ledger.read(lambda records: records.verdicts.list(found, page))

    async def env(self, project_id: str) -> Sequence[EnvName]:
        """The names of a project's variables; values are write-only."""
        found = await self._id(project_id)
        rows = await self._ledger.read(lambda records: records.projects.env(found))
        return [EnvName(key=key, updated_at=at) for key, _, at in rows]

    async def replace_env(self, project_id: str, wanted: Sequence[tuple[str, Secret | None]]) -> Sequence[EnvName]:
        """Make the environment exactly this; a value of None keeps the one there is."""
        check_envs((key, value.reveal() if value else "") for key, value in wanted)
        found = await self._id(project_id)
        await self._ledger.write(lambda records: self._replace_env(records, found, wanted))
        return await self.env(project_id)

    async def _id(self, project_id: str) -> ProjectId:
        return await self._ledger.read(lambda records: find_project(records, project_id).id)

    async def _route(self, view: ProjectView) -> None:
        """Lead hosts that were just added to what runs."""
        if view.live is None or view.state != "live":
            return
        if instance := await self._runner.find(release_of(view.live)):
            for host in view.project.hosts:
                if await self._ingress.current(host) != instance.address:
                    await self._ingress.switch(host, instance.address)

    def _view(self, records: Records, project: Project) -> ProjectView:
        live = records.deployments.get(project.live_deployment_id) if project.live_deployment_id else None
        state = "new" if live is None else "down" if project.down else "live"
        return ProjectView(
            project=project,
            url=self._ingress.url(project.hosts[0]),
            state=state,
            live=live,
            latest=records.deployments.latest(project.id),
            drift=heads.drift_of(records, project, live),
        )

    def _change(self, records: Records, project_id: str, changes: ProjectChanges) -> tuple[ProjectId, tuple[str, ...]]:
        """Record the changes; give the project, and the hosts that it lost."""
        project = find_project(records, project_id)
        fields = dict(changes.fields)
        name = check_project_name(str(fields.pop("name", project.name)))
        branch = check_branch(str(fields.pop("branch", project.branch)))
        domains = fields.pop("domains", project.hosts[1:])
        if not isinstance(domains, list | tuple):
            raise Invalid(Code.INVALID, "domains is a list of host names")
        hosts = (default_host(name, self._base_domain), *(check_host(str(domain)) for domain in domains))
        paused = fields.pop("paused", None)
        if paused is False:
            check_resumable(project)
        reason = project.paused_reason if paused is None else ("by you" if paused else None)
        link = replace(project.link, selected_branch=branch) if project.link else None
        allowed = ("install_command", "build_command", "run_command", "output_directory", "root_directory")
        wait_for_ci = bool(fields.pop("wait_for_ci", project.wait_for_ci))
        commands = {key: fields.pop(key) for key in allowed if key in fields}
        settings = changed_settings(project.settings, {key: fields.pop(key) for key in SETTINGS if key in fields})
        if fields:
            raise Invalid(Code.INVALID, f"a project has no setting {min(fields)}")
        now = self._clock.now()
        changed = replace(
            project, name=name, branch=branch, hosts=hosts, paused_reason=reason, link=link, settings=settings,
            updated_at=now,
        )  # fmt: skip
        changed = replace(changed, **commands)  # type: ignore[arg-type]
        changed = replace(changed, wait_for_ci=wait_for_ci)
        check_waiting(changed)
        records.projects.update(changed)
        if (branch, settings.tag_pattern) != (project.branch, project.settings.tag_pattern):
            heads.forget(records, project.id)
        tell_project(records, changed, "changed", now)
        return project.id, tuple(host for host in project.hosts if host not in hosts)

    def _remove(self, records: Records, project: Project) -> bool:
        """Remove the rows; say whether another project uses the same repository."""
        key, now = cache_key(project), self._clock.now()
        for left in (records.deployments.queued(project.id), records.deployments.running(project.id)):
            if left:
                conclude(records, left, Outcome.CANCELLED, "deleted", f"{project.name} was deleted", now)
        self._hooks.release(records, project)
        records.projects.remove(project.id)
        heads.forget(records, project.id)
        tell_project(records, project, "deleted", now)
        return any(cache_key(other) == key for other in records.projects.list())

    def _replace_env(
        self, records: Records, project_id: ProjectId, wanted: Sequence[tuple[str, Secret | None]]
    ) -> None:
        now = self._clock.now()
        there = {key for key, _, _ in records.projects.env(project_id)}
        for key, value in wanted:
            if value is not None:
                records.projects.put_env(project_id, key, self._vault.seal(value, env_place(project_id, key)), now)
            elif key not in there:
                raise Invalid(Code.INVALID_ENV, f"{key} has no value that could be kept")
        for key in there - {key for key, _ in wanted}:
            records.projects.drop_env(project_id, key)


def _closed(records: Records, project_id: str) -> Project:
    """Hold pushes back from a project that is about to go."""
    project = replace(find_project(records, project_id), paused_reason="is being deleted")
    records.projects.update(project)
    return project


def find_project(records: Records, id_or_name: str) -> Project:
    """A project by id or by name; `NotFound` otherwise."""
    project = records.projects.get(ProjectId(id_or_name)) or records.projects.by_name(id_or_name)
    if project is None:
        raise NotFound(Code.NOT_FOUND, "there is no such project", hint="see: nanoscale-box projects list")
    return project

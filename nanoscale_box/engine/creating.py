"""Makes a project from what the owner asked for: checked, linked by `repo_id`, its environment sealed, its first
deployment queued."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nanoscale_box.core.ci import check_waiting
from nanoscale_box.core.decide import Change
from nanoscale_box.core.envvars import check_envs
from nanoscale_box.core.errors import Code, Conflict, Invalid
from nanoscale_box.core.github_model import Repository
from nanoscale_box.core.model import (
    Deployment,
    InstallationId,
    Link,
    Project,
    ProjectId,
    RepoId,
    SourceProvider,
    Trigger,
)
from nanoscale_box.core.settings import ProjectSettings, changed_settings
from nanoscale_box.core.tags import followed_ref
from nanoscale_box.core.urls import (
    check_branch,
    check_clone_url,
    check_host,
    check_project_name,
    default_host,
    suggest_name,
)
from nanoscale_box.engine.catalogue import Catalogue
from nanoscale_box.engine.hooks import Hooks
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.queue import Queue
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.releases import env_place
from nanoscale_box.engine.telling import tell_project
from nanoscale_box.engine.views import NewProject


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where projects may come from, and under which domain they answer."""

    base_domain: str
    manual_hosts: tuple[str, ...]
    development: bool


class Creating:
    """Creates projects. Names and URLs of repositories come from GitHub by id, never from the request."""

    def __init__(
        self,
        *,
        desk: Desk,
        queue: Queue,
        catalogue: Catalogue,
        hooks: Hooks,
        sources: Sources,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._ids = desk.ids
        self._vault = desk.vault
        self._queue = queue
        self._catalogue = catalogue
        self._hooks = hooks
        self._sources = sources

    async def create(self, asked: NewProject) -> tuple[Project, Deployment]:
        """Check everything, then store project, link, environment and first deployment in one commit."""
        project = await self.draft(asked)
        deployment = await self._ledger.write(lambda records: self._store(records, project, asked))
        self._hooks.changed()
        return project, deployment

    async def draft(self, asked: NewProject) -> Project:
        """Check everything; the project as it would be stored."""
        if (asked.repo_url is None) == (asked.repo_id is None):
            raise Invalid(
                Code.INVALID_SOURCE,
                "a project has one source: either repo_url or github_source",
                hint="give a URL and a branch, or a repository of a connected account",
            )
        check_envs((variable.key, variable.value.reveal()) for variable in asked.env)
        return await (self._from_url(asked) if asked.repo_url is not None else self._from_github(asked))

    async def _from_url(self, asked: NewProject) -> Project:
        url = check_clone_url(
            str(asked.repo_url), hosts=self._sources.manual_hosts, development=self._sources.development
        )
        name = await self._name(asked.name, url.path.removesuffix(".git").rsplit("/", 1)[-1])
        branch = check_branch("main" if asked.branch is None else asked.branch)
        project = self._base(ProjectId(self._ids.new("prj")), asked, name, branch)
        project = replace(project, repo_url=url.url, source_provider=SourceProvider.MANUAL)
        check_waiting(project)
        return project

    async def _from_github(self, asked: NewProject) -> Project:
        installation_id, repo_id = asked.installation_id, asked.repo_id
        if installation_id is None or repo_id is None:
            raise Invalid(Code.INVALID_SOURCE, "github_source takes installation_id, repo_id and selected_branch")
        branch = check_branch(asked.selected_branch or "")
        repository = await self._catalogue.repository(RepoId(repo_id), InstallationId(installation_id))
        if repository.disabled:
            raise Conflict(
                Code.REPOSITORY_UNKNOWN, "GitHub has disabled this repository", hint="see its page on GitHub"
            )
        name = await self._name(asked.name, repository.name)
        project = self._base(ProjectId(self._ids.new("prj")), asked, name, branch)
        return replace(project, link=_link(project.id, repository, branch))

    def _base(self, project_id: ProjectId, asked: NewProject, name: str, branch: str) -> Project:
        now = self._clock.now()
        return Project(
            id=project_id,
            name=name,
            hosts=(default_host(name, self._sources.base_domain), *(check_host(domain) for domain in asked.domains)),
            source_provider=SourceProvider.GITHUB,
            branch=branch,
            created_at=now,
            updated_at=now,
            install_command=asked.install_command,
            build_command=asked.build_command,
            run_command=asked.run_command,
            output_directory=asked.output_directory,
            root_directory=asked.root_directory,
            settings=changed_settings(ProjectSettings(), asked.settings),
            wait_for_ci=asked.wait_for_ci,
        )

    async def _name(self, asked: str | None, repository_name: str) -> str:
        if asked is not None:
            return check_project_name(asked)
        taken = await self._ledger.read(lambda records: {project.name for project in records.projects.list()})
        return suggest_name(repository_name, taken)

    def _store(self, records: Records, project: Project, asked: NewProject) -> Deployment:
        now = self._clock.now()
        records.projects.add(project)
        for variable in asked.env:
            sealed = self._vault.seal(variable.value, env_place(project.id, variable.key))
            records.projects.put_env(project.id, variable.key, sealed, now)
        self._hooks.want(records, project)
        tell_project(records, project, "created", now)
        change = Change(source=Trigger.CREATE, ref=followed_ref(project), after=None)
        deployment = self._queue.submit(records, project, change, now).deployment
        if deployment is None:
            raise Conflict(Code.STATE_CONFLICT, "the first deployment could not be queued")
        return deployment


def _link(project_id: ProjectId, repository: Repository, branch: str) -> Link:
    return Link(
        project_id=project_id,
        installation_id=repository.installation_id,
        repo_id=repository.repo_id,
        repo_node_id=repository.node_id,
        owner_login=repository.owner_login,
        repo_name=repository.name,
        full_name=repository.full_name,
        default_branch=repository.default_branch,
        selected_branch=branch,
        is_private=repository.is_private,
    )

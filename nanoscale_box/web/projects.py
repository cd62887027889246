"""Projects on the local door."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from aiohttp import web

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.model import DeploymentId, EnvVar, InstallationId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.settings import SETTINGS
from nanoscale_box.engine.views import NewProject, ProjectChanges
from nanoscale_box.web import answering, services, translate
from nanoscale_box.web.asking import Query, body_of, project_id
from nanoscale_box.web.callers import DETAIL, TARGET
from nanoscale_box.wire import requests, routes, shapes


@dataclass(frozen=True, slots=True)
class Projects:
    """What can be asked of projects."""

    projects: services.Projects

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        add = app.router.add_route
        add("GET", routes.PROJECTS, self.all)
        add("POST", routes.PROJECTS, self.create)
        add("GET", routes.PROJECT, self.one)
        add("PATCH", routes.PROJECT, self.change)
        add("DELETE", routes.PROJECT, self.delete)
        add("POST", routes.REDEPLOY, self.redeploy)
        add("POST", routes.ROLLBACK, self.rollback)
        add("POST", routes.RESUME, self.resume)
        add("GET", routes.ENV, self.env)
        add("PUT", routes.ENV, self.replace_env)
        add("GET", routes.PROJECT_DATA, self.data)

    async def all(self, request: web.Request) -> web.StreamResponse:
        """Every project, by name."""
        Query(request)
        return answering.page(await self.projects.list(), translate.project)

    async def create(self, request: web.Request) -> web.StreamResponse:
        """A new project, deployed at once."""
        Query(request)
        view, first = await self.projects.create(new_project(await body_of(request, requests.CreateProject)))
        request[TARGET] = view.project.id
        created = shapes.Created(project=translate.project(view), deployment=translate.deployment(first))
        return answering.answer(created, 201)

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One project."""
        Query(request)
        return answering.answer(translate.project(await self.projects.get(project_id(request))))

    async def change(self, request: web.Request) -> web.StreamResponse:
        """Change some fields."""
        Query(request)
        asked = await body_of(request, requests.ChangeProject)
        given = {name: getattr(asked, name) for name in asked.__struct_fields__}
        fields = {name: value for name, value in given.items() if value is not msgspec.UNSET}
        request[DETAIL] = ", ".join(fields)
        changed = await self.projects.change(project_id(request), ProjectChanges(fields=fields))
        return answering.answer(translate.project(changed))

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Remove a project and what it has."""
        Query(request)
        await self.projects.delete(project_id(request))
        return answering.nothing()

    async def redeploy(self, request: web.Request) -> web.StreamResponse:
        """Deploy the branch's head now."""
        Query(request)
        asked = await body_of(request, requests.Redeploy)
        owed = await self.projects.redeploy(project_id(request), asked.clear_cache)
        return answering.answer(_maybe(translate.deployment(owed) if owed else None), 202)

    async def rollback(self, request: web.Request) -> web.StreamResponse:
        """Start a kept release again."""
        Query(request)
        wanted = (await body_of(request, requests.Rollback)).deployment_id
        started = await self.projects.rollback(project_id(request), DeploymentId(wanted) if wanted else None)
        return answering.answer(_maybe(translate.deployment(started)), 202)

    async def resume(self, request: web.Request) -> web.StreamResponse:
        """Take pushes again."""
        Query(request)
        owed = await self.projects.resume(project_id(request))
        return answering.answer(_maybe(translate.deployment(owed) if owed else None), 202)

    async def env(self, request: web.Request) -> web.StreamResponse:
        """The names of a project's variables."""
        Query(request)
        return answering.page(await self.projects.env(project_id(request)), translate.env_name)

    async def replace_env(self, request: web.Request) -> web.StreamResponse:
        """Keep, set and remove variables."""
        Query(request)
        asked = await body_of(request, requests.ReplaceEnv)
        request[DETAIL] = ", ".join(one.key for one in asked.env_vars if one.value is not None)
        variables = [(one.key, None if one.value is None else Secret(one.value)) for one in asked.env_vars]
        return answering.page(await self.projects.replace_env(project_id(request), variables), translate.env_name)

    async def data(self, request: web.Request) -> web.StreamResponse:
        """Where the app keeps what outlives its releases."""
        Query(request)
        return answering.answer(translate.data(await self.projects.data(project_id(request))))


def _maybe(deployment: shapes.Deployment | None) -> shapes.MaybeDeployment:
    return shapes.MaybeDeployment(deployment=deployment)


def new_project(asked: requests.CreateProject) -> NewProject:
    """The project that is asked for; `Invalid` (`invalid_source`) when it has not one source."""
    source = asked.github_source
    if (source is None) == (asked.repo_url is None):
        raise Invalid(
            Code.INVALID_SOURCE,
            "a project has one source: either `repo_url` or `github_source`",
            hint="give exactly one of the two",
        )
    return NewProject(
        name=asked.name,
        branch=asked.branch,
        install_command=asked.install_command,
        build_command=asked.build_command,
        run_command=asked.run_command,
        output_directory=asked.output_directory,
        root_directory=asked.root_directory,
        wait_for_ci=asked.wait_for_ci,
        env=tuple(EnvVar(key=one.key, value=Secret(one.value)) for one in asked.env_vars),
        domains=tuple(asked.domains),
        repo_url=asked.repo_url,
        installation_id=InstallationId(source.installation_id) if source else None,
        repo_id=RepoId(source.repo_id) if source else None,
        selected_branch=source.selected_branch if source else None,
        settings={name: getattr(asked, name) for name in SETTINGS},
    )

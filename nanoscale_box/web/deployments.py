"""Deployments and verdicts on the local door."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nanoscale_box.web import answering, services, translate
from nanoscale_box.web.asking import Query, deployment_id, project_id
from nanoscale_box.wire import routes


@dataclass(frozen=True, slots=True)
class Deployments:
    """What can be asked of deployments and verdicts."""

    projects: services.Projects

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        add = app.router.add_route
        add("GET", routes.PROJECT_DEPLOYMENTS, self.of_project)
        add("GET", routes.PROJECT_VERDICTS, self.verdicts_of_project)
        add("GET", routes.VERDICTS, self.all_verdicts)
        add("GET", routes.DEPLOYMENT, self.one)
        add("POST", routes.CANCEL, self.cancel)

    async def of_project(self, request: web.Request) -> web.StreamResponse:
        """A project's deployments, newest first."""
        wanted = Query(request, "limit", "cursor").page()
        rows, following = await self.projects.deployments(project_id(request), wanted)
        return answering.page(rows, translate.deployment, following)

    async def verdicts_of_project(self, request: web.Request) -> web.StreamResponse:
        """What became of each push for a project, newest first."""
        wanted = Query(request, "limit", "cursor").page()
        rows, following = await self.projects.verdicts(project_id(request), wanted)
        return answering.page(rows, translate.verdict, following)

    async def all_verdicts(self, request: web.Request) -> web.StreamResponse:
        """What became of every push, newest first; those that touched no project too."""
        wanted = Query(request, "limit", "cursor").page()
        rows, following = await self.projects.verdicts(None, wanted)
        return answering.page(rows, translate.verdict, following)

    async def one(self, request: web.Request) -> web.StreamResponse:
        """One deployment."""
        Query(request)
        return answering.answer(translate.deployment(await self.projects.deployment(deployment_id(request))))

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        """Stop a deployment that is not past the switch."""
        Query(request)
        return answering.answer(translate.deployment(await self.projects.cancel(deployment_id(request))))

"""The local door: the whole API on a unix socket, for the box's owner and nobody else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from aiohttp import web

from nanoscale_box.web import answering, translate
from nanoscale_box.web.asking import Query
from nanoscale_box.web.deployments import Deployments
from nanoscale_box.web.events import Events
from nanoscale_box.web.github import Github
from nanoscale_box.web.logs import Logs
from nanoscale_box.web.peers import check_peers
from nanoscale_box.web.problems import as_problems
from nanoscale_box.web.projects import Projects
from nanoscale_box.web.services import Services
from nanoscale_box.web.streams import Streams
from nanoscale_box.wire import routes
from nanoscale_box.wire.shapes import Doctor, Session

BODY_LIMIT: Final = 4 * 1024 * 1024


def build_local(services: Services, *, group: int | None = None, ping_seconds: float = 15.0) -> web.Application:
    """The local door as an application; members of `group` may enter besides the box's own user and root."""
    app = web.Application(middlewares=[as_problems, check_peers(group)], client_max_size=BODY_LIMIT)
    streams = Streams(ping_seconds)
    app.on_shutdown.append(streams.stop)
    Projects(services.projects).mount(app)
    Deployments(services.projects).mount(app)
    Github(services.accounts).mount(app)
    Events(services.feed, streams).mount(app)
    Logs(services.projects, services.logs, streams).mount(app)
    Box(services).mount(app)
    return app


@dataclass(frozen=True, slots=True)
class Box:
    """What concerns the box as a whole."""

    services: Services

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_route("GET", routes.SESSION, self.session)
        app.router.add_route("GET", routes.DOCTOR, self.doctor)
        app.router.add_route("POST", routes.DOWN, self.down)

    async def session(self, request: web.Request) -> web.StreamResponse:
        """Who the caller is."""
        Query(request)
        return answering.answer(Session(user_id=self.services.owner_id, via="socket", version=self.services.version))

    async def doctor(self, request: web.Request) -> web.StreamResponse:
        """What the doctor found."""
        Query(request)
        findings = [translate.finding(one) for one in await self.services.doctor.look()]
        return answering.answer(Doctor(ok=all(one.status != "fail" for one in findings), findings=findings))

    async def down(self, request: web.Request) -> web.StreamResponse:
        """Stop apps and ingress."""
        Query(request)
        await self.services.projects.down()
        return answering.nothing()

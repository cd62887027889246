"""The whole API, for the box's owner and nobody else: on a unix socket, and if asked for over TCP with tokens."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Middleware

from nanoscale_box.web.audited import audited
from nanoscale_box.web.bearers import check_tokens
from nanoscale_box.web.box import Box
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.deployments import Deployments
from nanoscale_box.web.events import Events
from nanoscale_box.web.github import Github
from nanoscale_box.web.guard import ROOM, SETTINGS, ConnectionRoom
from nanoscale_box.web.logs import Logs
from nanoscale_box.web.metrics import MetricsPage
from nanoscale_box.web.peers import check_peers
from nanoscale_box.web.previews import Previews
from nanoscale_box.web.problems import as_problems
from nanoscale_box.web.projects import Projects
from nanoscale_box.web.services import Services
from nanoscale_box.web.settings import PublicSettings
from nanoscale_box.web.streams import Streams

BODY_LIMIT: Final = 4 * 1024 * 1024


def build_local(services: Services, *, group: int | None = None, ping_seconds: float = 15.0) -> web.Application:
    """The local door as an application; members of `group` may enter besides the box's own user and root."""
    return _whole_api(services, [as_problems, check_peers(group), audited(services.audit)], ping_seconds)


def build_remote(
    services: Services, settings: PublicSettings | None = None, *, ping_seconds: float = 15.0
) -> web.Application:
    """The same over TCP, for whoever brings a bearer token; connections that stall are ended as on the public door."""
    settings = settings or PublicSettings()
    room = ConnectionRoom(settings, IntakeCounters())
    inside = [room.mark_busy, as_problems, check_tokens(services.tokens), audited(services.audit)]
    app = _whole_api(services, inside, ping_seconds)
    app[ROOM] = room
    app[SETTINGS] = settings
    return app


def _whole_api(services: Services, middlewares: Sequence[Middleware], ping_seconds: float) -> web.Application:
    app = web.Application(middlewares=middlewares, client_max_size=BODY_LIMIT)
    streams = Streams(ping_seconds)
    app.on_shutdown.append(streams.stop)
    Projects(services.projects).mount(app)
    Previews(services.projects, streams).mount(app)
    Deployments(services.projects).mount(app)
    Github(services.accounts).mount(app)
    Events(services.feed, streams).mount(app)
    Logs(services.projects, services.logs, streams).mount(app)
    Box(services).mount(app)
    MetricsPage(services.metrics, services.counters, services.version).mount(app)
    return app

"""The public door: the webhook, the browser's ways back from GitHub, two pages and a sign of life; nothing else."""

from __future__ import annotations

from contextlib import suppress
from typing import Final

import structlog
from aiohttp import web

from nanoscale_box.core.errors import BoxError, Code, Conflict, Forbidden, NotFound
from nanoscale_box.core.model import DeploymentId
from nanoscale_box.web import pages
from nanoscale_box.web.answering import answer
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.express import SEAL
from nanoscale_box.web.guard import ROOM, SETTINGS, ConnectionRoom
from nanoscale_box.web.problems import as_problems
from nanoscale_box.web.services import Accounts, Projects, Services
from nanoscale_box.web.settings import PublicSettings
from nanoscale_box.web.webhook import Webhook, await_handler
from nanoscale_box.wire import routes
from nanoscale_box.wire.shapes import Health

_RESULTS: Final[dict[Code, str]] = {
    Code.GITHUB_DENIED: "denied",
    Code.GITHUB_STATE: "expired",
    Code.GITHUB_UNREACHABLE: "unreachable",
    Code.GITHUB_RATE_LIMITED: "unreachable",
    Code.INSTALLATION_UNKNOWN: "forbidden",
}

_log = structlog.stdlib.get_logger("nanoscale_box.web")


def build_public(
    services: Services, settings: PublicSettings | None = None, counters: IntakeCounters | None = None
) -> web.Application:
    """The public door as an application; `counters` are those of the services unless given."""
    settings = settings or PublicSettings()
    counters = counters or services.counters
    room = ConnectionRoom(settings, counters)
    app = web.Application(middlewares=[room.mark_busy, as_problems], client_max_size=settings.body_limit)
    app[ROOM] = room
    app[SETTINGS] = settings
    app.on_response_prepare.append(_seal)
    webhook = Webhook(services.intake, settings, counters)
    room.express = webhook.express
    browser = _Browser(services.accounts, services.projects)
    app.router.add_route("POST", routes.WEBHOOK, webhook.handle, expect_handler=await_handler)
    app.router.add_route("GET", routes.CALLBACK, browser.callback)
    app.router.add_route("GET", routes.MANIFEST_PAGE, browser.manifest_page)
    app.router.add_route("GET", routes.MANIFEST_RETURN, browser.registered)
    app.router.add_route("GET", routes.SETUP_RETURN, browser.installed)
    app.router.add_get(routes.LANDING, browser.landing)
    app.router.add_get(routes.HEALTHZ, _healthz)
    return app


class _Browser:
    """The owner's browser on its way to GitHub and back, sent on by what the engine says, never by its own headers."""

    def __init__(self, accounts: Accounts, projects: Projects) -> None:
        self._accounts = accounts
        self._projects = projects

    async def manifest_page(self, request: web.Request) -> web.StreamResponse:
        """The form that posts the App's manifest to GitHub."""
        try:
            return pages.manifest(await self._accounts.manifest_form(request.query.get("state", "")))
        except BoxError as error:
            return _lands(error)

    async def registered(self, request: web.Request) -> web.StreamResponse:
        """Back from GitHub with the code of the new App."""
        try:
            return _onward(
                await self._accounts.finish_registration(request.query.get("code"), request.query.get("state"))
            )
        except BoxError as error:
            return _lands(error)

    async def installed(self, request: web.Request) -> web.StreamResponse:
        """Back from GitHub after the App was installed, or asked for."""
        asked = request.query
        try:
            return _onward(
                await self._accounts.finish_installation(
                    asked.get("installation_id"), asked.get("setup_action"), asked.get("state")
                )
            )
        except BoxError as error:
            return _lands(error)

    async def callback(self, request: web.Request) -> web.StreamResponse:
        """Back from GitHub after authorising."""
        asked = request.query
        try:
            await self._accounts.finish_connect(
                code=asked.get("code"), state=asked.get("state"), error=asked.get("error"), issuer=asked.get("iss")
            )
            install = await self._accounts.install_url("browser")
        except BoxError as error:
            return _lands(error)
        return _onward(install or f"{routes.LANDING}?result=connected")

    async def landing(self, request: web.Request) -> web.StreamResponse:
        """The page that is left when all is done; and why a deployment failed, by a link that only GitHub was given."""
        if wanted := request.query.get("deployment"):
            with suppress(NotFound):
                found = await self._projects.deployment(DeploymentId(wanted))
                reason = found.failure.detail if found.failure else ""
                return pages.deployment(found.number, found.state.value, reason)
        return pages.landing(request.query.get("result", ""))


async def _healthz(request: web.Request) -> web.StreamResponse:
    return answer(Health(status="ok"))


def _onward(url: str) -> web.Response:
    """Send the browser on; a path stays on whatever address it came by."""
    return web.Response(status=302, headers={"Location": url})


def _lands(error: BoxError) -> web.Response:
    """Send the browser to the page that says in plain words what went wrong."""
    match error:
        case Conflict(code=Code.GITHUB_DENIED):
            result = "requested"
        case Forbidden():
            result = "forbidden"
        case _:
            result = _RESULTS.get(error.code, "failed")
    _log.info("browser.refused", code=error.code.value, result=result)
    return _onward(f"{routes.LANDING}?result={result}")


async def _seal(request: web.Request, response: web.StreamResponse) -> None:
    """What every answer of this door says to browsers and caches; the server's make stays unsaid."""
    response.headers.pop("Server", None)
    response.headers.update(SEAL)

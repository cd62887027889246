"""The GitHub connection on the local door."""

from __future__ import annotations

from dataclasses import dataclass

from aiohttp import web

from nanoscale_box.web import answering, services, translate
from nanoscale_box.web.asking import Query, body_of, installation_id, repo_id
from nanoscale_box.web.callers import CALLER
from nanoscale_box.wire import requests, routes


@dataclass(frozen=True, slots=True)
class Github:
    """What can be asked of the connection and of what it reaches."""

    accounts: services.Accounts

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        add = app.router.add_route
        add("GET", routes.GITHUB_STATUS, self.status)
        add("POST", routes.START, self.start)
        add("DELETE", routes.START, self.stop)
        add("POST", routes.APP, self.register)
        add("POST", routes.DISCONNECT, self.disconnect)
        add("GET", routes.INSTALLATIONS, self.installations)
        add("GET", routes.REPOS, self.repositories)
        add("POST", routes.REPOS_SYNC, self.sync)
        add("GET", routes.BRANCHES, self.branches)
        add("GET", routes.HOOKS, self.hooks)
        add("POST", routes.HOOKS_REPAIR, self.repair_hooks)
        add("POST", routes.HOOKS_ROTATE, self.rotate_secrets)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """How the box stands with GitHub."""
        Query(request)
        return answering.answer(translate.github_state(await self.accounts.status()))

    async def start(self, request: web.Request) -> web.StreamResponse:
        """Begin connecting an account."""
        Query(request)
        asked = await body_of(request, requests.StartConnect)
        begun = await (self.accounts.begin_device() if asked.device else self.accounts.begin_connect(request[CALLER]))
        return answering.answer(translate.redirection(begun))

    async def stop(self, request: web.Request) -> web.StreamResponse:
        """Wait for no code any more."""
        Query(request)
        await self.accounts.end_device()
        return answering.nothing()

    async def register(self, request: web.Request) -> web.StreamResponse:
        """Begin registering the box's own App."""
        Query(request)
        asked = await body_of(request, requests.RegisterApp)
        begun = await self.accounts.begin_registration(
            request[CALLER], asked.organization, feedback=asked.feedback, checks=asked.checks
        )
        return answering.answer(translate.redirection(begun))

    async def disconnect(self, request: web.Request) -> web.StreamResponse:
        """Forget the account; without one, a registered App."""
        Query(request)
        await self.accounts.disconnect()
        return answering.nothing()

    async def hooks(self, request: web.Request) -> web.StreamResponse:
        """How each webhook stands."""
        Query(request)
        return answering.page(await self.accounts.hooks(), translate.hook)

    async def repair_hooks(self, request: web.Request) -> web.StreamResponse:
        """Mend what is not in order; how it was found."""
        Query(request)
        return answering.page(await self.accounts.repair_hooks(), translate.hook)

    async def rotate_secrets(self, request: web.Request) -> web.StreamResponse:
        """New secrets for all webhooks."""
        Query(request)
        return answering.answer(translate.rotated(await self.accounts.rotate_secrets()), status=202)

    async def installations(self, request: web.Request) -> web.StreamResponse:
        """Where the App is installed, with what it may not do yet."""
        Query(request)
        state = await self.accounts.status()
        return answering.page(state.installations, lambda row: translate.installation(*row))

    async def repositories(self, request: web.Request) -> web.StreamResponse:
        """Repositories in scope, from the cache."""
        query = Query(request, "installation_id", "query", "limit", "cursor")
        wanted = installation_id(query.number("installation_id", 1))
        rows, following = await self.accounts.repositories(wanted, query.text("query") or "", query.page())
        return answering.page(rows, translate.repository, following)

    async def sync(self, request: web.Request) -> web.StreamResponse:
        """Refresh the cache; the work goes on after the answer."""
        Query(request)
        asked = await body_of(request, requests.SyncRepos)
        await self.accounts.sync(installation_id(asked.installation_id))
        return answering.nothing(202)

    async def branches(self, request: web.Request) -> web.StreamResponse:
        """Branches of a repository, the default first."""
        query = Query(request, "query", "limit", "cursor")
        rows, following = await self.accounts.branches(repo_id(request), query.text("query") or "", query.page())
        return answering.page(rows, translate.branch, following)

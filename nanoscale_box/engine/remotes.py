"""Where a project's commits are fetched from, with a token that lives as long as the fetch."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

from nanoscale_box.core.errors import BoxError, Code, DeployFailed
from nanoscale_box.core.github_model import App, Repository
from nanoscale_box.core.model import Link, Project, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.urls import check_clone_url
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.creating import Sources
from nanoscale_box.engine.ports import Github, Remote
from nanoscale_box.engine.records import Ledger, Page


class Remotes:
    """Opens remotes: a manual project's URL as it is, a linked one's by `repo_id` with a token for that repository
    alone."""

    def __init__(self, *, ledger: Ledger, github: Github, app: AppKeeper, sources: Sources) -> None:
        self._ledger = ledger
        self._github = github
        self._app = app
        self._sources = sources
        self.revoking: set[asyncio.Task[None]] = set()
        """Tokens on their way out; nobody waits for that but the end of the box."""

    @asynccontextmanager
    async def open(self, project: Project) -> AsyncIterator[Remote]:
        """The remote; a token is revoked from the end on, also on failure."""
        if project.link is None:
            yield self._plain(str(project.repo_url), project.link)
            return
        app = await self._app.required()
        url = await self._clone_url(app, project.link)
        async with self._with_token(app, project.link, url, project.link.repo_id) as remote:
            yield remote

    def _plain(self, url: str, link: Link | None) -> Remote:
        return Remote(url=url, cache_key=_key_of_url(url), beside=partial(self._beside, link, url))

    @asynccontextmanager
    async def _with_token(self, app: App, link: Link, url: str, repo_id: RepoId) -> AsyncIterator[Remote]:
        token = await self._github.checkout_token(app, link.installation_id, repo_id)
        try:
            beside = partial(self._beside, link, url)
            yield Remote(url=url, cache_key=f"github-{repo_id}", token=token, beside=beside)
        finally:
            revoking = asyncio.create_task(self._revoke(token), name="revoke a token")
            self.revoking.add(revoking)
            revoking.add_done_callback(self.revoking.discard)

    async def _revoke(self, token: Secret) -> None:
        with suppress(BoxError):  # it dies by itself within the hour
            await self._github.revoke_token(token)

    async def settle(self) -> None:
        """Wait until what was opened is revoked."""
        if self.revoking:
            await asyncio.wait(self.revoking)

    @asynccontextmanager
    async def _beside(self, link: Link | None, parent: str, url: str) -> AsyncIterator[Remote]:
        """A submodule's repository: by its id where the installation covers it, else as anybody may read it."""
        home = _origin(parent)
        hosts = {*self._sources.manual_hosts, home.partition("://")[2]}
        asked = check_clone_url(url, hosts=hosts, development=self._sources.development)
        found = await self._covered(link, asked.path) if link is not None and _origin(asked.url) == home else None
        if link is None or found is None:
            yield self._plain(asked.url, link if _origin(asked.url) == home else None)
            return
        app = await self._app.required()
        now = await self._github.clone_url(app, link.installation_id, found.repo_id)
        async with self._with_token(app, link, now or asked.url, found.repo_id) as remote:
            yield remote

    async def _covered(self, link: Link, path: str) -> Repository | None:
        """The installation's repository of this name, as it was synced last."""
        full_name = path.removesuffix(".git")
        page = Page(limit=20)
        found, _ = await self._ledger.read(
            lambda records: records.github.repositories(link.installation_id, full_name, page)
        )
        return next((one for one in found if one.full_name.casefold() == full_name.casefold()), None)

    async def _clone_url(self, app: App, link: Link) -> str:
        """Where the repository of this id is now: the name known to the box may be another repository's by now."""
        known = await self._ledger.read(lambda records: records.github.repository(link.repo_id))
        if not link.active or known is None or known.installation_id != link.installation_id:
            raise _out_of_scope(link)
        found = await self._github.clone_url(app, link.installation_id, link.repo_id)
        if found is None:
            raise _out_of_scope(link)
        return found


def _out_of_scope(link: Link) -> DeployFailed:
    return DeployFailed(
        Code.REPOSITORY_UNKNOWN,
        f"repository {link.repo_id} is not within the installation's scope any more",
        hint="give the App access to it on GitHub, then run: nanoscale-box github sync",
    )


def cache_key(project: Project) -> str:
    """The name of the mirror that projects on one repository share."""
    if project.link is not None:
        return f"github-{project.link.repo_id}"
    return _key_of_url(str(project.repo_url))


def _key_of_url(url: str) -> str:
    return "url-" + hashlib.sha256(url.encode()).hexdigest()[:24]


def _origin(url: str) -> str:
    """Scheme and host of an address, with the port if there is one."""
    return url.partition("://")[0] + "://" + url.partition("://")[2].partition("/")[0].lower()

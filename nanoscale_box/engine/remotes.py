"""Where a project's commits are fetched from, with a token that lives as long as the fetch."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from nanoscale_box.core.errors import BoxError, Code, DeployFailed
from nanoscale_box.core.github_model import App
from nanoscale_box.core.model import Link, Project
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.ports import Github, Remote
from nanoscale_box.engine.records import Ledger


class Remotes:
    """Opens remotes: a manual project's URL as it is, a linked one's by `repo_id` with a token for that repository
    alone."""

    def __init__(self, *, ledger: Ledger, github: Github, app: AppKeeper) -> None:
        self._ledger = ledger
        self._github = github
        self._app = app

    @asynccontextmanager
    async def open(self, project: Project) -> AsyncIterator[Remote]:
        """The remote; a token is revoked at the end, also on failure."""
        if project.link is None:
            yield Remote(url=str(project.repo_url), cache_key=cache_key(project))
            return
        app = await self._app.required()
        url = await self._clone_url(app, project.link)
        token = await self._github.checkout_token(app, project.link.installation_id, project.link.repo_id)
        try:
            yield Remote(url=url, cache_key=cache_key(project), token=token)
        finally:
            with suppress(BoxError):  # it dies by itself within the hour
                await self._github.revoke_token(token)

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
    return "url-" + hashlib.sha256(str(project.repo_url).encode()).hexdigest()[:24]

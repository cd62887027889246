"""What GitHub offers: installations, repositories and branches, kept in a local cache that is filled page by page."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Final

from nanoscale_box.core.errors import BoxError, Code, Conflict, NotFound
from nanoscale_box.core.github_model import App, Branch, Installation, Repository
from nanoscale_box.core.model import InstallationId, ProjectId, RepoId
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.connecting import Connecting, not_connected
from nanoscale_box.engine.following import (
    GONE,
    OUT_OF_SCOPE,
    SUSPENDED,
    UNSEEN,
    of_installation,
    pause_linked,
    renew_links,
    resume_linked,
)
from nanoscale_box.engine.ports import Clock, Github
from nanoscale_box.engine.records import Ledger, Page, Records
from nanoscale_box.engine.telling import tell_github

BRANCHES_FRESH: Final = timedelta(seconds=30)
"""How long a list of branches is shown without asking again."""


class Catalogue:
    """Fills and reads the cache. One sync at a time; a second call joins the running one."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        github: Github,
        app: AppKeeper,
        connecting: Connecting,
        synced: Callable[[], Awaitable[None]],
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._github = github
        self._app = app
        self._connecting = connecting
        self._synced = synced
        self._syncing: asyncio.Task[None] | None = None
        self._again = False
        self._granted: dict[InstallationId, Mapping[str, str]] = {}
        # What the credentials in memory may do is what was granted when they were made.

    def start_sync(self, installation_id: InstallationId | None = None) -> asyncio.Task[None]:
        """Begin a sync in the background; progress is told on the event stream."""
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync_until_even(installation_id), name="sync")
        return self._syncing

    def news(self) -> asyncio.Task[None]:
        """Something changed on GitHub: sync, and once more after one that is under way and may have passed it by."""
        self._again = self._syncing is not None and not self._syncing.done()
        return self.start_sync()

    async def stop(self) -> None:
        """End a running sync."""
        if self._syncing:
            self._syncing.cancel()
            await asyncio.wait({self._syncing})

    async def sync(self, installation_id: InstallationId | None = None) -> int:
        """Refresh installations and their repositories; give how many repositories there are."""
        app = await self._app.required()
        total = 0
        for installation in await self._refresh_installations(app):
            if installation_id in (None, installation.installation_id) and not installation.suspended:
                total += await self._sync_repositories(app, installation.installation_id)
        return total

    async def repositories(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[list[tuple[Repository, tuple[ProjectId, ...]]], str | None]:
        """Repositories from the cache with the projects that use them."""

        def work(records: Records) -> tuple[list[tuple[Repository, tuple[ProjectId, ...]]], str | None]:
            found, cursor = records.github.repositories(installation_id, query, page)
            users = [tuple(p.id for p in records.projects.on_repository(repo.repo_id)) for repo in found]
            return list(zip(found, users, strict=True)), cursor

        return await self._ledger.read(work)

    async def branches(self, repo_id: RepoId, query: str, page: Page) -> tuple[Sequence[Branch], str | None]:
        """Branches of a repository in scope, the default first; asked anew when the cache is older than half a
        minute."""
        repository = await self.repository(repo_id)
        synced = await self._ledger.read(lambda records: records.github.branches_synced_at(repo_id))
        if synced is None or synced + BRANCHES_FRESH < self._clock.now():
            app = await self._app.required()
            fresh = await self._github.branches(app, repository.installation_id, repository)
            await self._ledger.write(lambda records: records.github.put_branches(repo_id, fresh, self._clock.now()))
        return await self._ledger.read(lambda records: records.github.branches(repo_id, query, page))

    async def repository(self, repo_id: RepoId, installation_id: InstallationId | None = None) -> Repository:
        """A repository in scope, from the cache; one that GitHub has and the cache does not is added."""
        await self._check_connected()
        known = await self._ledger.read(lambda records: records.github.repository(repo_id))
        if known is None and installation_id is not None:
            known = await self._fetch(repo_id, installation_id)
        if known is None or installation_id not in (None, known.installation_id):
            raise NotFound(
                Code.REPOSITORY_UNKNOWN,
                f"repository {repo_id} is not within any installation's scope",
                hint="give the App access to it on GitHub, then run: nanoscale-box github sync",
            )
        await self._check_installation(known.installation_id)
        return known

    async def _check_connected(self) -> None:
        if await self._ledger.read(lambda records: records.github.account()) is None:
            raise not_connected()

    async def _check_installation(self, installation_id: InstallationId) -> None:
        installation = await self._ledger.read(lambda records: records.github.installation(installation_id))
        if installation is None:
            raise NotFound(
                Code.INSTALLATION_UNKNOWN,
                f"installation {installation_id} is not one of yours",
                hint="see: nanoscale-box github status",
            )
        if installation.suspended:
            raise Conflict(Code.INSTALLATION_SUSPENDED, SUSPENDED, hint="lift the suspension on GitHub")

    async def _fetch(self, repo_id: RepoId, installation_id: InstallationId) -> Repository | None:
        await self._check_installation(installation_id)
        found = await self._github.repository(await self._app.required(), installation_id, repo_id)
        if found:
            await self._ledger.write(lambda records: records.github.put_repositories([found], self._clock.now()))
        return found

    async def _sync_until_even(self, installation_id: InstallationId | None) -> None:
        await self._sync_and_tell(installation_id)
        while self._again:
            self._again = False
            await self._sync_and_tell(None)

    async def _sync_and_tell(self, installation_id: InstallationId | None) -> None:
        try:
            total = await self.sync(installation_id)
        except BoxError as error:
            told: dict[str, object] = {"code": error.code.value, "detail": error.detail, "hint": error.hint}
            await self._ledger.write(lambda r: tell_github(r, "sync_failed", self._clock.now(), **told))
        else:
            await self._ledger.write(lambda r: tell_github(r, "synced", self._clock.now(), repositories=total))
            await self._synced()

    async def _refresh_installations(self, app: App) -> Sequence[Installation]:
        """Ask for the installations the owner can reach; when the account must be connected again, for those known
        already."""
        try:
            found = await self._connecting.user_installations()
        except Conflict as error:
            if error.code is not Code.GITHUB_RECONNECT:
                raise
            known = await self._ledger.read(lambda records: records.github.installations())
            asked = [await self._github.installation(app, one.installation_id) for one in known]
            found = [one for one in asked if one is not None]
        dropped = await self._ledger.write(lambda records: self._store_installations(records, found))
        for installation_id in dropped:
            self._github.forget(app, installation_id)
        for one in found:
            if self._granted.get(one.installation_id, one.permissions) != one.permissions:
                self._github.forget(app, one.installation_id)
            self._granted[one.installation_id] = one.permissions
        return found

    def _store_installations(self, records: Records, found: Sequence[Installation]) -> list[InstallationId]:
        now = self._clock.now()
        there = {one.installation_id for one in found}
        dropped = [one.installation_id for one in records.github.installations() if one.installation_id not in there]
        for installation_id in dropped:
            records.github.drop_installation(installation_id)
            pause_linked(records, of_installation(records, installation_id), GONE, now)
        for installation in found:
            records.github.put_installation(installation, now)
            projects = of_installation(records, installation.installation_id)
            if installation.suspended:
                pause_linked(records, projects, SUSPENDED, now)
            else:
                resume_linked(records, projects, {SUSPENDED, GONE}, now)
        return dropped

    async def _sync_repositories(self, app: App, installation_id: InstallationId) -> int:
        seen: list[RepoId] = []
        async for page in self._github.repositories(app, installation_id):
            seen += [repository.repo_id for repository in page]
            await self._ledger.write(partial(self._store_page, page=page, so_far=len(seen)))
        await self._ledger.write(lambda records: self._drop_unseen(records, installation_id, seen))
        return len(seen)

    def _store_page(self, records: Records, page: Sequence[Repository], so_far: int) -> None:
        now = self._clock.now()
        records.github.put_repositories(page, now)
        for repository in page:
            renew_links(records, repository, now)
            resume_linked(records, records.projects.on_repository(repository.repo_id), UNSEEN, now)
        tell_github(records, "syncing", now, repositories=so_far)

    def _drop_unseen(self, records: Records, installation_id: InstallationId, seen: list[RepoId]) -> None:
        for repo_id in records.github.drop_repositories(installation_id, seen):
            pause_linked(records, records.projects.on_repository(repo_id), OUT_OF_SCOPE, self._clock.now())

"""GitHub as the owner sees it: connect, status, browse, disconnect. A short front for the rooms that do the work."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final, Literal

from nanoscale_box.core.errors import BoxError, Code
from nanoscale_box.core.github_model import Account, App, Branch, Installation, Repository
from nanoscale_box.core.model import InstallationId, ProjectId, RepoId
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.catalogue import Catalogue
from nanoscale_box.engine.connecting import Connecting
from nanoscale_box.engine.devices import DeviceFlow
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.following import has_active_links
from nanoscale_box.engine.hookcheck import HookCheck, HookView
from nanoscale_box.engine.ports import Clock, Github
from nanoscale_box.engine.problems import problems_of
from nanoscale_box.engine.records import Ledger, Page
from nanoscale_box.engine.registration import PERMISSIONS, Registration, Wishes
from nanoscale_box.engine.rotation import Rotated, Rotation
from nanoscale_box.engine.telling import tell_github
from nanoscale_box.engine.views import GithubState, ManifestForm, Redirection

_LEVELS: Final = {"read": 1, "write": 2, "admin": 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rooms:
    """Who does the work."""

    registration: Registration
    connecting: Connecting
    devices: DeviceFlow
    catalogue: Catalogue
    checks: HookCheck
    rotation: Rotation


class Accounts:
    """What the doors call about GitHub."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        clock: Clock,
        github: Github,
        app: AppKeeper,
        rooms: Rooms,
        doors: Doors,
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._github = github
        self._app = app
        self._registration = rooms.registration
        self._connecting = rooms.connecting
        self._devices = rooms.devices
        self._catalogue = rooms.catalogue
        self._checks = rooms.checks
        self._rotation = rooms.rotation
        self._doors = doors

    async def begin_registration(
        self, caller: str, organization: str | None, *, feedback: bool = False, checks: bool = False
    ) -> Redirection:
        """Where to send the browser to register the box's own App."""
        return await self._registration.begin(caller, organization, Wishes(feedback=feedback, checks=checks))

    async def manifest_form(self, state: str) -> ManifestForm:
        """What the box's own page posts to GitHub."""
        return await self._registration.form(state)

    async def finish_registration(self, code: str | None, state: str | None) -> str:
        """GitHub's page where the registered App is installed."""
        async with self._told():
            return await self._registration.finish(code, state)

    async def finish_installation(
        self, installation_id: str | None, setup_action: str | None, state: str | None
    ) -> str:
        """GitHub's page where the owner authorises the App."""
        async with self._told():
            return await self._connecting.after_installation(installation_id, setup_action, state)

    async def begin_connect(self, caller: str) -> Redirection:
        """Where to send the browser to connect an account: to GitHub's installation page while the box's own App is
        installed nowhere. An App of the owner's may lead nowhere from there, so it is authorised first."""
        app = await self._app.required()
        if app.from_environment or await self._registration.is_installed():
            return await self._connecting.begin(caller)
        return await self._registration.installation(caller)

    async def begin_device(self) -> Redirection:
        """Connect without a browser here: where to enter which code."""
        return await self._devices.begin()

    async def end_device(self) -> None:
        """Wait for no code any more."""
        self._devices.end()

    async def finish_connect(
        self, *, code: str | None, state: str | None, error: str | None, issuer: str | None = None
    ) -> str:
        """Store the account that came back; give its login. The first sync begins."""
        async with self._told():
            login = await self._connecting.finish(code=code, state=state, error=error, issuer=issuer)
        self._catalogue.news()
        return login

    @asynccontextmanager
    async def _told(self) -> AsyncIterator[None]:
        """Say on the event stream why the browser's way ended, for who waits there; but nothing of what anybody may
        send who never had a state of the box's."""
        try:
            yield
        except BoxError as error:
            if error.code is not Code.GITHUB_STATE:
                told: dict[str, object] = {"code": error.code.value, "detail": error.detail, "hint": error.hint}
                now = self._clock.now()
                await self._ledger.write(lambda records: tell_github(records, "connect_failed", now, **told))
            raise

    async def install_url(self, caller: str) -> str | None:
        """Where a connected account installs the App; None when it has."""
        if await self._ledger.read(lambda records: records.github.installations()):
            return None
        return await self._registration.installation_page(caller)

    async def disconnect(self) -> None:
        """Take one step back (docs/adr/0001): a connected account is disconnected, with running apps staying up; where
        none is, a registered App is forgotten."""
        app = await self._app.current()
        in_use = await self._ledger.read(lambda r: r.github.account() is not None or has_active_links(r))
        if app and not in_use and not app.from_environment:
            await self._registration.forget(app)
        else:
            await self._connecting.disconnect()

    async def hooks(self) -> list[HookView]:
        """How the App's hook and each repository's hook stand."""
        return await self._checks.look(repair=False)

    async def repair_hooks(self) -> list[HookView]:
        """Have every hook mended that is not in order; how they were found."""
        return await self._checks.look(repair=True)

    async def rotate_secrets(self) -> Rotated:
        """Give every hook a new secret; the old ones verify a while longer."""
        return await self._rotation.rotate()

    async def sync(self, installation_id: InstallationId | None) -> None:
        """Begin a sync; it goes on after this returns."""
        await self._app.required()
        self._catalogue.start_sync(installation_id)

    async def status(self) -> GithubState:
        """How the box stands with GitHub."""
        app = await self._app.current()
        account, installations, reconnect, waiting = await self._ledger.read(
            lambda records: (
                records.github.account(),
                records.github.installations(),
                records.keeper.get("reconnect") is not None,
                {one.link.installation_id for one in records.projects.list() if one.link and one.wait_for_ci},
            )
        )
        connected = bool(app and account and not reconnect)
        return GithubState(
            connected=connected,
            state=_standing(app, account, reconnect),
            account_login=account.login if account else None,
            mode="webhook" if self._doors.webhook else "polling",
            installations=[(one, missing_permissions(one)) for one in installations],
            rate=self._github.budget(),
            problems=problems_of(
                app,
                installations,
                skew=self._github.clock_skew(),
                webhook=self._doors.webhook,
                refused=self._checks.refused,
                waiting=waiting,
            ),
        )

    async def installations(self) -> Sequence[Installation]:
        """The installations known, from the cache."""
        return await self._ledger.read(lambda records: records.github.installations())

    async def repositories(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[list[tuple[Repository, tuple[ProjectId, ...]]], str | None]:
        """Repositories in scope, private ones included, with the projects that use them."""
        return await self._catalogue.repositories(installation_id, query, page)

    async def branches(self, repo_id: RepoId, query: str, page: Page) -> tuple[Sequence[Branch], str | None]:
        """Branches of a repository in scope, the default first."""
        return await self._catalogue.branches(repo_id, query, page)


def _standing(
    app: App | None, account: Account | None, reconnect: bool
) -> Literal["unconfigured", "registered", "connected", "reconnect"]:
    if app is None:
        return "unconfigured"
    if account is None:
        return "registered"
    return "reconnect" if reconnect else "connected"


def missing_permissions(installation: Installation) -> tuple[str, ...]:
    """What the box would ask for and was not given, like `contents: read`."""
    given = installation.permissions
    return tuple(
        f"{name}: {level}"
        for name, level in PERMISSIONS.items()
        if _LEVELS.get(given.get(name, ""), 0) < _LEVELS[level]
    )

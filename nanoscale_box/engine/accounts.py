"""GitHub as the owner sees it: connect, status, browse, disconnect. A short front for the rooms that do the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from nanoscale_box.core.github_model import Account, App, Branch, Installation, Repository
from nanoscale_box.core.model import InstallationId, ProjectId, RepoId
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.catalogue import Catalogue
from nanoscale_box.engine.connecting import Connecting
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.ports import Github
from nanoscale_box.engine.records import Ledger, Page
from nanoscale_box.engine.registration import PERMISSIONS, Registration
from nanoscale_box.engine.views import GithubState, ManifestForm, Redirection

_LEVELS: Final = {"read": 1, "write": 2, "admin": 3}


class Accounts:
    """What the doors call about GitHub."""

    def __init__(
        self,
        *,
        ledger: Ledger,
        github: Github,
        app: AppKeeper,
        registration: Registration,
        connecting: Connecting,
        catalogue: Catalogue,
        doors: Doors,
    ) -> None:
        self._ledger = ledger
        self._github = github
        self._app = app
        self._registration = registration
        self._connecting = connecting
        self._catalogue = catalogue
        self._doors = doors

    async def begin_registration(self, caller: str, organization: str | None) -> Redirection:
        """Where to send the browser to register the box's own App."""
        return await self._registration.begin(caller, organization)

    async def manifest_form(self, state: str) -> ManifestForm:
        """What the box's own page posts to GitHub."""
        return await self._registration.form(state)

    async def finish_registration(self, code: str | None, state: str | None) -> str:
        """GitHub's page where the registered App is installed."""
        return await self._registration.finish(code, state)

    async def finish_installation(
        self, installation_id: str | None, setup_action: str | None, state: str | None
    ) -> str:
        """GitHub's page where the owner authorises the App."""
        return await self._connecting.after_installation(installation_id, setup_action, state)

    async def begin_connect(self, caller: str) -> Redirection:
        """Where to send the browser to connect an account."""
        return await self._connecting.begin(caller)

    async def finish_connect(self, *, code: str | None, state: str | None, error: str | None) -> str:
        """Store the account that came back; give its login. The first sync begins."""
        login = await self._connecting.finish(code=code, state=state, error=error)
        self._catalogue.start_sync()
        return login

    async def disconnect(self) -> None:
        """Revoke, wipe, pause; running apps stay up."""
        await self._connecting.disconnect()

    async def sync(self, installation_id: InstallationId | None) -> None:
        """Begin a sync; it goes on after this returns."""
        await self._app.required()
        self._catalogue.start_sync(installation_id)

    async def status(self) -> GithubState:
        """How the box stands with GitHub."""
        app = await self._app.current()
        account, installations, reconnect = await self._ledger.read(
            lambda records: (
                records.github.account(),
                records.github.installations(),
                records.keeper.get("reconnect") is not None,
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

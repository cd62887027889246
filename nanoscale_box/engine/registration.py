"""Registers the box's own GitHub App from a manifest: one click in the browser, and no secret is ever copied by
hand."""

from __future__ import annotations

import json
import re
from dataclasses import asdict, dataclass
from typing import Final
from urllib.parse import urlencode

from nanoscale_box.core.errors import BoxError, Code, Conflict, Invalid
from nanoscale_box.core.github_model import App
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.following import DISCONNECTED, pause_linked
from nanoscale_box.engine.keyring import Keyring
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.overlap import APP, Overlap
from nanoscale_box.engine.ports import Github
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.states import States
from nanoscale_box.engine.telling import tell_github
from nanoscale_box.engine.views import ManifestForm, Redirection

PERMISSIONS: Final = {"contents": "read", "metadata": "read", "repository_hooks": "write"}
"""What the box asks for; GitHub's name for the Webhooks permission in a manifest is `repository_hooks`."""
FEEDBACK: Final = {"statuses": "write", "deployments": "write"}
"""What the box asks for besides, if the owner wants to see on GitHub how each commit's deployment goes."""
CHECKS: Final = {"checks": "read", "statuses": "read"}
"""What the box asks for besides, if projects are to wait for CI."""
EVENTS: Final = ("push", "repository")
CHECKS_EVENTS: Final = ("check_suite", "status")
RETURN: Final = "registered"
SETUP: Final = "installed"
_LOGIN: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,38})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the owner wants of the App besides deployments; each asks for rights of its own."""

    feedback: bool = False
    checks: bool = False

    @property
    def permissions(self) -> dict[str, str]:
        """All that is asked for."""
        return PERMISSIONS | (CHECKS if self.checks else {}) | (FEEDBACK if self.feedback else {})

    @property
    def events(self) -> list[str]:
        """What the App is told of."""
        return [*EVENTS, *(CHECKS_EVENTS if self.checks else ())]


class Registration:
    """The way from no App to an installed one."""

    def __init__(
        self,
        *,
        desk: Desk,
        github: Github,
        app: AppKeeper,
        keyring: Keyring,
        states: States,
        doors: Doors,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._random = desk.random
        self._overlap = Overlap(desk.vault)
        self._github = github
        self._app = app
        self._keyring = keyring
        self._states = states
        self._doors = doors

    async def begin(self, caller: str, organization: str | None, wishes: Wishes | None = None) -> Redirection:
        """The box's own page that starts the registration; `Conflict` when there is an App already."""
        if organization is not None and not _LOGIN.fullmatch(organization):
            raise Invalid(Code.INVALID, "that is not the name of an organisation on GitHub")
        if app := await self._app.current():
            raise Conflict(
                Code.STATE_CONFLICT,
                f"this box has its App already ({app.slug or app.client_id})",
                hint="connect your account with it: nanoscale-box github connect",
            )
        ticket = await self._states.issue(RETURN, {"caller": caller})
        await self._remember(organization, ticket.state, wishes or Wishes())
        return Redirection(
            url=f"{self._doors.manifest_page}?{urlencode({'state': ticket.state})}", expires_at=ticket.expires_at
        )

    async def form(self, state: str) -> ManifestForm:
        """What the page posts to GitHub. Looking at the page spends nothing, so it can be reloaded."""
        await self._states.check(RETURN, state)
        raw = await self._ledger.read(lambda records: records.keeper.get("registration"))
        pending = json.loads(raw) if raw else {}
        if pending.get("state") != state:
            raise Conflict(Code.STATE_CONFLICT, "a newer registration was started", hint="use its link, or start again")
        action = f"{self._doors.registration(pending['organization'])}?{urlencode({'state': state})}"
        wishes = Wishes(**pending["wishes"])
        return ManifestForm(action=action, manifest=json.dumps(self.manifest(pending["name"], wishes)))

    def manifest(self, name: str, wishes: Wishes) -> dict[str, object]:
        """The manifest, as GitHub documents it."""
        hook = self._doors.webhook
        attributes: dict[str, object] = {"hook_attributes": {"url": hook, "active": True}} if hook else {}
        return {
            "name": name,
            "url": self._doors.base,
            "redirect_url": self._doors.registered,
            "callback_urls": [self._doors.callback],
            "setup_url": self._doors.installed,
            "setup_on_update": False,
            "public": False,
            "request_oauth_on_install": False,
            "default_permissions": wishes.permissions,
            "default_events": wishes.events if hook else [],
            **attributes,
        }

    async def finish(self, code: str | None, state: str | None) -> str:
        """Exchange GitHub's code for the App's credentials and keep them sealed; give the URL of the installation
        page."""
        payload = await self._states.redeem(RETURN, state)
        if not code:
            raise Invalid(
                Code.GITHUB_STATE, "GitHub sent no code back", hint="start again: nanoscale-box github connect"
            )
        app = await self._known_to_itself(await self._github.convert_manifest(code))
        await self._ledger.write(lambda records: self._keep(records, app))
        self._app.changed()
        self._keyring.forget()
        return await self.installation_page(payload["caller"])

    async def installation_page(self, caller: str) -> str:
        """GitHub's page where the owner chooses account and repositories."""
        return (await self.installation(caller)).url

    async def installation(self, caller: str) -> Redirection:
        """The same page, and until when the way back from it works."""
        app = await self._app.required()
        page = app.html_url or (await self._github.described(app)).html_url
        ticket = await self._states.issue(SETUP, {"caller": caller})
        url = f"{page}/installations/new?{urlencode({'state': ticket.state})}"
        return Redirection(url=url, expires_at=ticket.expires_at)

    async def is_installed(self) -> bool:
        """Whether the App is on any account; GitHub is asked when the box knows of none."""
        if await self._ledger.read(lambda records: records.github.installations()):
            return True
        return bool(await self._github.installations_of_app(await self._app.required()))

    async def forget(self, app: App) -> None:
        """Undo a registration: the box forgets App, installations and caches. Deleting the App is done on GitHub."""

        def work(records: Records) -> None:
            now = self._clock.now()
            pause_linked(records, records.projects.list(), DISCONNECTED, now)
            for installation in records.github.installations():
                records.github.drop_installation(installation.installation_id)
            self._app.drop(records)
            self._overlap.drop(records, APP)
            records.keeper.drop("registration")
            tell_github(records, "forgotten", now, app_url=self._doors.apps_page(app.slug))

        await self._ledger.write(work)
        self._app.changed()
        self._keyring.forget()

    async def _known_to_itself(self, app: App) -> App:
        """Check that id and key belong together. The code that gave them works once, so only a clear no counts."""
        try:
            return await self._github.described(app)
        except BoxError as error:
            if error.code is Code.GITHUB_REFUSED:
                raise
            return app

    def _keep(self, records: Records, app: App) -> None:
        self._app.keep(records, app)
        records.keeper.drop("registration")
        tell_github(records, "registered", self._clock.now())

    async def _remember(self, organization: str | None, state: str, wishes: Wishes) -> None:
        name = f"nanoscale-box-{self._random(3).hex()}"  # names of Apps are unique on all of GitHub
        text = json.dumps({"organization": organization, "state": state, "name": name, "wishes": asdict(wishes)})
        await self._ledger.write(lambda records: records.keeper.put("registration", text))

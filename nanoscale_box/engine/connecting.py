"""Connects the owner's GitHub account: OAuth with state and PKCE, installations confirmed by GitHub, tokens kept
sealed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from nanoscale_box.core.audit import BOX, Act
from nanoscale_box.core.errors import BoxError, Code, Conflict, Forbidden, Unauthorized
from nanoscale_box.core.github_model import Account, App, Installation, UserTokens
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.text import inert
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.following import DISCONNECTED, GONE, SUSPENDED, has_active_links, pause_linked, resume_linked
from nanoscale_box.engine.hooks import Hooks
from nanoscale_box.engine.jobs import Jobs
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Github, Place
from nanoscale_box.engine.records import Job, Records
from nanoscale_box.engine.registration import SETUP
from nanoscale_box.engine.states import States
from nanoscale_box.engine.telling import tell_github
from nanoscale_box.engine.views import Redirection

CONNECT: Final = "connect"
REVOKE: Final = "revoke_grant"
EARLY: Final = timedelta(minutes=5)
"""How long before its end a user's token is exchanged for a new one."""


class Connecting:
    """The way from a registered App to a connected account, and back."""

    def __init__(
        self,
        *,
        desk: Desk,
        github: Github,
        app: AppKeeper,
        states: States,
        hooks: Hooks,
        jobs: Jobs,
        doors: Doors,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._ids = desk.ids
        self._vault = desk.vault
        self._random = desk.random
        self._reached = desk.reached
        self._github = github
        self._app = app
        self._states = states
        self._hooks = hooks
        self._doors = doors
        jobs.serve(REVOKE, self._revoke)
        self._refreshing = asyncio.Lock()

    async def begin(self, caller: str) -> Redirection:
        """GitHub's page that asks the owner to authorise."""
        app = await self._app.required()
        verifier = _text(self._random(48))
        challenge = _text(hashlib.sha256(verifier.encode()).digest())
        ticket = await self._states.issue(CONNECT, {"caller": caller, "verifier": verifier})
        url = self._github.authorize_url(
            app, redirect_uri=self._doors.callback, state=ticket.state, code_challenge=challenge
        )
        return Redirection(url=url, expires_at=ticket.expires_at)

    async def after_installation(self, installation_id: str | None, setup_action: str | None, state: str | None) -> str:
        """The next page after GitHub's installation page. What the browser says of the installation is not believed:
        authorising asks GitHub which ones there are. A browser without the box's state is sent nowhere, or anybody
        could connect an account of theirs."""
        caller = (await self._states.redeem(SETUP, state))["caller"]
        if setup_action == "request":
            raise Conflict(
                Code.GITHUB_DENIED,
                "an owner of the organisation must approve the App first",
                hint="they get a mail from GitHub; afterwards run: nanoscale-box github connect",
            )
        del installation_id
        return (await self.begin(caller)).url

    async def finish(self, *, code: str | None, state: str | None, error: str | None, issuer: str | None) -> str:
        """Exchange the code, ask GitHub who this is and which installations there are, and store the link; give the
        login."""
        payload = await self._states.redeem(CONNECT, state)
        if issuer is not None and issuer != self._doors.issuer:
            raise Unauthorized(
                Code.GITHUB_STATE,
                "the answer was not GitHub's: it names another issuer",
                hint="start again: nanoscale-box github connect",
            )
        if error or not code:
            raise Unauthorized(
                Code.GITHUB_DENIED if (error or "access_denied").startswith("access_denied") else Code.GITHUB_REFUSED,
                f"GitHub did not authorise the box: {inert(error or 'no code came back', limit=80)}",
                hint="start again: nanoscale-box github connect",
            )
        app = await self._app.required()
        tokens = await self._github.exchange_code(
            app, code=code, redirect_uri=self._doors.callback, code_verifier=payload["verifier"]
        )
        return await self.accept(app, tokens)

    async def accept(self, app: App, tokens: UserTokens) -> str:
        """Store the account behind fresh tokens with the installations it reaches; give its login."""
        user_id, login = await self._github.user(tokens.access_token)
        found = await self._installations(app, tokens.access_token)
        if not found and (there := await self._github.installations_of_app(app)):
            await self._github.revoke_grant(app, tokens.access_token)
            raise _wrong_account(login, there)
        account = Account(github_user_id=user_id, login=login)
        told: dict[str, object] = {} if found else {"install_url": await self._install_url(app)}

        def work(records: Records) -> None:
            now = self._clock.now()
            self._store(records, account, tokens)
            for installation in found:
                records.github.put_installation(installation, now)
            resume_linked(records, records.projects.list(), {DISCONNECTED}, now)
            _pause_unreached(records, found, now)
            self._hooks.restore_all(records)
            records.keeper.drop("reconnect")
            tell_github(records, "connected", now, account_login=login, installations=len(found), **told)

        await self._ledger.write(work)
        self._hooks.changed()
        return login

    async def user_token(self) -> Secret:
        """The owner's access token, refreshed when it ends soon. The old refresh token works once, so the new pair
        is stored
        before it is used; what cannot be refreshed becomes "reconnect", which is said without asking again."""
        # Shielded: a refresh that GitHub carried out must be stored, whoever stopped waiting for it.
        return await asyncio.shield(asyncio.ensure_future(self._locked_token()))

    async def _locked_token(self) -> Secret:
        async with self._refreshing:
            return await self._usable_token()

    async def user_installations(self) -> list[Installation]:
        """The installations the owner can reach; a token that GitHub refuses becomes "reconnect"."""
        token = await self.user_token()
        try:
            return await self._installations(await self._app.required(), token)
        except BoxError as error:
            if error.code is Code.GITHUB_RECONNECT:
                raise await self._needs_reconnect("GitHub does not accept its token any more") from error
            raise

    async def _install_url(self, app: App) -> str:
        page = app.html_url or (await self._github.described(app)).html_url
        return f"{page}/installations/new"

    async def _installations(self, app: App, token: Secret) -> list[Installation]:
        """The installations of this App and no other that a user reaches."""
        found = await self._github.user_installations(token)
        return [one for one in found if one.app_id is None or str(one.app_id) == (app.app_id or str(one.app_id))]

    async def _usable_token(self) -> Secret:
        tokens, account, link, reconnect = await self._ledger.read(
            lambda records: (
                records.github.tokens(),
                records.github.account(),
                records.github.link_id(),
                records.keeper.get("reconnect"),
            )
        )
        if tokens is None or account is None:
            raise not_connected()
        if reconnect is not None:
            raise _reconnect(reconnect)
        access, refresh, expires_at = tokens
        if expires_at is None or expires_at - EARLY > self._clock.now():
            return self._vault.open(access, _token_place(link, "access"))
        if refresh is None:
            raise await self._needs_reconnect("its token ended and cannot be refreshed")
        return await self._refresh(account, self._vault.open(refresh, _token_place(link, "refresh")))

    async def disconnect(self) -> None:
        """Revoke the grant at GitHub, wipe the tokens, have hooks removed, pause mappings. Running apps stay up. What
        GitHub cannot be told just now it is told later."""
        app = await self._app.current()
        try:
            token = await self.user_token() if app else None
        except BoxError:
            token = None  # nothing there that could be revoked
        revoked = app is None or token is None or await self._revoked_at_once(app, token)

        def work(records: Records) -> list[Installation]:
            now = self._clock.now()
            if token is not None and not revoked:
                self._order_revocation(records, token)
            if has_active_links(records):
                self._hooks.leave_all(records)
            records.github.drop_account()
            records.keeper.drop("reconnect")
            pause_linked(records, records.projects.list(), DISCONNECTED, now)
            tell_github(records, "disconnected", now)
            return list(records.github.installations())

        left = await self._ledger.write(work)
        self._hooks.changed()
        for installation in left:
            if app:
                self._github.forget(app, installation.installation_id)

    async def _revoked_at_once(self, app: App, token: Secret) -> bool:
        try:
            await self._github.revoke_grant(app, token)
        except BoxError as error:
            return not error.may_retry  # an App that is gone from GitHub has no grants left
        return True

    def _order_revocation(self, records: Records, token: Secret) -> None:
        job_id = self._ids.new("job")
        sealed = self._vault.seal(token, _revocation_place(job_id))
        payload = json.dumps({"sealed": sealed, "id": job_id})
        records.keeper.add_job(Job(id=job_id, kind=REVOKE, payload=payload, due_at=self._clock.now()))

    async def _revoke(self, payload: str) -> None:
        order = json.loads(payload)
        app = await self._app.current()
        if app is not None:
            await self._github.revoke_grant(app, self._vault.open(order["sealed"], _revocation_place(order["id"])))

    async def _refresh(self, account: Account, refresh: Secret) -> Secret:
        try:
            fresh = await self._github.refresh(await self._app.required(), refresh)
        except BoxError as error:
            if error.code is Code.GITHUB_RECONNECT:
                raise await self._needs_reconnect("GitHub does not accept the refresh token any more") from error
            raise
        self._reached("refresh done")

        def work(records: Records) -> None:
            self._store(records, account, fresh)
            records.audit.add(Act(who=BOX, action="github.token_refreshed", detail=account.login), self._clock.now())

        await self._ledger.write(work)
        return fresh.access_token

    async def _needs_reconnect(self, why: str) -> Conflict:
        def work(records: Records) -> None:
            records.keeper.put("reconnect", why)
            tell_github(records, "reconnect", self._clock.now())

        await self._ledger.write(work)
        return _reconnect(why)

    def _store(self, records: Records, account: Account, tokens: UserTokens) -> None:
        link = records.github.link_id()
        access = self._vault.seal(tokens.access_token, _token_place(link, "access"))
        refresh = (
            self._vault.seal(tokens.refresh_token, _token_place(link, "refresh")) if tokens.refresh_token else None
        )
        records.github.put_account(account, access, refresh, tokens.expires_at, self._clock.now())


def not_connected() -> Conflict:
    """The answer to what needs the owner's account while there is none."""
    return Conflict(
        Code.GITHUB_NOT_CONNECTED, "no GitHub account is connected", hint="run: nanoscale-box github connect"
    )


def _reconnect(why: str) -> Conflict:
    return Conflict(
        Code.GITHUB_RECONNECT,
        f"the GitHub account must be connected again: {why}",
        hint="run: nanoscale-box github connect",
    )


def _pause_unreached(records: Records, found: Sequence[Installation], now: datetime) -> None:
    """Of the projects that go on with a connection, pause those whose installation it does not reach."""
    working = {one.installation_id: not one.suspended for one in found}
    for project in records.projects.list():
        if project.link and not working.get(project.link.installation_id):
            reason = SUSPENDED if project.link.installation_id in working else GONE
            pause_linked(records, [project], reason, now)


def _wrong_account(login: str, there: Sequence[Installation]) -> Forbidden:
    accounts = ", ".join(sorted(one.account_login for one in there))
    return Forbidden(
        Code.FORBIDDEN,
        f"{login} reaches none of the accounts the App is installed on ({accounts})",
        hint=f"sign in to GitHub as the owner of {accounts}, then run: nanoscale-box github connect",
    )


def _revocation_place(job_id: str) -> Place:
    return Place(table="jobs", row=job_id, column="payload")


def _token_place(link_id: str, which: str) -> Place:
    return Place(table="github_user_links", row=link_id, column=f"{which}_token_encrypted")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

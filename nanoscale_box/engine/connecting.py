"""Connects the owner's GitHub account: OAuth with state and PKCE, installations confirmed by GitHub, tokens kept
sealed."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from nanoscale_box.core.errors import BoxError, Code, Conflict, Unauthorized
from nanoscale_box.core.github_model import Account, Installation, UserTokens
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.text import inert
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.following import DISCONNECTED, GONE, SUSPENDED, pause_linked, resume_linked
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Github, Place
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.registration import SETUP
from nanoscale_box.engine.states import States
from nanoscale_box.engine.telling import tell_github
from nanoscale_box.engine.views import Redirection

CONNECT: Final = "connect"
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
        doors: Doors,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._vault = desk.vault
        self._random = desk.random
        self._github = github
        self._app = app
        self._states = states
        self._doors = doors
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

    async def finish(self, *, code: str | None, state: str | None, error: str | None) -> str:
        """Exchange the code, ask GitHub who this is and which installations there are, and store the link; give the
        login."""
        payload = await self._states.redeem(CONNECT, state)
        if error or not code:
            raise Unauthorized(
                Code.GITHUB_DENIED,
                f"GitHub did not authorise the box: {inert(error or 'no code came back', limit=80)}",
                hint="start again: nanoscale-box github connect",
            )
        app = await self._app.required()
        tokens = await self._github.exchange_code(
            app, code=code, redirect_uri=self._doors.callback, code_verifier=payload["verifier"]
        )
        user_id, login = await self._github.user(tokens.access_token)
        found = await self._github.user_installations(tokens.access_token)
        account = Account(github_user_id=user_id, login=login)

        def work(records: Records) -> None:
            now = self._clock.now()
            self._store(records, account, tokens)
            for installation in found:
                records.github.put_installation(installation, now)
            resume_linked(records, records.projects.list(), {DISCONNECTED}, now)
            _pause_unreached(records, found, now)
            records.keeper.drop("reconnect")
            tell_github(records, "connected", now, account_login=login)

        await self._ledger.write(work)
        return login

    async def user_token(self) -> Secret:
        """The owner's access token, refreshed when it ends soon. The old refresh token works once, so the new pair
        is stored
        before it is used; what cannot be refreshed becomes "reconnect", which is said without asking again."""
        async with self._refreshing:
            return await self._usable_token()

    async def user_installations(self) -> list[Installation]:
        """The installations the owner can reach; a token that GitHub refuses becomes "reconnect"."""
        token = await self.user_token()
        try:
            return await self._github.user_installations(token)
        except BoxError as error:
            if error.code is Code.GITHUB_RECONNECT:
                raise await self._needs_reconnect("GitHub does not accept its token any more") from error
            raise

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
        """Revoke the grant at GitHub, wipe the tokens, pause mappings. Running apps stay up."""
        app = await self._app.current()
        try:
            token = await self.user_token() if app else None
        except BoxError:
            token = None  # nothing there that could be revoked
        if app and token:
            await self._github.revoke_grant(app, token)

        def work(records: Records) -> None:
            now = self._clock.now()
            records.github.drop_account()
            records.keeper.drop("reconnect")
            pause_linked(records, records.projects.list(), DISCONNECTED, now)
            tell_github(records, "disconnected", now)

        await self._ledger.write(work)

    async def _refresh(self, account: Account, refresh: Secret) -> Secret:
        try:
            fresh = await self._github.refresh(await self._app.required(), refresh)
        except BoxError as error:
            if error.code is Code.GITHUB_RECONNECT:
                raise await self._needs_reconnect("GitHub does not accept the refresh token any more") from error
            raise
        await self._ledger.write(lambda records: self._store(records, account, fresh))
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


def _token_place(link_id: str, which: str) -> Place:
    return Place(table="github_user_links", row=link_id, column=f"{which}_token_encrypted")


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()

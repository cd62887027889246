"""The box's credentials at GitHub, in memory only: signatures of the App, an API token for each installation."""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from nanoscale_box.adapters import github_shapes as shapes
from nanoscale_box.adapters.github_calls import Caller, Calls, nothing
from nanoscale_box.adapters.github_refusals import Kind
from nanoscale_box.core.errors import BoxError, Code, NotFound, Unavailable
from nanoscale_box.core.github_model import App
from nanoscale_box.core.model import InstallationId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Clock

# `iat` 60 s in the past against a clock that is ahead, `exp` at most ten minutes in GitHub's future:
# https://docs.github.com/en/apps/creating-github-apps/authenticating-with-a-github-app/generating-a-json-web-token-jwt-for-a-github-app
_BACKDATED: Final = timedelta(seconds=60)
_VALID: Final = timedelta(minutes=9)
_MARGIN: Final = timedelta(minutes=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signed:
    text: str = field(repr=False)
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _ApiToken:
    authorization: str = field(repr=False)
    until: datetime
    """On this machine's clock, whatever GitHub's says."""


class Signer:
    """Signs for the App. Reading PEM text costs 40 ms and signing 0.3 ms, so the key is kept as an object."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._keys: dict[bytes, RSAPrivateKey] = {}
        self._signed: dict[tuple[str, bytes], _Signed] = {}

    def bearer(self, app: App) -> str:
        """The `Authorization` header of the App itself."""
        now = self._clock.now()
        name = (_issuer(app), _fingerprint(app.private_key))
        signed = self._signed.get(name)
        if signed is None or not signed.since <= now < signed.until:
            signed = self._signed[name] = self._sign(app, now)
        return f"Bearer {signed.text}"

    def forget(self, app: App) -> None:
        """Sign anew next time."""
        self._signed.pop((_issuer(app), _fingerprint(app.private_key)), None)

    def _sign(self, app: App, now: datetime) -> _Signed:
        issued = now - _BACKDATED
        claims: dict[str, Any] = {
            "iat": int(issued.timestamp()),
            "exp": int((now + _VALID).timestamp()),
            "iss": _issuer(app),
        }
        text = jwt.encode(claims, self._key(app), algorithm="RS256")
        return _Signed(text=text, since=issued, until=now + _VALID - _MARGIN)

    def _key(self, app: App) -> RSAPrivateKey:
        name = _fingerprint(app.private_key)
        if name not in self._keys:
            self._keys[name] = load_private_key(app.private_key)
        return self._keys[name]


def load_private_key(pem: Secret) -> RSAPrivateKey:
    """The App's key from PEM text (PKCS#1 or PKCS#8); a sentence if it is none."""
    try:
        key = load_pem_private_key(pem.reveal().encode("utf-8", "replace"), password=None)
    except (ValueError, TypeError):  # the reason may quote the text, so it is not kept
        key = None
    if not isinstance(key, RSAPrivateKey):
        raise Unavailable(
            Code.GITHUB_NOT_CONFIGURED,
            "The App's private key is no RSA key in PEM form.",
            hint="Download a private key from the App's settings on GitHub and give the box that file whole.",
        )
    return key


class Tokens:
    """Callers for every kind of credential, and the installation tokens behind them."""

    def __init__(self, calls: Calls, clock: Clock) -> None:
        self._calls = calls
        self._clock = clock
        self._signer = Signer(clock)
        self._tokens: dict[tuple[str, InstallationId], _ApiToken] = {}
        self._locks: dict[tuple[str, InstallationId], asyncio.Lock] = {}

    def app(self, app: App) -> Caller:
        """The App itself."""

        async def authorize() -> str:
            return self._signer.bearer(app)

        def renew() -> bool:
            self._signer.forget(app)
            return False

        return Caller(kind=Kind.APP, name=f"app:{_issuer(app)}", authorize=authorize, renew=renew)

    def installation(self, app: App, installation_id: InstallationId) -> Caller:
        """The App in one installation, with the hour's API token; it is replaced once when GitHub refuses it early."""
        name = (_issuer(app), installation_id)

        used = ""

        async def authorize() -> str:
            nonlocal used
            used = await self._api_token(app, installation_id)
            return used

        def renew() -> bool:
            kept = self._tokens.get(name)
            if kept is not None and kept.authorization == used:  # else another call has renewed it meanwhile
                self._drop(name)
            return True

        return Caller(kind=Kind.INSTALLATION, name=f"installation:{installation_id}", authorize=authorize, renew=renew)

    def forget(self, app: App, installation_id: InstallationId) -> None:
        """Drop the installation's API token, as when it was suspended, removed or disconnected."""
        self._drop((_issuer(app), installation_id))

    async def checkout(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> Secret:
        """A fresh token that can read this one repository and nothing else."""
        body = {"repository_ids": [repo_id], "permissions": {"contents": "read"}}
        found = await self._mint(app, installation_id, body)
        if found is None:
            raise Unavailable(
                Code.REPOSITORY_UNKNOWN,
                f"The repository {repo_id} is not within the App's installation, or the App may not read its contents.",
                hint="Give the App access to the repository in the installation's settings on GitHub.",
            )
        return Secret(found.token)

    async def covers(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> bool:
        """Whether the repository is within the installation: GitHub narrows a token to none that is not."""
        body = {"repository_ids": [repo_id], "permissions": {"metadata": "read"}}
        found = await self._mint(app, installation_id, body)
        if found is not None:
            with suppress(BoxError):  # it dies by itself within the hour
                await self.revoke(Secret(found.token))
        return found is not None

    async def revoke(self, token: Secret) -> None:
        """Revoke an installation token; one that is dead already is fine."""
        dead = frozenset({401, 404})
        await self._calls.write(
            installation_token(token), "DELETE", "/installation/token", read=nothing, take=dead, again=True, paced=False
        )

    async def _api_token(self, app: App, installation_id: InstallationId) -> str:
        name = (_issuer(app), installation_id)
        async with self._locks.setdefault(name, asyncio.Lock()):
            kept = self._tokens.get(name)
            if kept is not None and self._clock.now() < kept.until:
                return kept.authorization
            self._drop(name)
            # Not narrowed: it stays in this memory, as does the key that could mint any.
            found = await self._mint(app, installation_id, {})
            if found is None:
                raise _gone()
            # GitHub's `expires_at` is on GitHub's clock; the skew brings it to ours.
            until = found.expires_at + (self._calls.limits.skew or timedelta()) - _MARGIN
            self._tokens[name] = _ApiToken(authorization=f"Bearer {found.token}", until=until)
            return self._tokens[name].authorization

    async def _mint(
        self, app: App, installation_id: InstallationId, body: dict[str, Any]
    ) -> shapes.InstallationToken | None:
        try:
            reply = await self._calls.write(
                self.app(app),
                "POST",
                f"/app/installations/{installation_id}/access_tokens",
                body,
                read=shapes.read_token,
                take=frozenset({422}),
                paced=False,
            )
        except NotFound as error:
            raise _gone() from error
        return reply.value

    def _drop(self, name: tuple[str, InstallationId]) -> None:
        kept = self._tokens.pop(name, None)
        if kept is not None:
            self._calls.forget(kept.authorization)


def nobody() -> Caller:
    """Nobody in particular: the manifest's code is all it takes."""

    async def authorize() -> str:
        return ""

    return Caller(kind=Kind.NOBODY, name="nobody", authorize=authorize)


def user(token: Secret) -> Caller:
    """A user, by the token the user's authorisation gave."""
    return _bearer(Kind.USER, "user", token)


def installation_token(token: Secret) -> Caller:
    """Whoever holds an installation token; used to revoke it."""
    return _bearer(Kind.INSTALLATION, "token", token)


def _bearer(kind: Kind, label: str, token: Secret) -> Caller:
    async def authorize() -> str:
        return f"Bearer {token.reveal()}"

    return Caller(kind=kind, name=f"{label}:{_fingerprint(token).hex()[:16]}", authorize=authorize)


def _gone() -> Unavailable:
    return Unavailable(
        Code.INSTALLATION_UNKNOWN,
        "The App's installation is gone from GitHub.",
        hint="Install the App again on the account or organisation; what runs stays up.",
    )


def _issuer(app: App) -> str:
    """The App's id; unlike the client id, every GitHub Enterprise Server takes it too."""
    return app.app_id or app.client_id


def _fingerprint(secret: Secret) -> bytes:
    return hashlib.sha256(secret.reveal().encode("utf-8", "surrogatepass")).digest()

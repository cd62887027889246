"""Who is asking: what an `Authorization` header stands for."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from .answers import ApiError, bad_credentials
from .jwt_check import app_of_jwt
from .model import AccountId, AppId, InstallationId, RepoId
from .state import State


class AuthKind(StrEnum):
    """The ways to be somebody."""

    NONE = "none"
    APP = "app"
    INSTALLATION = "installation"
    USER = "user"
    PERSONAL = "personal"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """An authenticated asker. `limit_key` names whose hourly budget a request counts against."""

    kind: AuthKind
    limit_key: str
    token_digest: str = ""
    app_id: AppId | None = None
    installation_id: InstallationId | None = None
    user_id: AccountId | None = None
    repo_ids: frozenset[RepoId] | None = None
    permissions: Mapping[str, str] = field(default_factory=dict)
    token: str = field(default="", repr=False)

    @property
    def user(self) -> AccountId:
        """The person behind a user's or a personal token."""
        if self.user_id is None:
            raise LookupError(f"Nobody is behind {self.kind} credentials.")
        return self.user_id


def nobody(address: str) -> Principal:
    return Principal(kind=AuthKind.NONE, limit_key=f"address:{address}")


def identify(state: State, header: str | None, address: str, now: datetime) -> Principal:
    """The principal behind an `Authorization` header; 401 for credentials that are no good."""
    if not header:
        return nobody(address)
    scheme, _, rest = header.strip().partition(" ")
    match scheme.lower():
        case "bearer" | "token":
            return by_token(state, rest.strip(), now)
        case "basic":
            return _by_basic(state, rest.strip(), now)
        case _:
            raise bad_credentials()


def by_token(state: State, token: str, now: datetime) -> Principal:
    digest = hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
    if token.startswith("ghs_"):
        return _by_installation_token(state, token, digest, now)
    if token.startswith("ghu_"):
        return _by_user_token(state, token, digest, now)
    if token.startswith("ghp_"):
        return _by_personal_token(state, token, digest)
    if token.count(".") != 2:
        raise bad_credentials()
    app = app_of_jwt(state, token, now)
    return Principal(kind=AuthKind.APP, limit_key=f"app:{app.id}", token_digest=f"app:{app.id}", app_id=app.id)


def _by_installation_token(state: State, token: str, digest: str, now: datetime) -> Principal:
    record = state.installation_tokens.get(token)
    if record is None or record.expires_at <= now:
        raise bad_credentials()
    installation = state.installations.get(record.installation_id)
    if installation is None:
        raise bad_credentials()
    if installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    return Principal(
        kind=AuthKind.INSTALLATION,
        limit_key=f"installation:{installation.id}",
        token_digest=digest,
        app_id=installation.app_id,
        installation_id=installation.id,
        repo_ids=record.repo_ids,
        permissions=record.permissions,
        token=token,
    )


def _by_user_token(state: State, token: str, digest: str, now: datetime) -> Principal:
    record = state.user_tokens.get(token)
    if record is None or record.expires_at <= now:
        raise bad_credentials()
    return Principal(
        kind=AuthKind.USER,
        limit_key=f"user:{record.user_id}",
        token_digest=digest,
        app_id=record.app_id,
        user_id=record.user_id,
        token=token,
    )


def _by_personal_token(state: State, token: str, digest: str) -> Principal:
    for account in state.accounts.values():
        if account.personal_token == token:
            key = f"user:{account.id}"
            return Principal(
                kind=AuthKind.PERSONAL, limit_key=key, token_digest=digest, user_id=account.id, token=token
            )
    raise bad_credentials()


def _by_basic(state: State, encoded: str, now: datetime) -> Principal:
    username, password = basic_pair(encoded)
    for candidate in (password, username):
        if candidate.startswith(("ghs_", "ghu_", "ghp_")):
            return by_token(state, candidate, now)
    app = state.app_by_client(username)
    if app is None or app.client_secret != password:
        raise bad_credentials()
    return Principal(kind=AuthKind.CLIENT, limit_key=f"client:{app.id}", token_digest=f"client:{app.id}", app_id=app.id)


def basic_pair(encoded: str) -> tuple[str, str]:
    try:
        decoded = base64.b64decode(encoded, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise bad_credentials() from error
    username, _, password = decoded.partition(":")
    return username, password

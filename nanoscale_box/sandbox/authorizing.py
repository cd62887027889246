"""User tokens: how they are given, renewed and taken back."""

from __future__ import annotations

from datetime import timedelta

from . import ids
from .hooks.events import authorization_revoked
from .model import Account, AccountId, App, OAuthCode, UserToken
from .world import World

DOCS = "https://docs.github.com/apps/managing-oauth-apps/troubleshooting"
CODE_LIFE = timedelta(minutes=10)
TOKEN_LIFE = timedelta(seconds=28_800)
REFRESH_LIFE = timedelta(seconds=15_897_600)


class TokenError(Exception):
    """A token request that is refused: answered 200 with an `error` field, as GitHub does."""

    def __init__(self, code: str, text: str, **extra: int) -> None:
        super().__init__(text)
        self.fields: dict[str, str | int] = {"error": code, "error_description": text, "error_uri": DOCS, **extra}


def new_code(world: World, app: App, user: Account, redirect_uri: str | None, challenge: str | None) -> str:
    """A single-use code for the web flow; it also records that `user` said yes to `app`."""
    world.state.grants.add((app.id, user.id))
    code = ids.hex_secret(20)
    expires = world.clock.now() + CODE_LIFE
    world.state.oauth_codes[code] = OAuthCode(
        app_id=app.id, user_id=user.id, redirect_uri=redirect_uri, challenge=challenge, expires_at=expires
    )
    return code


def issue(world: World, app: App, user_id: AccountId, *, from_device: bool = False) -> UserToken:
    now = world.clock.now()
    token = UserToken(
        id=world.state.ids.next("authorization"),
        token=ids.short_token("ghu"),
        refresh_token="ghr_" + ids.letters(76),
        app_id=app.id,
        user_id=user_id,
        created_at=now,
        expires_at=now + TOKEN_LIFE,
        refresh_expires_at=now + REFRESH_LIFE,
        from_device=from_device,
    )
    world.state.grants.add((app.id, user_id))
    world.state.user_tokens[token.token] = token
    return token


def refresh(world: World, app: App, refresh_token: str) -> UserToken | None:
    """A new pair for an old refresh token, once; the old pair ends. None for a refresh token that is no good."""
    for old in list(world.state.user_tokens.values()):
        if old.refresh_token == refresh_token and old.app_id == app.id:
            if old.refresh_expires_at <= world.clock.now():
                return None
            revoke_token(world, old)
            return issue(world, app, old.user_id, from_device=old.from_device)
    return None


def revoke_token(world: World, token: UserToken) -> None:
    world.state.user_tokens.pop(token.token, None)


def revoke_grant(world: World, app: App, user: Account) -> None:
    """Take back everything `user` gave `app`, and tell the App."""
    mine = [one for one in world.state.user_tokens.values() if (one.app_id, one.user_id) == (app.id, user.id)]
    for token in mine:
        revoke_token(world, token)
    world.state.grants.discard((app.id, user.id))
    authorization_revoked(world, app, user)

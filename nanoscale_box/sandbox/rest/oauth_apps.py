"""`/applications/{client_id}`: what an App may do to the tokens people gave it, with its client secret."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..answers import ApiError, invalid, json_answer, json_body, no_content, not_found
from ..authorizing import revoke_grant, revoke_token
from ..clock import iso
from ..model import App, UserToken
from ..principals import AuthKind
from ..shapes.accounts import simple_user
from ..world import World, world_of
from .common import API, asker


def routes() -> list[web.RouteDef]:
    base = API + "/applications/{client_id}"
    return [
        web.delete(base + "/grant", delete_grant),
        web.delete(base + "/token", delete_token),
        web.post(base + "/token", check_token),
    ]


async def _call(request: web.Request) -> tuple[App, UserToken]:
    """The App of the Basic credentials and the token of the body."""
    world, principal = world_of(request), asker(request)
    if principal.kind is not AuthKind.CLIENT or principal.app_id is None:
        raise ApiError(401, "Requires authentication" if principal.kind is AuthKind.NONE else "Bad credentials")
    app = world.state.apps[principal.app_id]
    if app.client_id != request.match_info["client_id"]:
        raise not_found()
    token = (await json_body(request)).get("access_token")
    if not isinstance(token, str):
        raise invalid("OauthAccess", "access_token", "missing_field")
    found = world.state.user_tokens.get(token)
    if found is None or found.app_id != app.id or found.expires_at <= world.clock.now():
        raise not_found()
    return app, found


async def delete_grant(request: web.Request) -> web.Response:
    app, token = await _call(request)
    world = world_of(request)
    revoke_grant(world, app, world.state.accounts[token.user_id])
    return no_content()


async def delete_token(request: web.Request) -> web.Response:
    _, token = await _call(request)
    revoke_token(world_of(request), token)
    return no_content()


async def check_token(request: web.Request) -> web.Response:
    app, token = await _call(request)
    return json_answer(_authorization(world_of(request), app, token))


def _authorization(world: World, app: App, token: UserToken) -> dict[str, Any]:
    return {
        "id": token.id,
        "url": f"{world.api_url}/authorizations/{token.id}",
        "app": {"client_id": app.client_id, "name": app.name, "url": app.external_url},
        "token": token.token,
        "hashed_token": None,
        "token_last_eight": token.token[-8:],
        "note": None,
        "note_url": None,
        "created_at": iso(token.created_at),
        "updated_at": iso(token.created_at),
        "expires_at": iso(token.expires_at),
        "scopes": [],
        "fingerprint": None,
        "user": simple_user(world, world.state.accounts[token.user_id]),
    }

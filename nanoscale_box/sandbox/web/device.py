"""The device flow: a code on one machine, a yes on another."""

from __future__ import annotations

from datetime import timedelta
from html import escape
from urllib.parse import urlencode

import msgspec
from aiohttp import web

from .. import ids
from ..authorizing import TokenError, issue
from ..model import App, DeviceGrant, UserToken
from ..world import World, world_of
from .pages import PageError, browser_user, button, first, form, page, posted

LIFE = timedelta(minutes=15)
SLOWER = 5


def routes() -> list[web.RouteDef]:
    return [
        web.post("/login/device/code", begin),
        web.get("/login/device", enter),
        web.post("/login/device", decide),
    ]


async def begin(request: web.Request) -> web.Response:
    world = world_of(request)
    data = dict(request.query)
    if request.content_type == "application/json":
        data |= msgspec.json.decode(await request.read(), type=dict[str, str])
    else:
        data |= {key: value for key, value in (await request.post()).items() if isinstance(value, str)}
    app = world.state.app_by_client(data.get("client_id", ""))
    fields: dict[str, str | int]
    if app is None:
        fields = {"error": "incorrect_client_credentials", "error_description": "The client_id passed is incorrect."}
    elif not app.device_flow:
        fields = {
            "error": "device_flow_disabled",
            "error_description": "Device Flow must be explicitly enabled for this App",
        }
    else:
        fields = _new(world, app)
    if "json" in request.headers.get("Accept", ""):
        return web.Response(body=msgspec.json.encode(fields), content_type="application/json")
    return web.Response(text=urlencode(fields), content_type="application/x-www-form-urlencoded")


def _new(world: World, app: App) -> dict[str, str | int]:
    code, letters = ids.hex_secret(40), ids.letters(8).upper()
    grant = DeviceGrant(user_code=f"{letters[:4]}-{letters[4:]}", app_id=app.id, expires_at=world.clock.now() + LIFE)
    world.state.device_grants[code] = grant
    return {
        "device_code": code,
        "user_code": grant.user_code,
        "verification_uri": f"{world.url}/login/device",
        "expires_in": int(LIFE.total_seconds()),
        "interval": grant.interval,
    }


def poll(world: World, app: App | None, code: str) -> UserToken:
    """The token once the user has said yes; until then the errors of RFC 8628."""
    now, grant = world.clock.now(), world.state.device_grants.get(code)
    if app is None or grant is None or grant.app_id != app.id:
        raise TokenError("incorrect_device_code", "The device_code provided is not valid.")
    if grant.expires_at <= now:
        raise TokenError("expired_token", "This device_code has expired.")
    if grant.last_poll is not None and (now - grant.last_poll).total_seconds() < grant.interval:
        grant.interval += SLOWER
        grant.last_poll = now
        raise TokenError(
            "slow_down", "Too many requests have been made in the same timeframe.", interval=grant.interval
        )
    grant.last_poll = now
    if grant.denied:
        raise TokenError("access_denied", "The authorization request was denied.")
    if grant.user_id is None:
        raise TokenError("authorization_pending", "The authorization request is still pending.")
    del world.state.device_grants[code]
    return issue(world, app, grant.user_id, from_device=True)


def _waiting(world: World, user_code: str) -> tuple[DeviceGrant, App]:
    wanted = user_code.strip().upper()
    for grant in world.state.device_grants.values():
        if grant.user_code == wanted and grant.expires_at > world.clock.now():
            return grant, world.state.apps[grant.app_id]
    raise PageError(
        404, "Wrong code", "No device waits with this code. Check the letters, or ask the device for a new code."
    )


async def enter(request: web.Request) -> web.Response:
    world, user, code = world_of(request), browser_user(request), request.query.get("user_code", "")
    inner = (
        f'<p><input type="text" name="user_code" value="{escape(code)}" placeholder="XXXX-XXXX"></p>'
        f"{button('Authorize device')}"
    )
    body = form(world, "/login/device", {"decision": "authorize"}, inner, name="authorize")
    return page("Device activation", body, user=user)


async def decide(request: web.Request) -> web.Response:
    world, user, fields = world_of(request), browser_user(request), await posted(request)
    grant, app = _waiting(world, first(fields, "user_code"))
    if first(fields, "decision") == "authorize":
        grant.user_id = user.id
        return page("Congratulations", f"<p>{escape(app.name)} on your device is connected.</p>", user=user)
    grant.denied = True
    return page("Device refused", f"<p>{escape(app.name)} was not connected.</p>", user=user)

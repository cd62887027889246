"""The web flow of user authorisation, and the address where codes become tokens."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode, urlsplit

import msgspec
from aiohttp import web

from ..authorizing import DOCS, TokenError, issue, new_code, refresh
from ..model import App, UserToken
from ..world import World, world_of
from .device import poll
from .pages import PageError, browser_user, button, first, form, go_to, page, posted

LOOPBACK = ("127.0.0.1", "::1", "localhost")
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"
FLOW = ("client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method")


def routes() -> list[web.RouteDef]:
    return [
        web.get("/login/oauth/authorize", ask),
        web.post("/login/oauth/authorize", decide),
        web.post("/login/oauth/access_token", give),
    ]


def registered(app: App, wanted: str) -> bool:
    """Whether `wanted` is one of the App's callback URLs, exactly; on a loopback address the port may differ.

    https://docs.github.com/en/apps/creating-github-apps/registering-a-github-app/about-the-user-authorization-callback-url
    """
    if wanted in app.callback_urls:
        return True
    asked = urlsplit(wanted)
    if asked.hostname not in LOOPBACK:
        return False
    return any(_but_port(one) == _but_port(wanted) for one in app.callback_urls)


def _but_port(url: str) -> tuple[str, str | None, str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.hostname, parts.path, parts.query


def _flow(world: World, given: Mapping[str, str]) -> tuple[App, str]:
    """The App and where its answer goes; what is wrong with the request itself is a page, never a redirect."""
    app = world.state.app_by_client(given.get("client_id", ""))
    if app is None:
        raise PageError(404, "Page not found", "No App has this client_id.")
    if not app.callback_urls:
        raise PageError(422, "No callback URL", f"{app.name} has no callback URL, so there is no way back to it.")
    return app, given.get("redirect_uri") or app.callback_urls[0]


def _refused(target: str, state: str, code: str, text: str) -> web.Response:
    return go_to(target, error=code, error_description=text, error_uri=DOCS, state=state or None)


def _wrong(app: App, target: str, given: Mapping[str, str]) -> web.Response | None:
    state = given.get("state", "")
    if not registered(app, target):
        text = "The redirect_uri MUST match the registered callback URL for this application."
        return _refused(app.callback_urls[0], state, "redirect_uri_mismatch", text)
    if given.get("code_challenge") and given.get("code_challenge_method") != "S256":
        return _refused(target, state, "invalid_request", "code_challenge_method must be S256.")
    return None


async def ask(request: web.Request) -> web.Response:
    world, user = world_of(request), browser_user(request)
    given = {name: request.query.get(name, "") for name in FLOW}
    app, target = _flow(world, given)
    wrong = _wrong(app, target, given)
    if wrong is not None:
        return wrong
    if (app.id, user.id) in world.state.grants and request.query.get("prompt") != "select_account":
        return _granted(world, request, app, target, given)
    owner = world.state.accounts[app.owner_id].login
    body = (
        f'<div class="card"><p><b>{escape(app.name)}</b> by {escape(owner)} would like to know who you are '
        "and which of its installations you can use.</p>"
        f'<p class="soft">Then you go to <code>{escape(urlsplit(target).netloc)}</code>.</p></div>'
    )
    yes = {**given, "decision": "authorize"}
    no = {**given, "decision": "cancel"}
    here = "/login/oauth/authorize"
    body += form(world, here, yes, button(f"Authorize {app.name}"), name="authorize", css="side")
    body += form(world, here, no, button("Cancel", go=False), name="cancel", css="side")
    return page(f"Authorize {app.name}", body, user=user)


async def decide(request: web.Request) -> web.Response:
    world, fields = world_of(request), await posted(request)
    given = {name: first(fields, name) for name in FLOW}
    app, target = _flow(world, given)
    wrong = _wrong(app, target, given)
    if wrong is not None:
        return wrong
    if first(fields, "decision") != "authorize":
        text = "The user has denied your application access."
        return _refused(target, given["state"], "access_denied", text)
    return _granted(world, request, app, target, given)


def _granted(world: World, request: web.Request, app: App, target: str, given: Mapping[str, str]) -> web.Response:
    user = browser_user(request)
    code = new_code(world, app, user, given["redirect_uri"] or None, given["code_challenge"] or None)
    return go_to(target, code=code, state=given["state"] or None)


async def give(request: web.Request) -> web.Response:
    """Codes, refresh tokens and device codes become user tokens here."""
    world = world_of(request)
    try:
        given = await _given(request)
        token = _token(world, given)
        fields: dict[str, str | int] = {
            "access_token": token.token,
            "expires_in": int((token.expires_at - token.created_at).total_seconds()),
            "refresh_token": token.refresh_token,
            "refresh_token_expires_in": int((token.refresh_expires_at - token.created_at).total_seconds()),
            "token_type": "bearer",
            "scope": "",
        }
    except TokenError as error:
        fields = dict(error.fields)
    if "json" in request.headers.get("Accept", ""):
        return web.Response(body=msgspec.json.encode(fields), content_type="application/json", charset="utf-8")
    return web.Response(text=urlencode(fields), content_type="application/x-www-form-urlencoded")


async def _given(request: web.Request) -> dict[str, str]:
    if request.content_type == "application/json":
        try:
            data = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            data = {}
        return {str(k): str(v) for k, v in data.items()} if isinstance(data, dict) else {}
    form_fields = {k: v for k, v in (await request.post()).items() if isinstance(v, str)}
    return {**dict(request.query), **form_fields}


def _token(world: World, given: Mapping[str, str]) -> UserToken:
    app = world.state.app_by_client(given.get("client_id", ""))
    match given.get("grant_type", "authorization_code"):
        case "refresh_token":
            return _refreshed(world, app, given)
        case kind if kind == DEVICE_GRANT:
            return poll(world, app, given.get("device_code", ""))
        case "authorization_code":
            return _exchanged(world, _authenticated(app, given), given)
        case other:
            raise TokenError("unsupported_grant_type", f"The grant_type {other} is not supported.")


def _authenticated(app: App | None, given: Mapping[str, str]) -> App:
    if app is None or given.get("client_secret") != app.client_secret:
        raise TokenError("incorrect_client_credentials", "The client_id and/or client_secret passed are incorrect.")
    return app


def _refreshed(world: World, app: App | None, given: Mapping[str, str]) -> UserToken:
    wanted = given.get("refresh_token", "")
    from_device = any(one.refresh_token == wanted and one.from_device for one in world.state.user_tokens.values())
    known = app if from_device and app is not None and not given.get("client_secret") else _authenticated(app, given)
    token = refresh(world, known, wanted)
    if token is None:
        raise TokenError("bad_refresh_token", "The refresh token passed is incorrect or expired.")
    return token


def _exchanged(world: World, app: App, given: Mapping[str, str]) -> UserToken:
    """A code works once, whatever comes of it."""
    found = world.state.oauth_codes.get(given.get("code", ""))
    if found is None or found.app_id != app.id or found.expires_at <= world.clock.now():
        raise TokenError("bad_verification_code", "The code passed is incorrect or expired.")
    del world.state.oauth_codes[given["code"]]
    redirect = given.get("redirect_uri")
    if redirect and redirect != (found.redirect_uri or redirect):
        text = "The redirect_uri MUST match the registered callback URL for this application."
        raise TokenError("redirect_uri_mismatch", text)
    if found.challenge is not None and challenge_of(given.get("code_verifier", "")) != found.challenge:
        raise TokenError("bad_verification_code", "The code_verifier does not match the code_challenge.")
    return issue(world, app, found.user_id)


def challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode("utf-8", "replace")).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")

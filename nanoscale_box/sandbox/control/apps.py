"""Apps and installations without a browser.

`POST /_sandbox/apps`
    `{manifest: {...}, owner?}` -> 201 the App with its secrets, as a manifest's conversion
`POST /_sandbox/apps/{app}`
    `{permissions?, events?, hook_active?, hook_url?, device_flow?, callback_urls?, delete?}`
`POST /_sandbox/installations`
    `{app, account?, repos?: "all" | [names]}` -> 201 the installation
`POST /_sandbox/installations/{id}`
    `{action: suspend | unsuspend | delete | accept_permissions | select, repos?, permissions?}`
`POST /_sandbox/authorizations`
    `{app, user?}` -> 201 `{access_token, refresh_token, ...}`: a person says yes
`DELETE /_sandbox/authorizations`
    `{app, user?}`: a person takes the yes back, with its event
`POST /_sandbox/tokens`
    `{kind: installation | user | refresh}`: end all tokens of a kind before their time
"""

from __future__ import annotations

import msgspec
from aiohttp import web

from ..answers import ApiError, json_answer, no_content
from ..authorizing import issue, revoke_grant
from ..clock import iso
from ..installing import accept_permissions, install, select_repos, suspend, uninstall, unsuspend
from ..model import App, Repo
from ..permissions import with_metadata
from ..registering import name_problem, read_manifest, register
from ..shapes import apps as shapes
from ..web.account import delete_app
from ..world import World, world_of
from .answers import PREFIX, account_named, app_named, convert, installation_of_path, order_of, repo_named

APP_FIELDS = ("permissions", "events", "hook_active", "hook_url", "device_flow", "callback_urls", "delete")


def routes() -> list[web.RouteDef]:
    return [
        web.post(PREFIX + "/apps", create_app),
        web.post(PREFIX + "/apps/{app}", change_app),
        web.post(PREFIX + "/installations", create_installation),
        web.post(PREFIX + r"/installations/{installation_id:\d+}", change_installation),
        web.post(PREFIX + "/authorizations", authorize),
        web.delete(PREFIX + "/authorizations", deauthorize),
        web.post(PREFIX + "/tokens", end_tokens),
    ]


async def create_app(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "manifest", "owner")
    owner = account_named(world, data.get("owner", "ada"))
    manifest = read_manifest(msgspec.json.encode(data.get("manifest")).decode())
    problems = [*manifest.problems, *filter(None, [name_problem(world, manifest.name)])]
    if problems:
        raise ApiError(422, " ".join(problems))
    return json_answer(shapes.conversion(world, await register(world, manifest, owner)), 201)


async def change_app(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, *APP_FIELDS)
    app = app_named(world, request.match_info["app"])
    if data.get("delete"):
        delete_app(world, app)
        return no_content()
    for field, value in data.items():
        _change(app, field, value)
    app.updated_at = world.clock.now()
    return json_answer(shapes.app(world, app))


def _change(app: App, field: str, value: object) -> None:
    match field:
        case "permissions":
            app.permissions = with_metadata(convert(value, dict[str, str]))
        case "events":
            app.events = convert(value, list[str])
        case "hook_active":
            app.hook_active = bool(value)
        case "hook_url":
            app.hook.url = str(value) if value else None
        case "device_flow":
            app.device_flow = bool(value)
        case "callback_urls":
            app.callback_urls = convert(value, list[str])
        case _:
            raise ApiError(422, f"An App has no {field} to change.")


def _repos(world: World, data: object) -> list[Repo] | None:
    if data in (None, "all"):
        return None
    return [repo_named(world, name) for name in convert(data, list[str | int])]


async def create_installation(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "app", "account", "repos")
    app, account = app_named(world, data.get("app")), account_named(world, data.get("account", "ada"))
    if world.state.installation_on(app.id, account.id) is not None:
        raise ApiError(422, f"{app.name} is already installed on {account.login}.")
    made = install(world, app, account, account, _repos(world, data.get("repos")))
    return json_answer(shapes.installation(world, made), 201)


async def change_installation(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "action", "repos", "permissions")
    one = installation_of_path(request)
    by = world.state.accounts[one.account_id]
    match data.get("action"):
        case "suspend":
            suspend(world, one, by)
        case "unsuspend":
            unsuspend(world, one, by)
        case "delete":
            uninstall(world, one, by)
        case "accept_permissions":
            accept_permissions(world, one, data.get("permissions"), by)
        case "select":
            select_repos(world, one, _repos(world, data.get("repos")), by)
        case other:
            known = "suspend, unsuspend, delete, select, accept_permissions"
            raise ApiError(422, f"{other!r} is no action; an installation takes {known}.")
    return json_answer(shapes.installation(world, one))


async def authorize(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "app", "user")
    user = account_named(world, data.get("user", "ada"))
    token = issue(world, app_named(world, data.get("app")), user.id)
    body = {
        "access_token": token.token,
        "refresh_token": token.refresh_token,
        "expires_at": iso(token.expires_at),
        "refresh_expires_at": iso(token.refresh_expires_at),
        "user_id": user.id,
    }
    return json_answer(body, 201)


async def deauthorize(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "app", "user")
    revoke_grant(world, app_named(world, data.get("app")), account_named(world, data.get("user", "ada")))
    return no_content()


async def end_tokens(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "kind")
    now, state = world.clock.now(), world.state
    match data.get("kind"):
        case "installation":
            for token in state.installation_tokens.values():
                token.expires_at = now
        case "user":
            for user_token in state.user_tokens.values():
                user_token.expires_at = now
        case "refresh":
            for user_token in state.user_tokens.values():
                user_token.refresh_expires_at = now
        case other:
            raise ApiError(422, f"{other!r} is no kind of token; take installation, user or refresh.")
    return no_content()

"""Signing in as somebody else, the list of one's Apps, and an App's own settings."""

from __future__ import annotations

from html import escape

from aiohttp import web

from ..installing import uninstall
from ..model import AccountType, App
from ..world import World, world_of
from .pages import COOKIE, PageError, browser_user, button, first, form, go_to, page, posted, private_mark


def routes() -> list[web.RouteDef]:
    return [
        web.get("/", home),
        web.get("/login", choose_user),
        web.post("/login", sign_in),
        web.get("/settings/apps", list_apps),
        web.get("/settings/apps/{slug}", app_settings),
        web.post("/settings/apps/{slug}", change_app),
    ]


async def home(request: web.Request) -> web.Response:
    world, user = world_of(request), browser_user(request)
    rows = "".join(
        f"<li>{escape(world.state.full_name(repo))}{private_mark(repo)}</li>"
        for repo in list(world.state.repos.values())[:100]
        if not repo.private or world.state.role(user.id, repo.owner_id)
    )
    links = '<p><a href="/settings/apps">Apps</a> · <a href="/login">Switch account</a></p>'
    return page("Repositories", f"{links}<ul>{rows}</ul>", user=user)


async def choose_user(request: web.Request) -> web.Response:
    world = world_of(request)
    people = [one for one in world.state.accounts.values() if one.type is AccountType.USER]
    forms = [form(world, "/login", {"login": one.login}, button(one.login, go=False), css="side") for one in people]
    return page("Sign in as", "".join(forms), user=browser_user(request))


async def sign_in(request: web.Request) -> web.Response:
    login = first(await posted(request), "login")
    if world_of(request).state.account(login) is None:
        raise PageError(422, "Nobody of that name", "Choose one of the accounts on the page.")
    response = go_to("/")
    response.set_cookie(COOKIE, login, httponly=True, samesite="Lax")
    return response


async def list_apps(request: web.Request) -> web.Response:
    world, user = world_of(request), browser_user(request)
    mine = [one for one in world.state.apps.values() if world.state.role(user.id, one.owner_id) == "admin"]
    rows = "".join(f'<li><a href="/settings/apps/{one.slug}">{escape(one.name)}</a></li>' for one in mine)
    return page("GitHub Apps", f"<ul>{rows or '<li>none yet</li>'}</ul>", user=user)


def _mine(request: web.Request) -> App:
    world, user = world_of(request), browser_user(request)
    found = world.state.app_by_slug(request.match_info["slug"])
    if found is None or world.state.role(user.id, found.owner_id) != "admin":
        raise PageError(404, "Page not found", "There is no such App, or it is not yours.")
    return found


async def app_settings(request: web.Request) -> web.Response:
    world, app = world_of(request), _mine(request)
    here = f"/settings/apps/{app.slug}"
    hook = "on" if app.hook_active else "off"
    body = f"<p>App ID {app.id} · client ID <code>{app.client_id}</code> · webhook {hook}</p>"
    for verb, text in (
        ("device_flow", f"Turn device flow {'off' if app.device_flow else 'on'}"),
        ("webhook", f"Turn the webhook {'off' if app.hook_active else 'on'}"),
        ("delete", "Delete this App"),
    ):
        body += form(world, here, {"verb": verb}, button(text, go=False), name=verb, css="side")
    return page(app.name, body, user=browser_user(request))


async def change_app(request: web.Request) -> web.Response:
    world, app = world_of(request), _mine(request)
    match first(await posted(request), "verb"):
        case "device_flow":
            app.device_flow = not app.device_flow
        case "webhook":
            app.hook_active = not app.hook_active
        case "delete":
            delete_app(world, app)
            return go_to("/settings/apps")
        case _:
            raise PageError(422, "Nothing to do", "Use one of the buttons on the page.")
    return go_to(f"/settings/apps/{app.slug}")


def delete_app(world: World, app: App) -> None:
    """The App, its installations and every token it was given."""
    state = world.state
    for installation in state.installations_of(app.id):
        uninstall(world, installation, state.accounts[app.owner_id])
    for token in [one.token for one in state.user_tokens.values() if one.app_id == app.id]:
        del state.user_tokens[token]
    state.grants = {one for one in state.grants if one[0] != app.id}
    del state.apps[app.id]

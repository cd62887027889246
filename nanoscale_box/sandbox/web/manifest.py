"""The page that registers an App from a manifest, and the API call that fetches its secrets."""

from __future__ import annotations

from html import escape

from aiohttp import web

from ..answers import json_answer, not_found
from ..model import Account, AccountType
from ..registering import Manifest, convert, name_problem, new_manifest_code, read_manifest, register
from ..shapes.apps import conversion
from ..world import world_of
from .pages import PageError, browser_user, button, first, form, go_to, page, posted


def routes() -> list[web.RouteDef]:
    return [
        web.post("/settings/apps/new", review),
        web.post("/organizations/{org}/settings/apps/new", review),
        web.get("/settings/apps/new", explain),
        web.get("/organizations/{org}/settings/apps/new", explain),
        web.post("/settings/apps/manifest", create),
        web.post("/organizations/{org}/settings/apps/manifest", create),
        web.post("/api/v3/app-manifests/{code}/conversions", convert_code),
    ]


def _owner(request: web.Request) -> Account:
    """The account that will own the App: the signed-in user, or an organisation it administers."""
    user, state = browser_user(request), world_of(request).state
    login = request.match_info.get("org")
    if login is None:
        return user
    found = state.account(login)
    if found is None or found.type is not AccountType.ORGANIZATION:
        raise PageError(404, "Page not found", f"There is no organisation {login}.")
    if state.role(user.id, found.id) != "admin":
        raise PageError(
            403, "Not allowed", f"Only owners of {login} can register Apps for it; {user.login} is not one."
        )
    return found


async def explain(request: web.Request) -> web.Response:
    text = "<p>Apps are registered here by sending a form with the field <code>manifest</code> to this address.</p>"
    return page("Register a GitHub App", text, user=browser_user(request))


async def review(request: web.Request) -> web.Response:
    """What the browser sees first: the manifest in words, and one button."""
    data = await request.post()
    manifest = read_manifest(str(data.get("manifest", "")))
    return _review_page(request, manifest, str(data.get("manifest", "")), request.query.get("state", ""), manifest.name)


def _review_page(
    request: web.Request, manifest: Manifest, text: str, state: str, name: str, problem: str | None = None
) -> web.Response:
    world, owner, user = world_of(request), _owner(request), browser_user(request)
    problems = [*manifest.problems]
    if not manifest.redirect_url:
        problems.append("redirect_url must be a URL.")
    if problems:
        listed = "".join(f"<li>{escape(one)}</li>" for one in problems)
        body = (
            f'<p class="bad">The configuration does not appear to be a valid GitHub App manifest.</p><ul>{listed}</ul>'
        )
        return page("Invalid GitHub App configuration", body, user=user, status=422)
    prefix = f"/organizations/{owner.login}" if owner.type is AccountType.ORGANIZATION else ""
    wish = "".join(
        f"<li>{escape(n)}: {escape(v)}</li>" for n, v in (manifest.data.get("default_permissions") or {}).items()
    )
    warning = f'<p class="bad">{escape(problem)}</p>' if problem else ""
    inner = (
        "<p><label>GitHub App name<br>"
        f'<input type="text" name="name" value="{escape(name)}" maxlength="34"></label></p>'
        f"{warning}<p>{button(f'Create GitHub App for {owner.login}')}</p>"
    )
    again = form(world, f"{prefix}/settings/apps/manifest", {"manifest": text, "state": state}, inner, name="create")
    body = f'<div class="card"><p>It asks for:</p><ul>{wish or "<li>nothing</li>"}</ul></div>{again}'
    return page("Create GitHub App", body, user=user, status=422 if problem else 200)


async def create(request: web.Request) -> web.Response:
    world, fields = world_of(request), await posted(request)
    owner, text, state = _owner(request), first(fields, "manifest"), first(fields, "state")
    manifest = read_manifest(text)
    name = first(fields, "name", manifest.name)
    problem = name_problem(world, name)
    if problem is not None or manifest.problems or not manifest.redirect_url:
        return _review_page(request, manifest, text, state, name, problem)
    app = await register(world, manifest, owner, name)
    return go_to(manifest.redirect_url, code=new_manifest_code(world, app), state=state or None)


async def convert_code(request: web.Request) -> web.Response:
    world = world_of(request)
    app = convert(world, request.match_info["code"])
    if app is None:
        raise not_found()
    return json_answer(conversion(world, app), 201)

"""The pages that install an App on an account, change what it covers, and take it off again."""

from __future__ import annotations

from html import escape

from aiohttp import web

from ..authorizing import new_code
from ..installing import install, select_repos, suspend, uninstall, unsuspend
from ..model import Account, App, Installation, InstallationId, Repo, RepoId, Selection
from ..world import World, world_of
from .pages import PageError, browser_user, button, choice, first, form, go_to, page, posted, private_mark


def routes() -> list[web.RouteDef]:
    found = []
    for base in ("/apps/{slug}", "/github-apps/{slug}"):
        found.append(web.get(base, app_page))
        found.append(web.get(base + "/installations/new", choose))
        found.append(web.post(base + "/installations", create))
    one = r"/settings/installations/{installation_id:\d+}"
    return [
        *found,
        web.get(one, configure),
        web.post(one, change),
        web.post(one + "/{verb:suspend|unsuspend|uninstall}", act),
    ]


def _app(request: web.Request) -> App:
    found = world_of(request).state.app_by_slug(request.match_info["slug"])
    if found is None:
        raise PageError(404, "Page not found", "There is no such App. It may have been deleted.")
    if not found.public:
        user, state = browser_user(request), world_of(request).state
        if state.role(user.id, found.owner_id) is None:
            raise PageError(404, "Page not found", "There is no such App, or it is private to another account.")
    return found


def _places(world: World, app: App, user: Account) -> list[Account]:
    """Where the user could put the App; a private App only on the account that owns it."""
    found = world.state.accounts_of(user)
    return found if app.public else [one for one in found if one.id == app.owner_id]


async def app_page(request: web.Request) -> web.Response:
    app = _app(request)
    body = f'<p>{escape(app.description or "")}</p><p><a href="/apps/{app.slug}/installations/new">Install</a></p>'
    return page(app.name, body, user=browser_user(request))


async def choose(request: web.Request) -> web.Response:
    """One page for both of GitHub's questions: which account, which repositories."""
    world, app, user = world_of(request), _app(request), browser_user(request)
    places = _places(world, app, user)
    if not places:
        owner = world.state.accounts[app.owner_id].login
        raise PageError(
            404, "Page not found", f"{app.name} is private to {owner}, and {user.login} cannot install it there."
        )
    taken = {one.account_id: one for one in world.state.installations_of(app.id)}
    free = [one for one in places if one.id not in taken]
    rows = "".join(_place_row(world, user, one, checked=place == 0) for place, one in enumerate(free))
    rows += "".join(
        f'<p>{escape(one.login)}: installed · <a href="/settings/installations/{taken[one.id].id}">Configure</a></p>'
        for one in places
        if one.id in taken
    )
    wish = "".join(f"<li>{escape(name)}: {escape(level)}</li>" for name, level in app.permissions.items())
    inner = f'<div class="card">{rows}</div>'
    if free:
        repos = [repo for repo in world.state.repos.values() if repo.owner_id in {one.id for one in free}]
        inner += (
            f'{_selection(world, repos, Selection.ALL, set())}<p class="soft">With permission to:</p><ul>{wish}</ul>'
        )
        inner += button(f"Install {app.name}")
    hidden = {"state": request.query.get("state", "")}
    return page(
        f"Install {app.name}", form(world, f"/apps/{app.slug}/installations", hidden, inner, name="install"), user=user
    )


def _place_row(world: World, user: Account, place: Account, *, checked: bool) -> str:
    note = "" if world.state.role(user.id, place.id) == "admin" else " (a request to its owners)"
    return choice("radio", "account", place.login, escape(place.login) + note, checked=checked)


def _selection(world: World, repos: list[Repo], selection: Selection, chosen: set[RepoId]) -> str:
    everything = selection is Selection.ALL
    boxes = "".join(_box(world, repo, checked=repo.id in chosen) for repo in repos)
    return (
        choice("radio", "selection", "all", "All repositories", checked=everything)
        + choice("radio", "selection", "selected", "Only select repositories", checked=not everything)
        + f'<div class="scroll">{boxes}</div>'
    )


def _box(world: World, repo: Repo, *, checked: bool) -> str:
    text = escape(world.state.full_name(repo)) + private_mark(repo)
    return choice("checkbox", "repository_ids", str(repo.id), text, checked=checked)


def _chosen(world: World, fields: dict[str, list[str]], account: Account) -> list[Repo] | None:
    if first(fields, "selection", "all") == "all":
        return None
    wanted = set(fields.get("repository_ids", []))
    found = [repo for repo in world.state.repos.values() if repo.owner_id == account.id and str(repo.id) in wanted]
    if not found:
        raise PageError(
            422, "No repository was selected", "Select at least one repository of that account, or all of them."
        )
    return found


async def create(request: web.Request) -> web.Response:
    world, app, user, fields = world_of(request), _app(request), browser_user(request), await posted(request)
    account = world.state.account(first(fields, "account", user.login))
    if account is None or account not in _places(world, app, user):
        raise PageError(404, "Page not found", "That account is not one you can install this App on.")
    if world.state.installation_on(app.id, account.id) is not None:
        raise PageError(422, "Already installed", f"{app.name} is already installed on {account.login}.")
    state = first(fields, "state") or None
    repos = _chosen(world, fields, account)
    if world.state.role(user.id, account.id) != "admin":
        return _back(app, f"/apps/{app.slug}", setup_action="request", state=state)
    installation = install(world, app, account, user, repos)
    if app.request_oauth_on_install and app.callback_urls:
        code = new_code(world, app, user, app.callback_urls[0], None)
        target = app.callback_urls[0]
        return go_to(target, code=code, installation_id=installation.id, setup_action="install", state=state)
    here = f"/settings/installations/{installation.id}"
    return _back(app, here, installation_id=installation.id, setup_action="install", state=state)


def _back(app: App, otherwise: str, **query: str | int | None) -> web.Response:
    return go_to(app.setup_url, **query) if app.setup_url else go_to(otherwise)


def _installation(request: web.Request) -> Installation:
    world, user = world_of(request), browser_user(request)
    found = world.state.installations.get(InstallationId(int(request.match_info["installation_id"])))
    if found is None or world.state.role(user.id, found.account_id) != "admin":
        raise PageError(404, "Page not found", "There is no such installation, or it is not yours.")
    return found


async def configure(request: web.Request) -> web.Response:
    world, one, user = world_of(request), _installation(request), browser_user(request)
    app, account = world.state.apps[one.app_id], world.state.accounts[one.account_id]
    repos = [repo for repo in world.state.repos.values() if repo.owner_id == account.id]
    here = f"/settings/installations/{one.id}"
    body = form(world, here, {}, _selection(world, repos, one.selection, one.repo_ids) + button("Save"), name="save")
    verb = "suspend" if one.suspended_at is None else "unsuspend"
    body += "<hr>" + form(world, f"{here}/{verb}", {}, button(verb.capitalize(), go=False), name=verb, css="side")
    body += form(world, f"{here}/uninstall", {}, button("Uninstall", go=False), name="uninstall", css="side")
    return page(f"{app.name} on {account.login}", body, user=user)


async def change(request: web.Request) -> web.Response:
    world, one, fields = world_of(request), _installation(request), await posted(request)
    app, account = world.state.apps[one.app_id], world.state.accounts[one.account_id]
    select_repos(world, one, _chosen(world, fields, account), browser_user(request))
    here = f"/settings/installations/{one.id}"
    if not app.setup_on_update:
        return go_to(here)
    return _back(app, here, installation_id=one.id, setup_action="update")


async def act(request: web.Request) -> web.Response:
    world, one, user = world_of(request), _installation(request), browser_user(request)
    await posted(request)
    match request.match_info["verb"]:
        case "suspend":
            suspend(world, one, user)
        case "unsuspend":
            unsuspend(world, one, user)
        case _:
            uninstall(world, one, user)
            return go_to("/settings/apps")
    return go_to(f"/settings/installations/{one.id}")

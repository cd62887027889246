"""`/user` and `/users`: people, and which installations they may use."""

from __future__ import annotations

from aiohttp import web

from .. import access
from ..answers import forbidden_to_apps, json_answer, not_found
from ..model import Account, Installation, InstallationId, Repo
from ..principals import AuthKind
from ..shapes import apps as app_shapes
from ..shapes.accounts import private_user, public_user
from ..shapes.repos import repository
from ..world import World, world_of
from .common import API, asker, require_person
from .paging import page


def routes() -> list[web.RouteDef]:
    return [
        web.get(API + "/user", get_user),
        web.get(API + "/user/emails", list_emails),
        web.get(API + "/user/installations", list_installations),
        web.get(API + r"/user/installations/{installation_id:\d+}/repositories", list_repositories),
        web.get(API + "/users/{login}", get_by_login),
    ]


async def get_user(request: web.Request) -> web.Response:
    return json_answer(private_user(world_of(request), require_person(request)))


async def get_by_login(request: web.Request) -> web.Response:
    world = world_of(request)
    account = world.state.account(request.match_info["login"])
    if account is None:
        raise not_found()
    return json_answer(public_user(world, account))


async def list_emails(request: web.Request) -> web.Response:
    person, principal = require_person(request), asker(request)
    if principal.kind is AuthKind.USER and principal.app_id is not None:
        app = world_of(request).state.apps[principal.app_id]
        if "email_addresses" not in app.permissions:
            raise forbidden_to_apps("email_addresses=read")
    return json_answer([{"email": person.email, "primary": True, "verified": True, "visibility": "public"}])


def reachable(world: World, request: web.Request, person: Account) -> list[Installation]:
    """Installations of the asking App on accounts this person belongs to."""
    principal = asker(request)
    if principal.app_id is None:
        raise forbidden_to_apps()
    places = {account.id for account in world.state.accounts_of(person)}
    return [one for one in world.state.installations_of(principal.app_id) if one.account_id in places]


async def list_installations(request: web.Request) -> web.Response:
    world, person = world_of(request), require_person(request)
    found = reachable(world, request, person)
    chosen, headers = page(request, found)
    body = {"total_count": len(found), "installations": [app_shapes.installation(world, one) for one in chosen]}
    return json_answer(body, headers=headers)


async def list_repositories(request: web.Request) -> web.Response:
    world, person = world_of(request), require_person(request)
    wanted = InstallationId(int(request.match_info["installation_id"]))
    found = next((one for one in reachable(world, request, person) if one.id == wanted), None)
    if found is None:
        raise not_found()
    repos = [repo for repo in world.state.covered_repos(found) if _sees(world, person, repo)]
    chosen, headers = page(request, repos)
    shown = [repository(world, repo, access.user_permissions(world.state, person.id, repo)) for repo in chosen]
    body = {"total_count": len(repos), "repository_selection": found.selection, "repositories": shown}
    return json_answer(body, headers=headers)


def _sees(world: World, person: Account, repo: Repo) -> bool:
    return access.user_permissions(world.state, person.id, repo) is not None

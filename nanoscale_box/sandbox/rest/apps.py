"""`/app`: what an App may ask about itself, and how it gets its tokens."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from aiohttp import web

from .. import ids, permissions
from ..answers import ApiError, json_answer, json_body, no_content, not_found
from ..installing import suspend, uninstall, unsuspend
from ..model import App, Installation, InstallationId, InstallationToken, RepoId
from ..shapes import apps as shapes
from ..world import World, world_of
from .common import API, require_app
from .paging import page

TOKEN_LIFE = timedelta(hours=1)
MOST_REPOSITORIES = 500


def routes() -> list[web.RouteDef]:
    one = API + r"/app/installations/{installation_id:\d+}"
    return [
        web.get(API + "/app", get_app),
        web.get(API + "/apps/{slug}", get_app_by_slug),
        web.get(API + "/app/installations", list_installations),
        web.get(one, get_installation),
        web.delete(one, delete_installation),
        web.post(one + "/access_tokens", create_access_token),
        web.put(one + "/suspended", suspend_installation),
        web.delete(one + "/suspended", unsuspend_installation),
        web.get(API + "/users/{login}/installation", get_account_installation),
        web.get(API + "/orgs/{login}/installation", get_account_installation),
        web.get(API + "/repos/{owner}/{repo}/installation", get_repo_installation),
    ]


async def get_app(request: web.Request) -> web.Response:
    return json_answer(shapes.app_for_itself(world_of(request), require_app(request)))


async def get_app_by_slug(request: web.Request) -> web.Response:
    world = world_of(request)
    app = world.state.app_by_slug(request.match_info["slug"])
    if app is None:
        raise not_found()
    return json_answer(shapes.app(world, app))


async def list_installations(request: web.Request) -> web.Response:
    world, app = world_of(request), require_app(request)
    chosen, headers = page(request, world.state.installations_of(app.id))
    return json_answer([shapes.installation(world, one) for one in chosen], headers=headers)


def _mine(request: web.Request, app: App) -> Installation:
    wanted = InstallationId(int(request.match_info["installation_id"]))
    found = world_of(request).state.installations.get(wanted)
    if found is None or found.app_id != app.id:
        raise not_found()
    return found


async def get_installation(request: web.Request) -> web.Response:
    return json_answer(shapes.installation(world_of(request), _mine(request, require_app(request))))


async def delete_installation(request: web.Request) -> web.Response:
    world, app = world_of(request), require_app(request)
    uninstall(world, _mine(request, app), world.state.accounts[app.owner_id])
    return no_content()


async def suspend_installation(request: web.Request) -> web.Response:
    world, app = world_of(request), require_app(request)
    suspend(world, _mine(request, app), world.state.accounts[app.owner_id])
    return no_content()


async def unsuspend_installation(request: web.Request) -> web.Response:
    world, app = world_of(request), require_app(request)
    unsuspend(world, _mine(request, app), world.state.accounts[app.owner_id])
    return no_content()


async def get_account_installation(request: web.Request) -> web.Response:
    world, app = world_of(request), require_app(request)
    account = world.state.account(request.match_info["login"])
    found = world.state.installation_on(app.id, account.id) if account is not None else None
    if found is None:
        raise not_found()
    return json_answer(shapes.installation(world, found))


async def get_repo_installation(request: web.Request) -> web.Response:
    world, app = world_of(request), require_app(request)
    repo = world.state.repo(f"{request.match_info['owner']}/{request.match_info['repo']}")
    found = world.state.installation_on(app.id, repo.owner_id) if repo is not None else None
    if repo is None or found is None or not world.state.covers(found, repo):
        raise not_found()
    return json_answer(shapes.installation(world, found))


async def create_access_token(request: web.Request) -> web.Response:
    world = world_of(request)
    installation = _mine(request, require_app(request))
    if installation.suspended_at is not None:
        raise ApiError(403, "This installation has been suspended")
    order = await json_body(request)
    token = mint(world, installation, _repo_ids(world, installation, order), _narrowed(installation, order))
    return json_answer(shapes.access_token(world, token), 201)


def mint(
    world: World, installation: Installation, repo_ids: frozenset[RepoId] | None, granted: dict[str, str]
) -> InstallationToken:
    now = world.clock.now()
    token = InstallationToken(
        token=ids.installation_token(world.settings.token_format, len(world.state.installation_tokens)),
        installation_id=installation.id,
        repo_ids=repo_ids,
        permissions=permissions.with_metadata(granted),
        created_at=now,
        expires_at=now + TOKEN_LIFE,
    )
    world.state.installation_tokens[token.token] = token
    return token


def _narrowed(installation: Installation, order: dict[str, Any]) -> dict[str, str]:
    """Permissions may only be narrowed."""
    wanted = order.get("permissions")
    if wanted is None:
        return dict(installation.permissions)
    if not isinstance(wanted, dict) or permissions.exceeds(wanted, permissions.with_metadata(installation.permissions)):
        raise ApiError(422, "The permissions requested are not granted to this installation.")
    return {str(name): str(level) for name, level in wanted.items()}


def _repo_ids(world: World, installation: Installation, order: dict[str, Any]) -> frozenset[RepoId] | None:
    by_id, by_name = order.get("repository_ids"), order.get("repositories")
    if by_id is None and by_name is None:
        return None
    covered = world.state.covered_repos(installation)
    wanted = set(by_id or [])
    names = {repo.name.casefold(): repo.id for repo in covered}
    wanted |= {names.get(str(name).casefold(), -1) for name in by_name or []}
    if not wanted:
        return None
    if len(wanted) > MOST_REPOSITORIES:
        raise ApiError(422, f"Cannot request more than {MOST_REPOSITORIES} repositories.")
    found = frozenset(repo.id for repo in covered if repo.id in wanted)
    if len(found) != len(wanted):
        text = "There is at least one repository that does not exist or is not accessible to the parent installation."
        raise ApiError(422, text)
    return found

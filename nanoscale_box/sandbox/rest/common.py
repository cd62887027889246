"""What REST handlers share: who asks, which repository is meant, and where a renamed one went."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web

from .. import access
from ..answers import ApiError, bad_credentials, forbidden_to_apps, not_found
from ..jwt_check import UNDECODABLE
from ..model import Account, App, Repo, RepoId
from ..principals import AuthKind, Principal
from ..world import PRINCIPAL, World, world_of

API = "/api/v3"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
REPO_PREFIXES = (API + "/repos/{owner}/{repo}", API + r"/repositories/{repo_id:\d+}")


def asker(request: web.Request) -> Principal:
    return request[PRINCIPAL]


def for_repo(method: str, tail: str, handler: Handler) -> list[web.RouteDef]:
    """Routes to a repository by name and by id."""
    return [web.route(method, prefix + tail, handler) for prefix in REPO_PREFIXES]


def require_app(request: web.Request) -> App:
    """The App whose JWT came with the request; 401 for every other kind of credential."""
    principal = asker(request)
    if principal.kind is not AuthKind.APP or principal.app_id is None:
        raise ApiError(401, UNDECODABLE)
    return world_of(request).state.apps[principal.app_id]


def require_person(request: web.Request) -> Account:
    """The person a user token stands for."""
    principal = asker(request)
    match principal.kind:
        case AuthKind.USER | AuthKind.PERSONAL:
            return world_of(request).state.accounts[principal.user]
        case AuthKind.NONE:
            raise ApiError(401, "Requires authentication")
        case AuthKind.INSTALLATION:
            raise forbidden_to_apps()
        case _:
            raise bad_credentials()


def find_repo(request: web.Request, permission: str, level: str = "read") -> Repo:
    """The repository of the path, if the asker holds `permission`. A renamed one is answered with its address by id."""
    world, principal = world_of(request), asker(request)
    repo = _named(world, request)
    moved = None
    if repo is None and "owner" in request.match_info:
        repo = moved = world.state.renamed_repo(_full_name(request))
    if repo is None:
        raise ApiError(401, "Requires authentication") if _needs_sign_in(principal) else not_found()
    access.require(world.state, principal, repo, permission, level)
    if repo.disabled:
        raise ApiError(403, "Repository access blocked", extra={"block": {"reason": "unavailable"}})
    if moved is not None:
        raise _moved(world, request, moved)
    return repo


def _needs_sign_in(principal: Principal) -> bool:
    return principal.kind in (AuthKind.APP, AuthKind.CLIENT)


def _full_name(request: web.Request) -> str:
    return f"{request.match_info['owner']}/{request.match_info['repo']}"


def _named(world: World, request: web.Request) -> Repo | None:
    if "repo_id" in request.match_info:
        return world.state.repos.get(RepoId(int(request.match_info["repo_id"])))
    return world.state.repo(_full_name(request))


def _moved(world: World, request: web.Request, repo: Repo) -> ApiError:
    """301 for reading, 307 for the rest, both to the address by id."""
    parts = request.rel_url.raw_path_qs.split("/", 6)
    tail = f"/{parts[6]}" if len(parts) > 6 else ""
    location = f"{world.api_url}/repositories/{repo.id}{tail}"
    reading = request.method in ("GET", "HEAD")
    text = "Moved Permanently" if reading else "Temporary Redirect"
    return ApiError(301 if reading else 307, text, headers={"Location": location}, extra={"url": location})

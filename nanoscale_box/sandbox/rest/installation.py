"""`/installation`: what an installation token may ask about itself."""

from __future__ import annotations

from aiohttp import web

from .. import access
from ..answers import ApiError, forbidden_to_apps, json_answer, no_content
from ..model import InstallationId
from ..principals import AuthKind, Principal
from ..shapes.repos import repository
from ..world import world_of
from .common import API, asker
from .paging import page


def routes() -> list[web.RouteDef]:
    return [
        web.get(API + "/installation/repositories", list_repositories),
        web.delete(API + "/installation/token", revoke_token),
    ]


def _require_installation(request: web.Request) -> Principal:
    principal = asker(request)
    match principal.kind:
        case AuthKind.INSTALLATION:
            return principal
        case AuthKind.NONE:
            raise ApiError(401, "Requires authentication")
        case _:
            raise forbidden_to_apps()


async def list_repositories(request: web.Request) -> web.Response:
    world, principal = world_of(request), _require_installation(request)
    installation = world.state.installations[principal.installation_id or InstallationId(0)]
    covered, only = world.state.covered_repos(installation), principal.repo_ids
    seen = [repo for repo in covered if only is None or repo.id in only]
    chosen, headers = page(request, seen)
    body = {
        "total_count": len(seen),
        "repository_selection": installation.selection,
        "repositories": [repository(world, repo, access.grants(world.state, principal, repo)) for repo in chosen],
    }
    return json_answer(body, headers=headers)


async def revoke_token(request: web.Request) -> web.Response:
    principal = _require_installation(request)
    del world_of(request).state.installation_tokens[principal.token]
    return no_content()

"""What control handlers share: reading orders and finding what they name."""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from ..answers import ApiError, json_body
from ..model import Account, App, Installation, InstallationId, Repo, RepoId
from ..world import World, world_of

PREFIX = "/_sandbox"
Wanted = TypeVar("Wanted")


async def order_of(request: web.Request, *known: str) -> dict[str, Any]:
    """The request's JSON object; a field that no route knows is a mistake worth telling."""
    data = await json_body(request)
    unknown = sorted(data.keys() - set(known))
    if unknown:
        raise ApiError(422, f"Unknown fields {', '.join(unknown)}; this route takes {', '.join(known) or 'none'}.")
    return data


def repo_named(world: World, name: object) -> Repo:
    """A repository by `owner/name`, by a bare name that only one has, or by id."""
    if isinstance(name, int) or (isinstance(name, str) and name.isdigit()):
        found = world.state.repos.get(RepoId(int(name)))
    else:
        text = str(name)
        alike = [one for one in world.state.repos.values() if one.name == text]
        found = alike[0] if len(alike) == 1 else world.state.repo(text) or world.state.renamed_repo(text)
    if found is None:
        raise ApiError(404, f"There is no repository {name!r} in the sandbox.")
    return found


def account_named(world: World, login: object) -> Account:
    found = world.state.account(str(login))
    if found is None:
        raise ApiError(404, f"There is no account {login!r} in the sandbox.")
    return found


def app_named(world: World, name: object) -> App:
    """An App by slug, id or client id."""
    text = str(name)
    for app in world.state.apps.values():
        if text in (app.slug, str(app.id), app.client_id):
            return app
    raise ApiError(404, f"There is no App {name!r} in the sandbox.")


def installation_of_path(request: web.Request) -> Installation:
    found = world_of(request).state.installations.get(InstallationId(int(request.match_info["installation_id"])))
    if found is None:
        raise ApiError(404, "There is no such installation in the sandbox.")
    return found


def convert(data: object, kind: type[Wanted]) -> Wanted:
    """Data as the type a route needs; 422 with msgspec's sentence otherwise."""
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise ApiError(422, str(error)) from error

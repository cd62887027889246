"""The batch API at `/OWNER/NAME.git/info/lfs/objects/batch`, and the files themselves.

https://github.com/git-lfs/git-lfs/blob/main/docs/api/batch.md"""

from __future__ import annotations

from typing import Any

import msgspec
from aiohttp import web

from .. import access
from ..answers import ApiError
from ..model import Repo
from ..principals import AuthKind, identify
from ..world import World, world_of

MEDIA_TYPE = "application/vnd.git-lfs+json"


class _Object(msgspec.Struct):
    oid: str
    size: int


class _Batch(msgspec.Struct):
    operation: str
    objects: list[_Object]


def routes() -> list[web.RouteDef]:
    return [
        web.post("/{owner}/{name}.git/info/lfs/objects/batch", batch),
        web.get("/_lfs/{key}", download),
    ]


async def batch(request: web.Request) -> web.StreamResponse:
    """Where the files that were asked for are; one that is not there has an error in its place."""
    world = world_of(request)
    try:
        repo = _find(world, request)
        asked = msgspec.json.decode(await request.read(), type=_Batch)
    except ApiError as error:
        return _answer({"message": error.message}, error.status)
    except msgspec.DecodeError as error:
        return _answer({"message": str(error)}, 422)
    if asked.operation != "download":
        return _answer({"message": "The sandbox takes files in by other means."}, 501)
    return _answer({"transfer": "basic", "objects": [_told(world, repo, one) for one in asked.objects]}, 200)


async def download(request: web.Request) -> web.StreamResponse:
    """A file, for whoever has its key."""
    world = world_of(request)
    repo_id, oid = world.lfs.keys.get(request.match_info["key"], (None, ""))
    content = world.lfs.find(repo_id, oid) if repo_id is not None else None
    if content is None:
        return web.Response(status=404)
    return web.Response(body=content, content_type="application/octet-stream")


def _told(world: World, repo: Repo, asked: _Object) -> dict[str, Any]:
    content = world.lfs.find(repo.id, asked.oid)
    told: dict[str, Any] = {"oid": asked.oid, "size": asked.size}
    if content is None or len(content) != asked.size:
        return {**told, "error": {"code": 404, "message": "Object does not exist on the server"}}
    href = f"{world.url}/_lfs/{world.lfs.key(repo.id, asked.oid)}"
    return {**told, "actions": {"download": {"href": href, "expires_in": 3600}}}


def _find(world: World, request: web.Request) -> Repo:
    principal = identify(world.state, request.headers.get("Authorization"), request.remote or "", world.clock.now())
    repo = world.state.repo(f"{request.match_info['owner']}/{request.match_info['name']}")
    if repo is not None and access.may(world.state, principal, repo, "contents", "read"):
        return repo
    raise ApiError(401 if principal.kind is AuthKind.NONE else 404, "Repository not found.")


def _answer(told: dict[str, Any], status: int) -> web.Response:
    return web.Response(body=msgspec.json.encode(told), status=status, content_type=MEDIA_TYPE)

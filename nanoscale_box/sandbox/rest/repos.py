"""`/repos`: repositories, their branches and refs."""

from __future__ import annotations

from aiohttp import web

from .. import access
from ..answers import ApiError, json_answer
from ..git import read
from ..git.write import commit_of
from ..shapes import commits as shapes
from ..shapes.repos import full_repository
from ..world import world_of
from .common import asker, find_repo, for_repo
from .paging import page


def routes() -> list[web.RouteDef]:
    return [
        *for_repo("GET", "", get_repo),
        *for_repo("GET", "/branches", list_branches),
        *for_repo("GET", "/branches/{branch:.+}", get_branch),
        *for_repo("GET", "/git/ref/{ref:.+}", get_ref),
        *for_repo("GET", "/git/matching-refs/{ref:.*}", matching_refs),
    ]


async def get_repo(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "metadata")
    return json_answer(full_repository(world, repo, access.grants(world.state, asker(request), repo)))


async def list_branches(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    with world.git.open(repo) as git:
        found = list(read.branches(git).items())
    chosen, headers = page(request, found, repo)
    return json_answer([shapes.branch_short(world, repo, name, sha) for name, sha in chosen], headers=headers)


async def get_branch(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    name = request.match_info["branch"]
    with world.git.open(repo) as git:
        sha = read.branches(git).get(name)
        if sha is None:
            raise ApiError(404, "Branch not found")
        return json_answer(shapes.branch(world, repo, name, commit_of(git, sha)))


async def get_ref(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    ref = f"refs/{request.match_info['ref'].removeprefix('refs/')}"
    with world.git.open(repo) as git:
        sha = read.refs(git).get(ref)
    if sha is None:
        raise ApiError(404, "Not Found")
    return json_answer(shapes.git_ref(world, repo, ref, sha))


async def matching_refs(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    prefix = f"refs/{request.match_info['ref'].removeprefix('refs/')}"
    with world.git.open(repo) as git:
        found = [(ref, sha) for ref, sha in read.refs(git).items() if ref.startswith(prefix)]
    chosen, headers = page(request, found, repo)
    return json_answer([shapes.git_ref(world, repo, ref, sha) for ref, sha in chosen], headers=headers)

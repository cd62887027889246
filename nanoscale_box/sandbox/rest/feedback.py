"""Commit statuses: what an App may say about a commit, and what others said."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..answers import ApiError, invalid, json_answer, json_body
from ..clock import iso
from ..git import read
from ..git.http import login_of
from ..hooks.events import fire
from ..ids import node_id
from ..model import Json, Repo
from ..shapes.accounts import bot_user, simple_user
from ..shapes.repos import minimal_repo, repository
from ..world import World, world_of
from .common import asker, find_repo, for_repo
from .paging import page

STATUS_STATES = ("error", "failure", "pending", "success")


def routes() -> list[web.RouteDef]:
    return [
        *for_repo("POST", "/statuses/{sha}", create_status),
        *for_repo("GET", "/commits/{ref:.+}/status", combined_status),
        *for_repo("GET", "/commits/{ref:.+}/statuses", list_statuses),
    ]


def creator_of(request: web.Request) -> dict[str, Any]:
    world, principal = world_of(request), asker(request)
    if principal.user_id is not None:
        return simple_user(world, world.state.accounts[principal.user_id])
    app = world.state.apps.get(principal.app_id) if principal.app_id is not None else None
    if app is None:
        raise ApiError(401, f"Requires authentication, {login_of(world, principal)} may not write")
    return bot_user(world, app)


def sha_of(world: World, repo: Repo, name: str) -> str:
    with world.git.open(repo) as git:
        found = read.resolve(git, name)
    if found is None:
        raise ApiError(422, f"No commit found for SHA: {name}")
    return found


async def create_status(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "statuses", "write")
    order, sha = await json_body(request), sha_of(world_of(request), repo, request.match_info["sha"])
    status = add_status(world, repo, sha, order, creator_of(request))
    return json_answer(status, 201)


def add_status(world: World, repo: Repo, sha: str, order: Json, creator: Json) -> Json:
    state = order.get("state")
    if state not in STATUS_STATES:
        raise invalid("Status", "state", "custom", f"State is not included in the list: {', '.join(STATUS_STATES)}")
    now, number = iso(world.clock.now()), world.state.ids.next("status")
    status: Json = {
        "url": f"{world.api_url}/repos/{world.state.full_name(repo)}/statuses/{sha}",
        "avatar_url": creator["avatar_url"],
        "id": number,
        "node_id": node_id("SC", number),
        "state": state,
        "description": order.get("description"),
        "target_url": order.get("target_url"),
        "context": order.get("context", "default"),
        "created_at": now,
        "updated_at": now,
        "creator": creator,
    }
    world.state.statuses.setdefault((repo.id, sha), []).insert(0, status)
    fire(
        world,
        repo,
        "status",
        {**status, "sha": sha, "name": world.state.full_name(repo), "repository": repository(world, repo)},
    )
    return status


async def list_statuses(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "statuses")
    sha = sha_of(world, repo, request.match_info["ref"])
    chosen, headers = page(request, world.state.statuses.get((repo.id, sha), []), repo)
    return json_answer(chosen, headers=headers)


async def combined_status(request: web.Request) -> web.Response:
    """The newest status of each context, and one word for all of them."""
    world, repo = world_of(request), find_repo(request, "statuses")
    sha = sha_of(world, repo, request.match_info["ref"])
    newest: dict[str, Json] = {}
    for one in world.state.statuses.get((repo.id, sha), []):
        newest.setdefault(one["context"], one)
    states = {one["state"] for one in newest.values()}
    word = "failure" if states & {"error", "failure"} else "pending" if "pending" in states or not states else "success"
    url = f"{world.api_url}/repos/{world.state.full_name(repo)}/commits/{sha}"
    shown = [{key: value for key, value in one.items() if key != "creator"} for one in newest.values()]
    chosen, headers = page(request, shown, repo)
    body = {
        "state": word,
        "statuses": chosen,
        "sha": sha,
        "total_count": len(newest),
        "repository": minimal_repo(world, repo),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return json_answer(body, headers=headers)

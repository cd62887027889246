"""Commit statuses and check runs: what an App may say about a commit, and what others said."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..answers import ApiError, invalid, json_answer, json_body
from ..clock import iso
from ..git import read
from ..git.http import login_of
from ..hooks.events import fire
from ..ids import node_id
from ..model import App, Json, Repo
from ..shapes.accounts import bot_user, simple_user
from ..shapes.apps import app as app_shape
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
        *for_repo("GET", "/commits/{ref:.+}/check-runs", list_check_runs),
        *for_repo("POST", "/check-runs", create_check_run),
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
    body = {
        "state": word,
        "statuses": [{key: value for key, value in one.items() if key != "creator"} for one in newest.values()],
        "sha": sha,
        "total_count": len(newest),
        "repository": minimal_repo(world, repo),
        "commit_url": url,
        "url": f"{url}/status",
    }
    return json_answer(body)


async def list_check_runs(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "checks")
    found = world.state.check_runs.get((repo.id, sha_of(world, repo, request.match_info["ref"])), [])
    chosen, headers = page(request, found, repo)
    return json_answer({"total_count": len(found), "check_runs": chosen}, headers=headers)


async def create_check_run(request: web.Request) -> web.Response:
    world, repo, order = world_of(request), find_repo(request, "checks", "write"), await json_body(request)
    principal = asker(request)
    app = world.state.apps.get(principal.app_id) if principal.app_id is not None else None
    if not order.get("name") or not order.get("head_sha"):
        raise invalid("CheckRun", "name" if not order.get("name") else "head_sha", "missing_field")
    return json_answer(add_check_run(world, repo, order, app), 201)


def add_check_run(world: World, repo: Repo, order: Json, app: App | None) -> Json:
    sha, now = sha_of(world, repo, str(order["head_sha"])), iso(world.clock.now())
    number = world.state.ids.next("check")
    done = order.get("conclusion") is not None
    url = f"{world.api_url}/repos/{world.state.full_name(repo)}/check-runs/{number}"
    run: Json = {
        "id": number,
        "head_sha": sha,
        "node_id": node_id("CR", number),
        "external_id": order.get("external_id", ""),
        "url": url,
        "html_url": f"{world.url}/{world.state.full_name(repo)}/runs/{number}",
        "details_url": order.get("details_url"),
        "status": "completed" if done else order.get("status", "queued"),
        "conclusion": order.get("conclusion"),
        "started_at": now,
        "completed_at": now if done else None,
        "output": {
            "title": None,
            "summary": None,
            "text": None,
            "annotations_count": 0,
            "annotations_url": f"{url}/annotations",
        },
        "name": order["name"],
        "check_suite": {"id": number + 1},
        "app": app_shape(world, app) if app is not None else None,
        "pull_requests": [],
    }
    runs = world.state.check_runs.setdefault((repo.id, sha), [])
    runs[:] = [run, *(one for one in runs if one["name"] != run["name"])]
    action = "completed" if done else "created"
    fire(world, repo, "check_run", {"action": action, "check_run": run, "repository": repository(world, repo)})
    return run

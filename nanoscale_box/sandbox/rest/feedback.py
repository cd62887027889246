"""Commit statuses, check runs and deployments: what an App may say about a commit, and what others said."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..answers import ApiError, invalid, json_answer, json_body, not_found
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
DEPLOYMENT_STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


def routes() -> list[web.RouteDef]:
    one = r"/deployments/{deployment_id:\d+}"
    return [
        *for_repo("POST", "/statuses/{sha}", create_status),
        *for_repo("GET", "/commits/{ref:.+}/status", combined_status),
        *for_repo("GET", "/commits/{ref:.+}/statuses", list_statuses),
        *for_repo("GET", "/commits/{ref:.+}/check-runs", list_check_runs),
        *for_repo("POST", "/check-runs", create_check_run),
        *for_repo("GET", "/deployments", list_deployments),
        *for_repo("POST", "/deployments", create_deployment),
        *for_repo("GET", one, get_deployment),
        *for_repo("GET", one + "/statuses", list_deployment_statuses),
        *for_repo("POST", one + "/statuses", create_deployment_status),
    ]


def _creator(request: web.Request) -> dict[str, Any]:
    world, principal = world_of(request), asker(request)
    if principal.user_id is not None:
        return simple_user(world, world.state.accounts[principal.user_id])
    app = world.state.apps.get(principal.app_id) if principal.app_id is not None else None
    if app is None:
        raise ApiError(401, f"Requires authentication, {login_of(world, principal)} may not write")
    return bot_user(world, app)


def _sha(world: World, repo: Repo, name: str) -> str:
    with world.git.open(repo) as git:
        found = read.resolve(git, name)
    if found is None:
        raise ApiError(422, f"No commit found for SHA: {name}")
    return found


async def create_status(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "statuses", "write")
    order, sha = await json_body(request), _sha(world_of(request), repo, request.match_info["sha"])
    status = add_status(world, repo, sha, order, _creator(request))
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
    sha = _sha(world, repo, request.match_info["ref"])
    chosen, headers = page(request, world.state.statuses.get((repo.id, sha), []), repo)
    return json_answer(chosen, headers=headers)


async def combined_status(request: web.Request) -> web.Response:
    """The newest status of each context, and one word for all of them."""
    world, repo = world_of(request), find_repo(request, "statuses")
    sha = _sha(world, repo, request.match_info["ref"])
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
    found = world.state.check_runs.get((repo.id, _sha(world, repo, request.match_info["ref"])), [])
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
    sha, number, now = _sha(world, repo, str(order["head_sha"])), world.state.ids.next("check"), iso(world.clock.now())
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


async def list_deployments(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "deployments")
    chosen, headers = page(request, [_shown(one) for one in world.state.deployments.get(repo.id, [])], repo)
    return json_answer(chosen, headers=headers)


def _shown(deployment: Json) -> Json:
    return {key: value for key, value in deployment.items() if key != "_statuses"}


async def create_deployment(request: web.Request) -> web.Response:
    """201; or 409 when commit statuses are wanted that are not green."""
    world, repo, order = world_of(request), find_repo(request, "deployments", "write"), await json_body(request)
    if not order.get("ref"):
        raise invalid("Deployment", "ref", "missing_field")
    sha, number, now = _sha(world, repo, str(order["ref"])), world.state.ids.next("deployment"), iso(world.clock.now())
    _refuse_unless_green(world, repo, sha, order)
    api = f"{world.api_url}/repos/{world.state.full_name(repo)}"
    deployment: Json = {
        "url": f"{api}/deployments/{number}",
        "id": number,
        "node_id": node_id("DE", number),
        "sha": sha,
        "ref": order["ref"],
        "task": order.get("task", "deploy"),
        "payload": order.get("payload", {}),
        "original_environment": order.get("environment", "production"),
        "environment": order.get("environment", "production"),
        "description": order.get("description"),
        "creator": _creator(request),
        "created_at": now,
        "updated_at": now,
        "statuses_url": f"{api}/deployments/{number}/statuses",
        "repository_url": api,
        "transient_environment": bool(order.get("transient_environment", False)),
        "production_environment": bool(order.get("production_environment", True)),
        "_statuses": [],
    }
    world.state.deployments.setdefault(repo.id, []).insert(0, deployment)
    return json_answer(_shown(deployment), 201)


def _refuse_unless_green(world: World, repo: Repo, sha: str, order: Json) -> None:
    """Without `required_contexts` every status of the commit must be a success."""
    newest: dict[str, str] = {}
    for one in world.state.statuses.get((repo.id, sha), []):
        newest.setdefault(one["context"], one["state"])
    wanted = order.get("required_contexts")
    contexts = newest.keys() if wanted is None else set(wanted)
    if any(newest.get(context) != "success" for context in contexts):
        raise ApiError(409, f"Conflict: Commit status checks failed for {order['ref']}.")


def _deployment(request: web.Request, level: str = "read") -> tuple[Repo, Json]:
    repo, wanted = find_repo(request, "deployments", level), int(request.match_info["deployment_id"])
    for one in world_of(request).state.deployments.get(repo.id, []):
        if one["id"] == wanted:
            return repo, one
    raise not_found()


async def get_deployment(request: web.Request) -> web.Response:
    return json_answer(_shown(_deployment(request)[1]))


async def list_deployment_statuses(request: web.Request) -> web.Response:
    repo, deployment = _deployment(request)
    chosen, headers = page(request, deployment["_statuses"], repo)
    return json_answer(chosen, headers=headers)


async def create_deployment_status(request: web.Request) -> web.Response:
    world, order = world_of(request), await json_body(request)
    _, deployment = _deployment(request, "write")
    if order.get("state") not in DEPLOYMENT_STATES:
        raise invalid("DeploymentStatus", "state", "custom", "State is not included in the list")
    number, now = world.state.ids.next("status"), iso(world.clock.now())
    status: Json = {
        "url": f"{deployment['statuses_url']}/{number}",
        "id": number,
        "node_id": node_id("DES", number),
        "state": order["state"],
        "creator": _creator(request),
        "description": order.get("description", ""),
        "environment": order.get("environment", deployment["environment"]),
        "target_url": order.get("target_url", ""),
        "created_at": now,
        "updated_at": now,
        "deployment_url": deployment["url"],
        "repository_url": deployment["repository_url"],
        "environment_url": order.get("environment_url", ""),
        "log_url": order.get("log_url", ""),
    }
    deployment["_statuses"].insert(0, status)
    deployment["updated_at"] = now
    return json_answer(status, 201)

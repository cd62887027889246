"""Deployments and their statuses: where a commit went, told to GitHub by an App that may."""

from __future__ import annotations

from aiohttp import web

from ..answers import ApiError, invalid, json_answer, json_body, not_found
from ..clock import iso
from ..ids import node_id
from ..model import Json, Repo
from ..world import World, world_of
from .common import find_repo, for_repo
from .feedback import creator_of, sha_of
from .paging import page

STATES = ("error", "failure", "inactive", "in_progress", "queued", "pending", "success")


def routes() -> list[web.RouteDef]:
    one = r"/deployments/{deployment_id:\d+}"
    return [
        *for_repo("GET", "/deployments", list_deployments),
        *for_repo("POST", "/deployments", create_deployment),
        *for_repo("GET", one, get_deployment),
        *for_repo("GET", one + "/statuses", list_deployment_statuses),
        *for_repo("POST", one + "/statuses", create_deployment_status),
    ]


async def list_deployments(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "deployments")
    wanted = {name: request.query[name] for name in ("sha", "ref", "task", "environment") if request.query.get(name)}
    found = [
        _shown(one)
        for one in world.state.deployments.get(repo.id, [])
        if all(one[name] == value for name, value in wanted.items())
    ]
    chosen, headers = page(request, found, repo)
    return json_answer(chosen, headers=headers)


def _shown(deployment: Json) -> Json:
    return {key: value for key, value in deployment.items() if key != "_statuses"}


async def create_deployment(request: web.Request) -> web.Response:
    """201; or 409 when commit statuses are wanted that are not green."""
    world, repo, order = world_of(request), find_repo(request, "deployments", "write"), await json_body(request)
    if not order.get("ref"):
        raise invalid("Deployment", "ref", "missing_field")
    sha, now = sha_of(world, repo, str(order["ref"])), iso(world.clock.now())
    number = world.state.ids.next("deployment")
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
        "creator": creator_of(request),
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
    if order.get("state") not in STATES:
        raise invalid("DeploymentStatus", "state", "custom", "State is not included in the list")
    number, now = world.state.ids.next("status"), iso(world.clock.now())
    status: Json = {
        "url": f"{deployment['statuses_url']}/{number}",
        "id": number,
        "node_id": node_id("DES", number),
        "state": order["state"],
        "creator": creator_of(request),
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

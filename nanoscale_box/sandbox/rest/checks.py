"""Check suites and check runs: what the CI of this App or that says of a commit.

https://docs.github.com/en/rest/checks
"""

from __future__ import annotations

from aiohttp import web

from ..answers import invalid, json_answer, json_body
from ..clock import iso
from ..hooks.events import fire
from ..ids import node_id
from ..model import App, Json, Repo
from ..shapes.accounts import simple_user
from ..shapes.apps import app as app_shape
from ..shapes.repos import minimal_repo, repository
from ..world import World, world_of
from .common import asker, find_repo, for_repo
from .feedback import sha_of
from .paging import page

CI = "github-actions"
"""The App whose suites and runs are made through the control API."""
# The graver one of two conclusions speaks for the suite.
_GRAVEST = ("startup_failure", "failure", "timed_out", "action_required", "cancelled", "stale", "success", "neutral")


def routes() -> list[web.RouteDef]:
    return [
        *for_repo("GET", "/commits/{ref:.+}/check-runs", list_check_runs),
        *for_repo("GET", "/commits/{ref:.+}/check-suites", list_check_suites),
        *for_repo("POST", "/check-runs", create_check_run),
    ]


async def list_check_runs(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "checks")
    found = world.state.check_runs.get((repo.id, sha_of(world, repo, request.match_info["ref"])), [])
    chosen, headers = page(request, found, repo)
    return json_answer({"total_count": len(found), "check_runs": chosen}, headers=headers)


async def list_check_suites(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "checks")
    found = world.state.check_suites.get((repo.id, sha_of(world, repo, request.match_info["ref"])), [])
    chosen, headers = page(request, [_shown(world, repo, one) for one in found], repo)
    return json_answer({"total_count": len(found), "check_suites": chosen}, headers=headers)


async def create_check_run(request: web.Request) -> web.Response:
    world, repo, order = world_of(request), find_repo(request, "checks", "write"), await json_body(request)
    principal = asker(request)
    app = world.state.apps.get(principal.app_id) if principal.app_id is not None else None
    if not order.get("name") or not order.get("head_sha"):
        raise invalid("CheckRun", "name" if not order.get("name") else "head_sha", "missing_field")
    return json_answer(add_check_run(world, repo, order, app), 201)


def add_check_run(world: World, repo: Repo, order: Json, app: App | None) -> Json:
    """A run by this name; a second one of the same name is what GitHub calls the latest."""
    sha, now = sha_of(world, repo, str(order["head_sha"])), iso(world.clock.now())
    number = world.state.ids.next("check")
    done = order.get("conclusion") is not None
    url = f"{world.api_url}/repos/{world.state.full_name(repo)}/check-runs/{number}"
    suite = _suite(world, repo, sha, app)
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
        "check_suite": {"id": suite["id"]},
        "app": suite["app"],
        "pull_requests": [],
    }
    runs = world.state.check_runs.setdefault((repo.id, sha), [])
    runs[:] = [run, *(one for one in runs if one["name"] != run["name"])]
    action = "completed" if done else "created"
    fire(world, repo, "check_run", {"action": action, "check_run": run, **_told(world, repo)})
    _follow_runs(world, repo, suite, [one for one in runs if one["check_suite"]["id"] == suite["id"]])
    return run


def add_check_suite(world: World, repo: Repo, sha: str, status: str, conclusion: str | None) -> Json:
    """Somebody's CI says itself how its suite stands; one that is `in_progress` has jobs to come, whatever its runs
    say, as a workflow whose jobs wait for each other."""
    suite = _suite(world, repo, sha_of(world, repo, sha), None)
    suite["held_open"] = status != "completed"
    _change(world, repo, suite, status, conclusion)
    return _shown(world, repo, suite)


def _suite(world: World, repo: Repo, sha: str, app: App | None) -> Json:
    """The App's suite for the commit, made when it is asked for first."""
    slug = app.slug if app is not None else CI
    suites = world.state.check_suites.setdefault((repo.id, sha), [])
    for one in suites:
        if one["app"]["slug"] == slug:
            return one
    number, now = world.state.ids.next("check"), iso(world.clock.now())
    api = f"{world.api_url}/repos/{world.state.full_name(repo)}/check-suites/{number}"
    made: Json = {
        "id": number,
        "node_id": node_id("CS", number),
        "head_branch": repo.default_branch,
        "head_sha": sha,
        "status": "queued",
        "conclusion": None,
        "url": api,
        "before": None,
        "after": sha,
        "pull_requests": [],
        "app": app_shape(world, app) if app is not None else {"slug": CI, "name": "GitHub Actions"},
        "created_at": now,
        "updated_at": now,
        "latest_check_runs_count": 0,
        "check_runs_url": f"{api}/check-runs",
        "held_open": False,
    }
    suites.append(made)
    return made


def _follow_runs(world: World, repo: Repo, suite: Json, runs: list[Json]) -> None:
    suite["latest_check_runs_count"] = len(runs)
    if suite["held_open"]:
        return
    if all(one["status"] == "completed" for one in runs):
        said = {one["conclusion"] for one in runs}
        _change(world, repo, suite, "completed", next((word for word in _GRAVEST if word in said), "success"))
    else:
        begun = any(one["status"] != "queued" for one in runs)
        _change(world, repo, suite, "in_progress" if begun else "queued", None)


def _change(world: World, repo: Repo, suite: Json, status: str, conclusion: str | None) -> None:
    suite.update(status=status, conclusion=conclusion, updated_at=iso(world.clock.now()))
    if status == "completed":
        shown = _shown(world, repo, suite)
        fire(world, repo, "check_suite", {"action": "completed", "check_suite": shown, **_told(world, repo)})


def _shown(world: World, repo: Repo, suite: Json) -> Json:
    plain = {key: value for key, value in suite.items() if key != "held_open"}
    return {**plain, "repository": minimal_repo(world, repo)}


def _told(world: World, repo: Repo) -> Json:
    return {"repository": repository(world, repo), "sender": simple_user(world, world.state.owner(repo))}

"""Looking into the sandbox.

`GET /_sandbox/state`                  everything it knows, secrets of the sandbox's own making included
`GET /_sandbox/requests?since=N`       every request it received, oldest first, from the N-th on; `total` is the next N
`GET /_sandbox/deliveries?settled=1`   every delivery, oldest first; with `settled` only once none is under way
`DELETE /_sandbox/requests`            start the log of requests anew
"""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..answers import json_answer, no_content
from ..clock import iso
from ..git import read
from ..model import Account, App, Installation, Repo
from ..shapes import apps as app_shapes
from ..shapes.hooks import delivery_for_control, repo_hook
from ..world import World, world_of
from .answers import PREFIX


def routes() -> list[web.RouteDef]:
    return [
        web.get(PREFIX + "/state", get_state),
        web.get(PREFIX + "/requests", get_requests),
        web.delete(PREFIX + "/requests", clear_requests),
        web.get(PREFIX + "/deliveries", get_deliveries),
    ]


async def get_state(request: web.Request) -> web.Response:
    world, state = world_of(request), world_of(request).state
    body = {
        "url": world.url,
        "api_url": world.api_url,
        "now": iso(world.clock.now()),
        "git_backend": world.git_door.backend.name,
        "browser_user": state.browser_login,
        "accounts": [_account(one) for one in state.accounts.values()],
        "repos": [_repo(world, one) for one in state.repos.values()],
        "apps": [_app(world, one) for one in state.apps.values()],
        "installations": [_installation(world, one) for one in state.installations.values()],
        "hooks": [
            {**repo_hook(world, one), "repo_id": one.repo_id, "secret": one.config.secret}
            for one in state.hooks.values()
        ],
        "grants": [{"app_id": app, "user_id": user} for app, user in sorted(state.grants)],
        "installation_tokens": [
            {
                "installation_id": one.installation_id,
                "repo_ids": sorted(one.repo_ids or ()) if one.repo_ids is not None else None,
                "permissions": one.permissions,
                "expires_at": iso(one.expires_at),
            }
            for one in state.installation_tokens.values()
        ],
        "user_tokens": [
            {"id": one.id, "user_id": one.user_id, "app_id": one.app_id, "expires_at": iso(one.expires_at)}
            for one in state.user_tokens.values()
        ],
        "faults": [one.facts() for one in world.faults.rules],
        "deployments": {str(number): some for number, some in state.deployments.items()},
    }
    return json_answer(body)


def _account(one: Account) -> dict[str, Any]:
    return {"id": one.id, "login": one.login, "type": one.type, "personal_token": one.personal_token}


def _repo(world: World, one: Repo) -> dict[str, Any]:
    """Heads only of repositories that exist on disk already, so that looking does not make thousands of them."""
    found: dict[str, Any] = {
        "id": one.id,
        "full_name": world.state.full_name(one),
        "private": one.private,
        "archived": one.archived,
        "default_branch": one.default_branch,
        "branches": None,
    }
    if one.id in world.git.made:
        with world.git.open(one) as git:
            found["branches"] = read.branches(git)
    return found


def _app(world: World, one: App) -> dict[str, Any]:
    hook = {"url": one.hook.url, "secret": one.hook.secret, "active": one.hook_active, "id": one.hook_id}
    return {
        **app_shapes.app(world, one),
        "hook": hook,
        "device_flow": one.device_flow,
        "callback_urls": one.callback_urls,
    }


def _installation(world: World, one: Installation) -> dict[str, Any]:
    covered = [repo.id for repo in world.state.covered_repos(one)]
    return {**app_shapes.installation(world, one), "repo_ids": covered}


async def get_requests(request: web.Request) -> web.Response:
    found = list(world_of(request).state.requests)
    since = request.query.get("since", "0")
    start = int(since) if since.isdigit() else 0
    return json_answer({"requests": found[start:], "total": len(found)})


async def clear_requests(request: web.Request) -> web.Response:
    world_of(request).state.requests.clear()
    return no_content()


async def get_deliveries(request: web.Request) -> web.Response:
    world = world_of(request)
    if request.query.get("settled"):
        await world.courier.settled()
    return json_answer({"deliveries": [delivery_for_control(one) for one in world.state.deliveries.values()]})

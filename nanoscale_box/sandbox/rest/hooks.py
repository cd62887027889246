"""A repository's webhooks, and their deliveries."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from ..answers import ApiError, invalid, json_answer, json_body, no_content, not_found
from ..hooks import events
from ..model import HookConfig, HookId, Json, Repo, RepoHook
from ..permissions import EVENT_NEEDS
from ..shapes import hooks as shapes
from ..shapes.accounts import simple_user
from ..shapes.repos import repository
from ..world import World, world_of
from .common import asker, find_repo, for_repo
from .paging import page

MOST_PER_EVENT = 20
CONTENT_TYPES = ("json", "form")
PERMISSION = "repository_hooks"


def routes() -> list[web.RouteDef]:
    one = r"/hooks/{hook_id:\d+}"
    return [
        *for_repo("GET", "/hooks", list_hooks),
        *for_repo("POST", "/hooks", create_hook),
        *for_repo("GET", one, get_hook),
        *for_repo("PATCH", one, update_hook),
        *for_repo("DELETE", one, delete_hook),
        *for_repo("GET", one + "/config", get_config),
        *for_repo("PATCH", one + "/config", update_config),
        *for_repo("POST", one + "/pings", ping_hook),
    ]


async def list_hooks(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, PERMISSION)
    chosen, headers = page(request, world.state.hooks_of(repo.id), repo)
    return json_answer([shapes.repo_hook(world, one) for one in chosen], headers=headers)


def find_hook(request: web.Request, level: str = "read") -> tuple[Repo, RepoHook]:
    repo = find_repo(request, PERMISSION, level)
    hook = world_of(request).state.hooks.get(HookId(int(request.match_info["hook_id"])))
    if hook is None or hook.repo_id != repo.id:
        raise not_found()
    return repo, hook


async def get_hook(request: web.Request) -> web.Response:
    return json_answer(shapes.repo_hook(world_of(request), find_hook(request)[1]))


async def create_hook(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, PERMISSION, "write")
    order = await json_body(request)
    if order.get("name", "web") != "web":
        raise invalid("Hook", "name", "custom", "name must be web")
    config = read_config(order.get("config"))
    wanted = read_events(order.get("events", ["push"]))
    _refuse_crowding(world, repo, config, wanted)
    now = world.clock.now()
    hook = RepoHook(
        id=HookId(world.state.ids.next("hook")),
        repo_id=repo.id,
        config=config,
        events=wanted,
        active=bool(order.get("active", True)),
        created_at=now,
        updated_at=now,
    )
    world.state.hooks[hook.id] = hook
    _ping(world, request, repo, hook)
    return json_answer(shapes.repo_hook(world, hook), 201)


def read_config(data: object) -> HookConfig:
    """A hook's configuration as a caller gives it; what is left out falls back to GitHub's defaults."""
    if not isinstance(data, dict) or not data.get("url"):
        raise invalid("Hook", "config", "missing_field", "Config must contain URL for webhooks")
    url, kind = str(data["url"]), str(data.get("content_type", "form"))
    if not url.startswith(("http://", "https://")):
        raise invalid("Hook", "url", "custom", "url is not a valid URL")
    if kind not in CONTENT_TYPES:
        raise invalid("Hook", "content_type", "custom", f"content_type must be one of {', '.join(CONTENT_TYPES)}")
    secret = data.get("secret")
    return HookConfig(
        url=url,
        secret=str(secret) if secret else None,
        content_type=kind,
        insecure_ssl=str(data.get("insecure_ssl", "0")),
    )


def read_events(data: object) -> list[str]:
    if not isinstance(data, list) or not all(isinstance(one, str) for one in data):
        raise invalid("Hook", "events", "invalid")
    unknown = [one for one in data if one not in EVENT_NEEDS and one != "*"]
    if unknown:
        raise invalid("Hook", "events", "custom", f"The {unknown[0]!r} event is not one that hooks can have")
    return data


def _refuse_crowding(
    world: World, repo: Repo, config: HookConfig, wanted: list[str], but: RepoHook | None = None
) -> None:
    """Hooks with one configuration must not share an event, and an event has at most twenty hooks."""
    others = [one for one in world.state.hooks_of(repo.id) if one is not but]
    for one in others:
        same = (one.config.url, one.config.content_type) == (config.url, config.content_type)
        if same and set(one.events) & set(wanted):
            raise ApiError(422, "Validation Failed", errors=[_custom("Hook already exists on this repository")])
    for event in wanted:
        if sum(event in one.events for one in others) >= MOST_PER_EVENT:
            text = f'The "{event}" event cannot have more than {MOST_PER_EVENT} hooks'
            raise ApiError(422, "Validation Failed", errors=[_custom(text)])


def _custom(text: str) -> dict[str, str]:
    return {"resource": "Hook", "code": "custom", "message": text}


async def update_hook(request: web.Request) -> web.Response:
    """Replaces `config` as a whole: one without a secret takes the secret away."""
    world = world_of(request)
    repo, hook = find_hook(request, "write")
    order = await json_body(request)
    config = read_config(order["config"]) if "config" in order else hook.config
    wanted = read_events(order["events"]) if "events" in order else list(hook.events)
    wanted += [one for one in read_events(order.get("add_events", [])) if one not in wanted]
    wanted = [one for one in wanted if one not in read_events(order.get("remove_events", []))]
    _refuse_crowding(world, repo, config, wanted, but=hook)
    hook.config, hook.events = config, wanted
    hook.active = bool(order.get("active", hook.active))
    hook.updated_at = world.clock.now()
    return json_answer(shapes.repo_hook(world, hook))


async def delete_hook(request: web.Request) -> web.Response:
    world = world_of(request)
    repo, hook = find_hook(request, "write")
    del world.state.hooks[hook.id]
    if "meta" in hook.events and hook.active:
        payload: Json = {"action": "deleted", "hook_id": hook.id, "hook": shapes.repo_hook(world, hook)}
        payload["repository"] = repository(world, repo)
        world.courier.send(hook.config, events.hook_target(hook), "meta", payload, repo_id=repo.id)
    return no_content()


async def get_config(request: web.Request) -> web.Response:
    return json_answer(shapes.hook_config(find_hook(request)[1].config))


async def update_config(request: web.Request) -> web.Response:
    """Changes only what is named, so the secret stays where it is not named."""
    hook = find_hook(request, "write")[1]
    merge_config(hook.config, await json_body(request))
    hook.updated_at = world_of(request).clock.now()
    return json_answer(shapes.hook_config(hook.config))


def merge_config(config: HookConfig, order: dict[str, Any]) -> None:
    merged = {"url": config.url, "content_type": config.content_type, "insecure_ssl": config.insecure_ssl}
    checked = read_config({**merged, "secret": config.secret, **order})
    config.url, config.secret = checked.url, checked.secret
    config.content_type, config.insecure_ssl = checked.content_type, checked.insecure_ssl


async def ping_hook(request: web.Request) -> web.Response:
    repo, hook = find_hook(request)
    _ping(world_of(request), request, repo, hook)
    return no_content()


def _ping(world: World, request: web.Request, repo: Repo, hook: RepoHook) -> None:
    if not hook.active:
        return
    sender = world.state.accounts.get(asker(request).user_id or repo.owner_id, world.state.owner(repo))
    payload: Json = {"zen": events.ZEN, "hook_id": hook.id, "hook": shapes.repo_hook(world, hook)}
    payload |= {"repository": repository(world, repo), "sender": simple_user(world, sender)}
    world.courier.send(hook.config, events.hook_target(hook), "ping", payload, repo_id=repo.id)

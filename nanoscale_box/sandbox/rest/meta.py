"""`/rate_limit`, `/meta` and the root."""

from __future__ import annotations

from aiohttp import web

from ..answers import json_answer
from ..world import world_of
from .common import API, asker


def routes() -> list[web.RouteDef]:
    return [
        web.get(API, get_root),
        web.get(API + "/", get_root),
        web.get(API + "/rate_limit", get_rate_limit),
        web.get(API + "/meta", get_meta),
        web.get(API + "/zen", get_zen),
    ]


async def get_root(request: web.Request) -> web.Response:
    api = world_of(request).api_url
    return json_answer({"current_user_url": f"{api}/user", "rate_limit_url": f"{api}/rate_limit"})


async def get_rate_limit(request: web.Request) -> web.Response:
    """Asking costs nothing."""
    world = world_of(request)
    core = world.limiter.budget(asker(request), world.clock.now()).facts()
    search = {**core, "limit": 30, "used": 0, "remaining": 30, "resource": "search"}
    return json_answer({"resources": {"core": core, "search": search}, "rate": core})


async def get_meta(request: web.Request) -> web.Response:
    return json_answer(
        {
            "verifiable_password_authentication": False,
            "installed_version": "3.17.0",
            "hooks": ["127.0.0.0/8", "::1/128"],
            "web": ["127.0.0.0/8"],
            "api": ["127.0.0.0/8"],
            "git": ["127.0.0.0/8"],
            "ssh_keys": [],
            "ssh_key_fingerprints": {},
        }
    )


async def get_zen(request: web.Request) -> web.Response:
    return web.Response(text="Practicality beats purity.")

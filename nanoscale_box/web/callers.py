"""Who asks, and what their request is about: noted on the request by the door, for handlers and the audit."""

from __future__ import annotations

from typing import Final

from aiohttp import web

from nanoscale_box.wire.operation import Operation
from nanoscale_box.wire.operations import BY_ADDRESS

CALLER: Final = web.RequestKey("caller", str)
"""Who asks, as the engine knows them: `uid:1000`, `token:tok_...`."""
VIA: Final = web.RequestKey("via", str)
"""By which door: `socket` or `token`."""
TARGET: Final = web.RequestKey("target", str)
"""The id of what a request made, where its address does not name it."""

DETAIL: Final = web.RequestKey("detail", str)
"""What more the audit shall say: names of what was changed, never their values."""


def operation_of(request: web.Request) -> Operation | None:
    """What is asked for; None at an address where there is nothing."""
    resource = request.match_info.route.resource
    return BY_ADDRESS.get((request.method, resource.canonical)) if resource else None

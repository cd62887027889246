"""Stops what is done only for a caller when the caller goes away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from aiohttp import web

T = TypeVar("T")

_LOOK_SECONDS: Final = 0.25


async def while_asked(request: web.Request, work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives. Once the caller has hung up it is cancelled, and has undone what it began, before
    `ConnectionResetError` is raised.

    For work that changes nothing: what is asked of the box is otherwise done to its end, whoever waits for it."""
    doing = asyncio.ensure_future(work)
    try:
        while not doing.done():
            if request.transport is None or request.transport.is_closing():
                raise ConnectionResetError("the caller has hung up")
            await asyncio.wait({doing}, timeout=_LOOK_SECONDS)
        return doing.result()
    finally:
        doing.cancel()
        await asyncio.wait({doing})

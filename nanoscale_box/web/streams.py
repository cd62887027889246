"""Server-sent events: prepared, kept alive, and ended when the box stops or the reader leaves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from aiohttp import web
from aiohttp_sse import EventSourceResponse

from nanoscale_box.web.asking import MAX_ID, Query, whole_number

# A reader that takes nothing for so long is let go; what it missed it asks for again by id.
_SEND_SECONDS: Final = 60.0

Write = Callable[[EventSourceResponse], Awaitable[None]]


class Streams:
    """All streams of one door."""

    def __init__(self, ping_seconds: float) -> None:
        self._ping_seconds = ping_seconds
        self._stopping = asyncio.Event()

    async def stop(self, app: web.Application) -> None:
        """End every stream, so that the door can close."""
        self._stopping.set()

    async def run(self, request: web.Request, write: Write) -> web.StreamResponse:
        """Answer with a stream that `write` fills; readers that left end it quietly."""
        stream = EventSourceResponse(
            sep="\n",
            ping_interval=self._ping_seconds,
            send_timeout=_SEND_SECONDS,
            allow_all_methods=True,  # the routes say which
        )
        await stream.prepare(request)
        try:
            async with stream:
                await write(stream)
        except (ConnectionError, TimeoutError):
            stream.force_close()
        return stream

    async def more(self, stream: EventSourceResponse, wait: Awaitable[Any]) -> bool:
        """Wait for news, for the length of one ping at most; False when the stream is over."""
        news = asyncio.ensure_future(wait)
        stopping = asyncio.ensure_future(self._stopping.wait())
        try:
            await asyncio.wait({news, stopping}, timeout=self._ping_seconds, return_when=asyncio.FIRST_COMPLETED)
            if news.done():
                news.result()
        finally:
            news.cancel()
            stopping.cancel()
        return stream.is_connected() and not self._stopping.is_set()


def resume_point(request: web.Request, query: Query, name: str | None) -> int | None:
    """Where to go on: the `Last-Event-ID` of a reader that was cut off, else the parameter `name`."""
    asked = query.number(name, 0) if name else None
    last = request.headers.get("Last-Event-ID")
    return whole_number(last, "Last-Event-ID", 0, MAX_ID) if last else asked

"""The stream of everything that changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from nanoscale_box.web import services, translate
from nanoscale_box.web.asking import Query
from nanoscale_box.web.streams import Streams, resume_point
from nanoscale_box.wire import routes

_BATCH: Final = 200


@dataclass(frozen=True, slots=True)
class Events:
    """Events by id: all there are with `follow=false`, else from `after` (or now) on."""

    feed: services.Feed
    streams: Streams

    def mount(self, app: web.Application) -> None:
        """Add the route."""
        app.router.add_route("GET", routes.EVENTS, self.stream)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """Send events as they come."""
        query = Query(request, "after", "follow")
        follow = query.flag("follow", True)
        asked = resume_point(request, query, "after")
        newest = await self.feed.last_id()
        begin = (newest if follow else 0) if asked is None else min(asked, newest)

        async def write(stream: EventSourceResponse) -> None:
            # An id alone dispatches nothing, and tells a reader that is cut off before the first event where it stood.
            await stream.write(f": ready\nid: {begin}\n\n".encode())
            await self._send(stream, begin, follow)

        return await self.streams.run(request, write)

    async def _send(self, stream: EventSourceResponse, last_id: int, follow: bool) -> None:
        while True:
            batch = await self.feed.after(last_id, _BATCH)
            for event in batch:
                data = msgspec.json.encode(translate.event(event)).decode()
                await stream.send(data, id=str(event.id), event=event.kind.value)
                last_id = event.id
            if batch:
                continue
            if not follow or not await self.streams.more(stream, self.feed.wait(last_id)):
                return

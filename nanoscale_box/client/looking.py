"""Waits for a look at a source, and passes on what git says meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from nanoscale_box.client.calls import Calls
from nanoscale_box.client.errors import ApiError, Unreachable
from nanoscale_box.client.sse import Parser
from nanoscale_box.wire import requests, routes, shapes
from nanoscale_box.wire.said import Said


async def look(calls: Calls, asked: requests.CreateProject, hear: Callable[[str], None]) -> shapes.PlanPreview:
    """The plan, however long it takes while the box gives signs of life. Raises `ApiError` and `Unreachable`."""
    parser = Parser()
    async with calls.stream(routes.PLAN, {}, "", asked) as chunks:
        async for chunk in chunks:
            for message in parser.feed(chunk):
                match message.event:
                    case "line":
                        hear(msgspec.json.decode(message.data, type=Said).text)
                    case "plan":
                        return msgspec.json.decode(message.data, type=shapes.PlanPreview)
                    case "problem":
                        raise ApiError(msgspec.json.decode(message.data, type=shapes.Problem))
                    case _:
                        pass  # a newer box may say more
    raise Unreachable("the box stopped looking before it had an answer", "wait a moment: it may be restarting")

"""What would be built, on the local door: as an answer, or as a stream that tells meanwhile what git says."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from nanoscale_box.core.errors import BoxError
from nanoscale_box.engine.views import NewProject
from nanoscale_box.web import answering, services, translate
from nanoscale_box.web.asking import Query, body_of, project_id
from nanoscale_box.web.leaving import while_asked
from nanoscale_box.web.problems import problem_of
from nanoscale_box.web.projects import new_project
from nanoscale_box.web.streams import Streams
from nanoscale_box.wire import requests, routes, shapes
from nanoscale_box.wire.said import Said


@dataclass(frozen=True, slots=True)
class Previews:
    """Looks that change nothing, and end when nobody waits for them any more."""

    projects: services.Projects
    streams: Streams

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_route("GET", routes.PROJECT_PLAN, self.plan)
        app.router.add_route("POST", routes.PLAN, self.plan_anew)

    async def plan(self, request: web.Request) -> web.StreamResponse:
        """What would be built and how."""
        Query(request)
        planned, missing = await while_asked(request, self.projects.plan(project_id(request)))
        return answering.answer(translate.plan(planned, missing))

    async def plan_anew(self, request: web.Request) -> web.StreamResponse:
        """What would be built of a project that is not made yet; as a stream for whoever accepts one."""
        Query(request)
        asked = new_project(await body_of(request, requests.CreateProject))
        if "text/event-stream" in request.headers.get("Accept", ""):
            return await self.streams.run(request, lambda stream: self._tell(request, stream, asked))
        planned, missing = await while_asked(request, self.projects.plan_anew(asked))
        return answering.answer(translate.plan(planned, missing))

    async def _tell(self, request: web.Request, stream: EventSourceResponse, asked: NewProject) -> None:
        said: asyncio.Queue[str | None] = asyncio.Queue()
        numbers = itertools.count(1)

        async def look() -> shapes.PlanPreview | shapes.Problem:
            telling = asyncio.ensure_future(_pass_on(stream, said, numbers))
            try:
                found = await self._found(asked, said)
                said.put_nowait(None)
                await telling
                return found
            finally:
                telling.cancel()
                await asyncio.gather(telling, return_exceptions=True)

        found = await while_asked(request, look())
        await _send(stream, next(numbers), "plan" if isinstance(found, shapes.PlanPreview) else "problem", found)

    async def _found(self, asked: NewProject, said: asyncio.Queue[str | None]) -> shapes.PlanPreview | shapes.Problem:
        try:
            return translate.plan(*await self.projects.plan_anew(asked, said.put_nowait))
        except BoxError as refused:
            return problem_of(refused)


async def _pass_on(stream: EventSourceResponse, said: asyncio.Queue[str | None], numbers: Iterator[int]) -> None:
    while (text := await said.get()) is not None:
        await _send(stream, next(numbers), "line", Said(text=text))


async def _send(stream: EventSourceResponse, number: int, event: str, told: shapes.Shape) -> None:
    await stream.send(msgspec.json.encode(told).decode(), id=str(number), event=event)

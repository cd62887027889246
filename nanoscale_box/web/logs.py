"""Logs as streams: what builds and apps printed, resumable by offset."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

import msgspec
from aiohttp import web
from aiohttp_sse import EventSourceResponse

from nanoscale_box.core.lifecycle import FINAL, DeploymentState
from nanoscale_box.core.model import Deployment, DeploymentId, LogKind, Release
from nanoscale_box.engine.queue import release_of
from nanoscale_box.web import services
from nanoscale_box.web.asking import Query, deployment_id, project_id
from nanoscale_box.web.streams import Streams, resume_point
from nanoscale_box.wire import routes
from nanoscale_box.wire.shapes import LogEnd, LogLine

_KINDS: Final = tuple(LogKind)
_PIECE_BYTES: Final = 64 * 1024
_MAX_TAIL: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    deployment_id: DeploymentId
    release: Release
    """Who prints: after a rollback the release that was kept."""
    kind: LogKind
    follow: bool


@dataclass(frozen=True, slots=True)
class Logs:
    """Logs of deployments, and of whatever a project runs or built last."""

    projects: services.Projects
    logs: services.LogReader
    streams: Streams

    def mount(self, app: web.Application) -> None:
        """Add the routes."""
        app.router.add_route("GET", routes.PROJECT_LOG, self.of_project)
        app.router.add_route("GET", routes.DEPLOYMENT_LOG, self.of_deployment)

    async def of_project(self, request: web.Request) -> web.StreamResponse:
        """What runs of a project prints (`run`, by default), or its latest build (`build`)."""
        query = _query(request)
        kind = LogKind(query.choice("kind", LogKind.RUN, _KINDS))
        view = await self.projects.get(project_id(request))
        return await self._stream(request, query, kind, (view.live if kind is LogKind.RUN else None) or view.latest)

    async def of_deployment(self, request: web.Request) -> web.StreamResponse:
        """What one deployment's build (`build`, by default) or app (`run`) printed."""
        query = _query(request)
        kind = LogKind(query.choice("kind", LogKind.BUILD, _KINDS))
        return await self._stream(request, query, kind, await self.projects.deployment(deployment_id(request)))

    async def _stream(
        self, request: web.Request, query: Query, kind: LogKind, deployment: Deployment | None
    ) -> web.StreamResponse:
        follow = query.flag("follow", True)
        tail = query.number("tail", 0, _MAX_TAIL)
        asked = resume_point(request, query, None)

        async def write(stream: EventSourceResponse) -> None:
            if deployment is None:
                await _end(stream, 0, complete=True)
                return
            release = release_of(deployment)
            offset = asked or 0
            if asked is None and tail is not None:
                last = await asyncio.to_thread(self.logs.tail, release, kind, tail)
                await _lines(stream, last)
                offset = last.next_offset
            await self._send(
                stream, _Wanted(deployment_id=deployment.id, release=release, kind=kind, follow=follow), offset
            )

        return await self.streams.run(request, write)

    async def _send(self, stream: EventSourceResponse, wanted: _Wanted, offset: int) -> None:
        while True:
            over = await self._over(wanted)
            piece = await asyncio.to_thread(self.logs.read, wanted.release, wanted.kind, offset, _PIECE_BYTES)
            await _lines(stream, piece)
            offset = piece.next_offset
            if piece.lines:
                continue
            if piece.complete or over or not wanted.follow:
                await _end(stream, offset, complete=piece.complete or over)
                return
            if not await self.streams.more(stream, self._news(wanted, offset)):
                return

    async def _news(self, wanted: _Wanted, offset: int) -> None:
        """Return as soon as there is a line behind `offset`, or the log is complete."""
        lines = self.logs.follow(wanted.release, wanted.kind, offset)
        await anext(lines, None)

    async def _over(self, wanted: _Wanted) -> bool:
        """Whether nobody can write to the log any more. Asked before reading, so that no last line is missed."""
        state = (await self.projects.deployment(wanted.deployment_id)).state
        return state in FINAL or (wanted.kind is LogKind.BUILD and state is DeploymentState.LIVE)


def _query(request: web.Request) -> Query:
    return Query(request, "kind", "follow", "tail")


async def _lines(stream: EventSourceResponse, piece: services.LogPiece) -> None:
    for one in piece.lines:
        line = msgspec.json.encode(LogLine(offset=one.after, text=one.text)).decode()
        await stream.send(line, id=str(one.after), event="line")


async def _end(stream: EventSourceResponse, offset: int, *, complete: bool) -> None:
    end = msgspec.json.encode(LogEnd(offset=offset, complete=complete)).decode()
    await stream.send(end, id=str(offset), event="end")

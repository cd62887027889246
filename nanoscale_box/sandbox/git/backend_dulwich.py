"""Answers with dulwich's own server in a thread: protocol v0, only advertised commits, no push from a shallow clone."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import IO, cast
from wsgiref.types import StartResponse

from dulwich.errors import GitProtocolError
from dulwich.protocol import pkt_line
from dulwich.repo import Repo
from dulwich.server import BackendRepo, DictBackend
from dulwich.web import HTTPGitApplication

from .backend import GitAnswer, GitCall

CHUNK = 64 * 1024
IN_MEMORY = 16 * 1024 * 1024
MOUNT = "/repo"


@dataclass(slots=True, kw_only=True)
class _Reply:
    """What a WSGI application says before its body."""

    status: int = 500
    headers: dict[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DulwichGit:
    """The fallback for machines without git."""

    name: str = "dulwich"

    async def answer(self, call: GitCall) -> GitAnswer:
        with _box(call) as inbox:
            async for chunk in call.body:
                inbox.write(chunk)
            inbox.seek(0)
            reply, outbox = await asyncio.to_thread(_run, call, inbox)
        return GitAnswer(
            status=reply.status, headers=reply.headers or {}, chunks=_chunks(outbox), close=_closer(outbox)
        )


def _box(call: GitCall) -> IO[bytes]:
    """Where a body waits: in memory, or on disk in the sandbox's home when it is large."""
    return cast("IO[bytes]", tempfile.SpooledTemporaryFile(max_size=IN_MEMORY, mode="w+b", dir=str(call.folder.parent)))


def _run(call: GitCall, inbox: IO[bytes]) -> tuple[_Reply, IO[bytes]]:
    reply = _Reply()
    outbox = _box(call)

    def start(status: str, headers: Iterable[tuple[str, str]], _: object = None) -> Callable[[bytes], int]:
        reply.status, reply.headers = int(status.split(maxsplit=1)[0]), dict(headers)
        return outbox.write

    endpoint = "info/refs" if call.advertise else call.service
    environ = {
        "PATH_INFO": f"{MOUNT}/{endpoint}",
        "QUERY_STRING": f"service={call.service}" if call.advertise else "",
        "REQUEST_METHOD": "GET" if call.advertise else "POST",
        "CONTENT_TYPE": call.content_type,
        "wsgi.input": inbox,
    }
    with Repo(str(call.folder)) as repo:
        mounted: dict[str, BackendRepo] = {MOUNT: cast("BackendRepo", repo)}
        application = HTTPGitApplication(DictBackend(mounted))
        try:
            for chunk in application(environ, cast("StartResponse", start)):
                outbox.write(chunk)
        except GitProtocolError as error:
            outbox.write(pkt_line(f"ERR {error}".encode()))
    outbox.seek(0)
    return reply, outbox


async def _chunks(outbox: IO[bytes]) -> AsyncIterator[bytes]:
    while chunk := outbox.read(CHUNK):
        yield chunk


def _closer(outbox: IO[bytes]) -> Callable[[], Awaitable[None]]:
    async def close() -> None:
        outbox.close()

    return close

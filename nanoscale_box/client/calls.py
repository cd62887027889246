"""One HTTP connection pool over the box's socket: calls that give shapes, and byte streams."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from nanoscale_box.client.dialling import Miss, find_socket, in_doubt, probe, unreachable
from nanoscale_box.client.errors import ApiError, Unreachable
from nanoscale_box.wire.requests import Request
from nanoscale_box.wire.shapes import Problem, Shape

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession

S = TypeVar("S", bound=Shape)

_CONNECT_SECONDS: Final = 5.0
_CALL_SECONDS: Final = 120.0
# The box sends a sign of life every 15 s.
_SILENCE_SECONDS: Final = 45.0
MAKING_SECONDS: Final = 3600.0
"""How long the box may be at what takes long: a backup, or a source with its submodules. It has limits of its own."""
_HOST: Final = "http://box"


def address(route: str, **parts: str | int) -> str:
    """A route with its parts filled in, whatever characters they hold."""
    return route.format(**{name: quote(str(part), safe="") for name, part in parts.items()})


class Calls:
    """Talks to one box."""

    def __init__(self, told: Path | None) -> None:
        self._told = told
        self._session: ClientSession | None = None
        self.socket: Path | None = None

    async def open(self) -> None:
        """Find the box. `Unreachable` when there is none."""
        self.socket = await find_socket(self._told)
        self._session = _session(self.socket)

    async def close(self) -> None:
        """Hang up."""
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, kind: type[S], query: Mapping[str, str | int | None] | None = None) -> S:
        """Ask for something."""
        return _decoded(await self._call("GET", _with_query(path, query)), kind)

    async def send(self, method: str, path: str, kind: type[S], body: Request | None = None) -> S:
        """Have something done and get what came of it."""
        return _decoded(await self._call(method, path, body, changes=True), kind)

    async def find_out(self, method: str, path: str, kind: type[S], body: Request | None = None) -> S:
        """Have the box look at something, which changes nothing and may take up to an hour."""
        return _decoded(await self._call(method, path, body, seconds=MAKING_SECONDS), kind)

    async def fetch(self, method: str, path: str, body: Request, target: BinaryIO) -> None:
        """Have something made and write it to `target` as it comes, however large it is."""
        from aiohttp import ClientError, ClientTimeout  # noqa: PLC0415 - see _session

        data, headers = msgspec.json.encode(body), {"Content-Type": "application/json"}
        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=MAKING_SECONDS)
        try:
            async with self._open_session.request(
                method, _HOST + path, data=data, headers=headers, timeout=timeout
            ) as answer:
                if answer.status >= 400:
                    raise _refusal(answer, await answer.read())
                async for piece in answer.content.iter_any():
                    target.write(piece)
        except (ClientError, OSError, TimeoutError) as broken:
            raise await self._lost(broken) from broken

    async def order(self, method: str, path: str, body: Request | None = None) -> None:
        """Have something done that has no answer."""
        await self._call(method, path, body, changes=True)

    @asynccontextmanager
    async def stream(
        self, path: str, query: Mapping[str, str | int | None], last_id: str, body: Request | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of a stream, of what comes of `body` if there is one.

        `ApiError` when it is refused, `Unreachable` when nobody answers or it breaks off."""
        from aiohttp import ClientError, ClientTimeout  # noqa: PLC0415 - see _session

        headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last_id} if last_id else {})
        method, data = ("GET", None) if body is None else ("POST", msgspec.json.encode(body))
        headers |= {} if body is None else {"Content-Type": "application/json"}
        timeout = ClientTimeout(total=None, sock_connect=_CONNECT_SECONDS, sock_read=_SILENCE_SECONDS)
        try:
            async with self._open_session.request(
                *(method, _HOST + _with_query(path, query)), data=data, headers=headers, timeout=timeout
            ) as answer:
                if answer.status >= 400:
                    raise _refusal(answer, await answer.read())
                yield answer.content.iter_any()
        except (ClientError, OSError, TimeoutError) as broken:
            raise await self._lost(broken) from broken

    async def _call(
        self,
        method: str,
        path: str,
        body: Request | None = None,
        *,
        changes: bool = False,
        seconds: float | None = None,
    ) -> bytes:
        from aiohttp import (  # noqa: PLC0415 - see _session
            ClientConnectorError,
            ClientError,
            ClientTimeout,
            ConnectionTimeoutError,
        )

        data = None if body is None else msgspec.json.encode(body)
        headers = {} if data is None else {"Content-Type": "application/json"}
        timeout = ClientTimeout(total=seconds or _CALL_SECONDS, sock_connect=_CONNECT_SECONDS)
        try:
            async with self._open_session.request(
                method, _HOST + path, data=data, headers=headers, timeout=timeout
            ) as answer:
                content = await answer.read()
                if answer.status >= 400:
                    raise _refusal(answer, content)
                return content
        except (ClientConnectorError, ConnectionTimeoutError) as unheard:
            raise await self._lost(unheard) from unheard
        except (ClientError, OSError, TimeoutError) as broken:
            lost = await self._lost(broken)
            raise (in_doubt(lost) if changes else lost) from broken

    @property
    def _open_session(self) -> ClientSession:
        if self._session is None:
            raise RuntimeError("the client is used outside of `async with`")
        return self._session

    async def _lost(self, broken: Exception) -> Unreachable:
        """What became of the box that answered before."""
        path = self.socket
        if path is None:
            raise RuntimeError("the client is used outside of `async with`")
        miss = await probe(path)
        if miss is None:
            miss = Miss.SILENT if isinstance(broken, TimeoutError) else Miss.BROKEN
        return unreachable([(miss, path)])


def _session(socket: Path) -> ClientSession:
    # aiohttp costs a fifth of a second to import; a face that only prints its help need not pay it.
    from aiohttp import ClientSession, UnixConnector  # noqa: PLC0415

    connector = UnixConnector(path=str(socket), limit=0)
    return ClientSession(connector=connector)


def _with_query(path: str, query: Mapping[str, str | int | None] | None) -> str:
    given = {name: value for name, value in (query or {}).items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def _decoded(content: bytes, kind: type[S]) -> S:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError as strange:
        raise ApiError(
            Problem(
                title="Bad Gateway",
                status=502,
                detail=f"the box's answer is not understood: {strange}",
                code="internal",
                hint="restart the box: it and this program may be of different versions",
            )
        ) from strange


def _refusal(answer: ClientResponse, content: bytes) -> ApiError:
    try:
        return ApiError(msgspec.json.decode(content, type=Problem))
    except msgspec.DecodeError:
        detail = f"the box answered {answer.status} and did not say why"
        return ApiError(Problem(title=answer.reason or "", status=answer.status, detail=detail, code="internal"))

"""Opens the two doors and closes them again: in-flight answers are finished, streams ended."""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.web.guard import ROOM, SETTINGS
from nanoscale_box.web.local import build_local, build_remote
from nanoscale_box.web.public import build_public
from nanoscale_box.web.sockets import bind_socket

__all__ = ["Door", "build_local", "build_public", "build_remote", "open_local", "open_public"]

_STOP_SECONDS: Final = 20.0
_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """An open door; `port` is None on a unix socket."""

    name: str
    port: int | None
    close: Callable[[], Awaitable[None]]
    """Take no more requests, finish those at work, end streams. Bounded to about 20 s."""


async def open_public(app: web.Application, host: str, port: int, *, setting: str = "NANOSCALE_LISTEN") -> Door:
    """Open what `build_public` or `build_remote` made; port 0 takes a free one. `ConfigurationError` (`port_taken`,
    ...), which names the setting, if it cannot."""
    room, settings = app[ROOM], app[SETTINGS]
    runner = web.AppRunner(
        app,
        access_log=None,
        logger=_quiet_log(),
        auto_decompress=False,
        keepalive_timeout=settings.idle_seconds * 2,
        lingering_time=settings.linger_seconds,
        shutdown_timeout=settings.stop_seconds,
    )
    await runner.setup()
    try:
        server = await asyncio.get_running_loop().create_server(room.watch(runner), host, port, backlog=_BACKLOG)
    except OSError as refused:
        await runner.cleanup()
        raise _cannot_listen(refused, host, port, setting) from refused
    room.start()

    async def close() -> None:
        server.close()
        await room.settle()
        await runner.cleanup()
        room.stop()

    bound = server.sockets[0].getsockname()[1]
    return Door(name=f"http://{f'[{host}]' if ':' in host else host}:{bound}", port=bound, close=close)


async def open_local(app: web.Application, socket_path: Path, group: int | None = None) -> Door:
    """Open what `build_local` made, mode 0600 (0660 with `group`); `ConfigurationError` if it cannot."""
    bound = bind_socket(socket_path, group)
    runner = web.AppRunner(
        app, access_log=None, logger=_quiet_log(), auto_decompress=False, shutdown_timeout=_STOP_SECONDS
    )
    await runner.setup()
    await web.SockSite(runner, bound.listening, backlog=_BACKLOG).start()

    async def close() -> None:
        await runner.cleanup()
        bound.remove()

    return Door(name=str(socket_path), port=None, close=close)


def _cannot_listen(refused: OSError, host: str, port: int, setting: str) -> ConfigurationError:
    match refused.errno:
        case errno.EADDRINUSE:
            return ConfigurationError(
                Code.PORT_TAKEN,
                f"port {port} on {host} is taken by another program",
                hint=f"find it with `ss -ltnp 'sport = :{port}'` and stop it, or set {setting} to another port",
            )
        case errno.EACCES | errno.EPERM:
            return ConfigurationError(
                Code.CONFIGURATION,
                f"this user may not listen on port {port}",
                hint=f"set {setting} to a port from 1024 up",
            )
        case _:
            return ConfigurationError(
                Code.CONFIGURATION,
                f"cannot listen on {host} port {port}: {refused.strerror or refused}",
                hint=f"set {setting} to an address of this machine",
            )


def _quiet_log() -> logging.Logger:
    """aiohttp's own log without what strangers cause: a broken request would write a stack trace."""
    log = logging.getLogger("nanoscale_box.web.http")
    if _not_strangers not in log.filters:
        log.addFilter(_not_strangers)
    return log


def _not_strangers(record: logging.LogRecord) -> bool:
    error = record.exc_info[1] if record.exc_info else None
    return not isinstance(error, (HttpProcessingError, ConnectionError))

"""Stands between the sockets of the public door and aiohttp: bounds connections and ends those that stall."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import IntEnum
from time import monotonic
from typing import Final, cast

from aiohttp import web

from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.express import Reader, Whole
from nanoscale_box.web.problems import Handler
from nanoscale_box.web.settings import PublicSettings


class Stage(IntEnum):
    """What a connection is at; when there are too many, the lowest go first and within a stage the oldest."""

    IDLE = 0
    """Answered, and kept for the next request."""
    NEW = 1
    """Nothing came yet."""
    HEAD = 2
    """Headers are arriving."""
    BUSY = 3
    """A handler is at work; it limits its own time."""


class Guard(asyncio.Protocol):
    """A protocol that watches one connection and passes everything on to aiohttp's own."""

    __slots__ = (
        "_carried",
        "_early",
        "_inner",
        "_room",
        "_whole",
        "since",
        "stage",
        "transport",
        "write_stalled_since",
    )

    def __init__(self, inner: asyncio.Protocol, room: ConnectionRoom) -> None:
        self._inner = inner
        self._room = room
        self.stage = Stage.NEW
        self.since = monotonic()
        self.transport: asyncio.Transport | None = None
        self.write_stalled_since: float | None = None
        self._whole = True
        """Nothing came so far but deliveries that took the short way; what aiohttp began, aiohttp goes on with."""
        self._carried = False
        """A delivery took the short way and is not answered yet."""
        self._early = b""

    def enter(self, stage: Stage) -> None:
        """Note what the connection is at from now on."""
        self.stage = stage
        self.since = monotonic()

    def abort(self) -> None:
        """End the connection at once."""
        if self.transport is not None:
            self.transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A sender came."""
        self.transport = cast(asyncio.Transport, transport)
        self._inner.connection_made(transport)
        self._room.welcome(self, transport)

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if self._whole and self._takes_short_way(data):
            return
        if self.stage is Stage.NEW:
            self.stage = Stage.HEAD
        elif self.stage is Stage.IDLE:
            self.enter(Stage.HEAD)
        self._inner.data_received(data)

    def _takes_short_way(self, data: bytes) -> bool:
        if self._carried:  # the next request before the answer to this one
            self._early += data
            if self.transport is not None:
                self.transport.pause_reading()
            return True
        express = self._room.express
        whole = self._room.reader.read(data) if express is not None else None
        if express is None or whole is None:
            self._whole = False
            return False
        self._carried = True
        self.stage = Stage.BUSY
        self._room.set_out(self)
        express(whole, self._answer)
        return True

    def _answer(self, written: bytes | None) -> None:
        self._carried = False
        self.enter(Stage.IDLE)
        self._room.arrived(self)
        transport = self.transport
        if transport is None or transport.is_closing():
            return
        if written is None:
            transport.abort()
            return
        transport.write(written)
        early, self._early = self._early, b""
        if early:
            transport.resume_reading()
            self.data_received(early)

    def eof_received(self) -> bool | None:
        """The sender will send no more."""
        return self._inner.eof_received()

    def connection_lost(self, error: Exception | None) -> None:
        """It is over."""
        if self.transport is not None:
            self._room.leave(self.transport)
        self._inner.connection_lost(error)

    def pause_writing(self) -> None:
        """The sender does not read what it is told."""
        self.write_stalled_since = monotonic()
        self._inner.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        self.write_stalled_since = None
        self._inner.resume_writing()


class ConnectionRoom:
    """All connections of the public door."""

    def __init__(self, settings: PublicSettings, counters: IntakeCounters) -> None:
        self._settings = settings
        self._counters = counters
        self._guards: dict[asyncio.BaseTransport, Guard] = {}
        self._alarm: asyncio.TimerHandle | None = None
        self.reader: Final = Reader()
        self._under_way: set[Guard] = set()
        self._settled: asyncio.Future[None] | None = None
        self.express: Callable[[Whole, Callable[[bytes | None], None]], None] | None = None
        """Takes in a delivery that came whole and has its sender told what is written, None: nothing, go away. Itself
        None, there is no short way."""

    def __len__(self) -> int:
        return len(self._guards)

    def watch(self, runner: web.AppRunner) -> Callable[[], Guard]:
        """A protocol factory that guards what the runner makes."""
        make = runner.server
        if make is None:
            raise RuntimeError("the runner is not set up")
        return lambda: Guard(make(), self)

    def start(self) -> None:
        """Look for stalled connections from now on."""
        pause = min(1.0, self._settings.head_seconds / 4)
        self._alarm = asyncio.get_running_loop().call_later(pause, self._sweep)

    def stop(self) -> None:
        """Look no more."""
        if self._alarm is not None:
            self._alarm.cancel()

    def welcome(self, guard: Guard, transport: asyncio.BaseTransport) -> None:
        """Let a connection in; if that is one too many, the one least likely to be at work goes."""
        self._guards[transport] = guard
        if len(self._guards) > self._settings.connections:
            others = (one for one in self._guards.values() if one is not guard)
            victim = min(others, key=lambda one: (one.stage, one.since))
            self._counters.evicted += 1
            victim.abort()

    def leave(self, transport: asyncio.BaseTransport) -> None:
        """Forget a connection."""
        self._guards.pop(transport, None)

    def set_out(self, guard: Guard) -> None:
        """Note that a delivery took the short way."""
        self._under_way.add(guard)

    def arrived(self, guard: Guard) -> None:
        """Note that it came to its end."""
        self._under_way.discard(guard)
        if self._settled is not None and not self._under_way and not self._settled.done():
            self._settled.set_result(None)

    async def settle(self) -> None:
        """Let nothing new take the short way, and wait for what is on it."""
        self.express = None
        if self._under_way:
            self._settled = asyncio.get_running_loop().create_future()
            await asyncio.wait({self._settled}, timeout=self._settings.stop_seconds)

    @web.middleware
    async def mark_busy(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Tell the guard when its connection is at work and when it is done."""
        guard = self._guards.get(request.transport) if request.transport else None
        if guard is None:
            return await handler(request)
        guard.enter(Stage.BUSY)
        try:
            return await handler(request)
        finally:
            guard.enter(Stage.IDLE)

    def _sweep(self) -> None:
        now = monotonic()
        for guard in list(self._guards.values()):
            if self._stalled(guard, now):
                self._counters.stalled += 1
                guard.abort()
        self.start()

    def _stalled(self, guard: Guard, now: float) -> bool:
        if guard.write_stalled_since is not None and now - guard.write_stalled_since > self._settings.write_seconds:
            return True
        match guard.stage:
            case Stage.NEW | Stage.HEAD:
                return now - guard.since > self._settings.head_seconds
            case Stage.IDLE:
                return now - guard.since > self._settings.idle_seconds
            case Stage.BUSY:
                return False


ROOM: Final = web.AppKey("room", ConnectionRoom)
SETTINGS: Final = web.AppKey("settings", PublicSettings)
"""Where an application that is served over TCP keeps its connections, and its limits."""

"""Open doors for tests: real sockets before a fake engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector

from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.server import Door, build_local, build_public, open_local, open_public
from nanoscale_box.web.settings import PublicSettings
from tests.web.fake_engine import FakeEngine

OpenPublic = Callable[..., Awaitable[Door]]


@pytest.fixture
async def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
def counters() -> IntakeCounters:
    return IntakeCounters()


@pytest.fixture
async def public(engine: FakeEngine, counters: IntakeCounters) -> AsyncIterator[OpenPublic]:
    """Opens public doors with the limits a test wants."""
    doors: list[Door] = []

    async def open_one(**limits: float) -> Door:
        settings = PublicSettings(**limits)  # type: ignore[arg-type]
        door = await open_public(build_public(engine.services(), settings, counters), "127.0.0.1", 0)
        doors.append(door)
        return door

    yield open_one
    for door in doors:
        await door.close()


@pytest.fixture
async def browser(public: OpenPublic) -> AsyncIterator[ClientSession]:
    """A client of a public door with the usual limits."""
    door = await public()
    async with ClientSession(base_url=door.name) as session:
        yield session


@pytest.fixture
async def local(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[ClientSession]:
    """A client of the local door."""
    door = await open_local(build_local(engine.services(), ping_seconds=0.2), tmp_path / "run" / "box.sock")
    async with ClientSession(base_url="http://box", connector=UnixConnector(path=door.name)) as session:
        yield session
    await door.close()


async def raw(door: Door, *sends: bytes, pause: float = 0.0, within: float = 5.0) -> bytes:
    """Send bytes as they are and give all that comes back until the door hangs up."""
    assert door.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    # Read all the while: what was not read yet is lost when a door that has hung up is sent more.
    heard = asyncio.create_task(_all_of(reader))
    try:
        with suppress(ConnectionError):
            for part in sends:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
        return await asyncio.wait_for(heard, within)
    finally:
        heard.cancel()
        writer.close()


async def _all_of(reader: asyncio.StreamReader) -> bytes:
    """All that comes until the end, however that comes."""
    answer = b""
    with suppress(ConnectionError):
        while more := await reader.read(65536):
            answer += more
    return answer

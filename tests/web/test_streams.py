"""Events and logs as streams: complete, resumable, bounded, and over when the box stops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from aiohttp import ClientSession, UnixConnector

from nanoscale_box.client.sse import Message, Parser
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import DeploymentId
from nanoscale_box.web.server import build_local, open_local
from nanoscale_box.wire import routes
from nanoscale_box.wire.openapi import document
from tests.web.fake_engine import FakeEngine
from tests.web.samples import deployment

PROJECT_LOG = "/api/projects/hello/log"
DEPLOYMENT_LOG = "/api/deployments/dep_1/log"


async def whole(local: ClientSession, path: str, **headers: str) -> list[Message]:
    """A stream that ends by itself."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    async with local.get(path, headers=sent) as answer:
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        return list(Parser().feed(await answer.read()))


@asynccontextmanager
async def stream(local: ClientSession, path: str) -> AsyncIterator[AsyncIterator[Message]]:
    """A stream that goes on."""

    async def messages() -> AsyncIterator[Message]:
        parser = Parser()
        async for chunk in answer.content.iter_any():
            for message in parser.feed(chunk):
                yield message

    async with local.get(path) as answer:
        assert answer.status == 200
        yield messages()


def texts(messages: list[Message]) -> list[str]:
    return [json.loads(one.data)["text"] for one in messages if one.event == "line"]


async def test_what_is_there(local: ClientSession, engine: FakeEngine) -> None:
    for text in ("one", "two\nlines \u2028 \r\x1b", "three"):
        engine.feed.add(text)
    messages = await whole(local, f"{routes.EVENTS}?follow=false")
    assert [(one.id, one.event) for one in messages] == [("1", "project"), ("2", "project"), ("3", "project")]
    event = json.loads(messages[1].data)
    assert event["data"] == {"text": "two\nlines \u2028 \r\x1b"}
    assert (event["id"], event["kind"], event["at"]) == (2, "project", "2026-03-04T05:06:07Z")
    assert [one.id for one in await whole(local, f"{routes.EVENTS}?follow=false&after=2")] == ["3"]
    assert [one.id for one in await whole(local, f"{routes.EVENTS}?follow=false&after=0", Last_Event_ID="1")] == [
        "2",
        "3",
    ]


async def test_more_than_one_batch(local: ClientSession, engine: FakeEngine) -> None:
    for _ in range(450):
        engine.feed.add("x" * 1000)
    assert [one.id for one in await whole(local, f"{routes.EVENTS}?follow=false")] == [str(n + 1) for n in range(450)]


async def test_events_arrive_as_they_happen(local: ClientSession, engine: FakeEngine) -> None:
    engine.feed.add("before")
    async with stream(local, routes.EVENTS) as messages:
        first = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0.3)
        engine.feed.add("after")
        assert (await asyncio.wait_for(first, 2)).id == "2"
        engine.feed.add("more")
        assert (await asyncio.wait_for(anext(messages), 2)).id == "3"


async def test_a_silent_stream_shows_signs_of_life_and_its_place(local: ClientSession, engine: FakeEngine) -> None:
    engine.feed.add("before")
    async with local.get(routes.EVENTS) as answer:
        assert await answer.content.readuntil(b"\n\n") == b": ready\nid: 1\n\n"
        assert await asyncio.wait_for(answer.content.readuntil(b"\n\n"), 2) == b": ping\n\n"


async def test_a_place_beyond_the_end_is_the_end(local: ClientSession, engine: FakeEngine) -> None:
    async with stream(local, f"{routes.EVENTS}?after=999") as messages:
        first = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0.1)
        engine.feed.add("x")
        assert (await asyncio.wait_for(first, 2)).id == "1"


@pytest.mark.parametrize("last", ["-1", "x", "1.5", "9" * 30, "\u0661"])
async def test_wrong_places_are_refused(local: ClientSession, last: str) -> None:
    async with local.get(routes.EVENTS, headers={"Last-Event-ID": last}) as answer:
        assert answer.status == 400
    for right in ({}, {"Last-Event-ID": "1"}):
        async with local.get(routes.EVENTS, params={"after": last}, headers=right) as answer:
            assert answer.status == 400


async def test_an_empty_place_is_none_and_the_document_says_so(local: ClientSession, engine: FakeEngine) -> None:
    engine.feed.add("before")
    assert [one.id for one in await whole(local, f"{routes.EVENTS}?follow=false", Last_Event_ID="")] == ["1"]
    parameters = document("0.1")["paths"][routes.EVENTS]["get"]["parameters"]
    (header,) = (one for one in parameters if one["in"] == "header")
    assert {"const": ""} in header["schema"]["anyOf"]


async def test_a_reader_that_does_not_read_holds_up_nobody(local: ClientSession, engine: FakeEngine) -> None:
    async with local.get(f"{routes.EVENTS}?after=0") as stuck:
        assert stuck.status == 200
        for _ in range(2000):
            engine.feed.add("x" * 10_000)
        async with stream(local, f"{routes.EVENTS}?after=1999") as messages:
            assert (await asyncio.wait_for(anext(messages), 2)).id == "2000"


async def test_streams_end_when_the_box_stops(engine: FakeEngine, tmp_path: Path) -> None:
    door = await open_local(build_local(engine.services()), tmp_path / "box.sock")
    async with ClientSession(base_url="http://box", connector=UnixConnector(path=door.name)) as local:
        events = await local.get(routes.EVENTS)
        log = await local.get(PROJECT_LOG)
        async with asyncio.timeout(3):
            await door.close()
            assert await events.read() == b": ready\nid: 0\n\n"
            assert await log.read() == b""


async def test_streams_let_go_of_readers_that_left(local: ClientSession) -> None:
    before = asyncio.all_tasks()
    async with local.get(routes.EVENTS) as answer:
        await answer.content.readuntil(b"\n\n")
        serving = asyncio.all_tasks() - before
    assert serving
    _, left = await asyncio.wait(serving, timeout=30)
    assert not left


async def test_a_log_to_its_end(local: ClientSession, engine: FakeEngine) -> None:
    engine.logs.lines = ["one", "two", "[/foo] \u202e three"]
    engine.logs.complete = True
    messages = await whole(local, DEPLOYMENT_LOG)
    assert texts(messages) == engine.logs.lines
    assert [one.id for one in messages] == ["1", "2", "3", "3"]
    assert (messages[-1].event, json.loads(messages[-1].data)) == ("end", {"offset": 3, "complete": True})
    assert {kind for _, kind in engine.logs.asked} == {"build"}


async def test_a_log_goes_on_where_it_was_cut(local: ClientSession, engine: FakeEngine) -> None:
    engine.logs.lines = ["one", "two", "three"]
    assert texts(await whole(local, f"{DEPLOYMENT_LOG}?follow=false", Last_Event_ID="2")) == ["three"]
    assert texts(await whole(local, f"{DEPLOYMENT_LOG}?follow=false&tail=1")) == ["three"]
    assert texts(await whole(local, f"{DEPLOYMENT_LOG}?follow=false&tail=0")) == []
    assert texts(await whole(local, f"{DEPLOYMENT_LOG}?follow=false&tail=1", Last_Event_ID="1")) == ["two", "three"]


async def test_a_log_is_followed(local: ClientSession, engine: FakeEngine) -> None:
    engine.projects.latest = deployment(state=DeploymentState.BUILDING)
    async with stream(local, f"{PROJECT_LOG}?kind=build") as messages:
        first = asyncio.ensure_future(anext(messages))
        await asyncio.sleep(0.1)
        engine.logs.lines.append("late")
        engine.logs.ring()
        assert json.loads((await asyncio.wait_for(first, 2)).data) == {"offset": 1, "text": "late"}
        engine.logs.complete = True
        engine.logs.ring()
        assert (await asyncio.wait_for(anext(messages), 2)).event == "end"


async def test_a_log_nobody_will_write_ends(local: ClientSession, engine: FakeEngine) -> None:
    engine.projects.latest = deployment(state=DeploymentState.QUEUED)
    ended = asyncio.ensure_future(whole(local, DEPLOYMENT_LOG))
    await asyncio.sleep(0.1)
    assert not ended.done()
    engine.projects.latest = replace(engine.projects.latest, state=DeploymentState.SUPERSEDED)
    assert [one.event for one in await asyncio.wait_for(ended, 3)] == ["end"]


async def test_what_runs_is_the_projects_log_by_default(local: ClientSession, engine: FakeEngine) -> None:
    engine.logs.lines = ["hello"]
    assert texts(await whole(local, f"{PROJECT_LOG}?follow=false")) == ["hello"]
    assert {kind for _, kind in engine.logs.asked} == {"run"}


async def test_after_a_rollback_the_kept_release_prints(local: ClientSession, engine: FakeEngine) -> None:
    """The deployment that goes back builds nothing and prints nothing of its own."""
    engine.logs.lines = ["hello"]
    engine.projects.latest = replace(deployment(2), rollback_to=DeploymentId("dep_1"))
    assert texts(await whole(local, f"{PROJECT_LOG}?follow=false")) == ["hello"]
    assert {release.deployment_id for release, _ in engine.logs.asked} == {"dep_1"}


@pytest.mark.parametrize("query", ["kind=x", "tail=-1", "tail=x", "follow=maybe", "tail=100001", "until=1"])
async def test_wrong_log_queries_are_refused(local: ClientSession, query: str) -> None:
    async with local.get(f"{PROJECT_LOG}?{query}") as answer:
        assert answer.status == 400


async def test_unknown_logs_are_not_found(local: ClientSession) -> None:
    for path in ("/api/projects/other/log", "/api/deployments/dep_9/log"):
        async with local.get(path) as answer:
            assert answer.status == 404

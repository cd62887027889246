"""The description of the API is whole: every route with its method, and every answer in the shape it really has."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession

from nanoscale_box.web.local import build_local
from nanoscale_box.wire import routes, shapes
from nanoscale_box.wire.openapi import document
from nanoscale_box.wire.operation import Operation
from nanoscale_box.wire.operations import OPERATIONS
from nanoscale_box.wire.said import Said
from nanoscale_box.wire.shapes import Shape
from tests.web.fake_engine import FakeEngine
from tests.web.test_remote import path

LOOKS = [one for one in OPERATIONS if one.method == "GET" and one.gives not in (str, bytes, dict[str, Any])]


def references(node: object) -> set[str]:
    """Every `$ref` below a node."""
    match node:
        case {"$ref": str(name)}:
            return {name}
        case dict():
            return set().union(*map(references, node.values()))
        case list():
            return set().union(*map(references, node))
        case _:
            return set()


def test_the_table_is_what_is_served() -> None:
    app = build_local(FakeEngine().services())
    served = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource and route.method != "HEAD"
    }
    assert {(one.method, one.route) for one in OPERATIONS} == served
    assert len({one.id for one in OPERATIONS}) == len(OPERATIONS)


async def test_it_is_served_and_complete(local: ClientSession) -> None:
    async with local.get(routes.OPENAPI) as answer:
        told = await answer.json()
    assert told == json.loads(json.dumps(document("0.1")))
    assert told["openapi"] == "3.1.0"
    assert {reference.rpartition("/")[2] for reference in references(told)} <= set(told["components"]["schemas"])
    problem = told["components"]["schemas"]["Problem"]
    assert set(problem["required"]) == {"title", "status", "detail", "code", "type", "hint"}
    for one in OPERATIONS:
        described = told["paths"][one.route][one.method.lower()]
        assert {str(one.status), "400", "401", "403", "500", "503"} <= set(described["responses"])


STREAMS = [one for one in OPERATIONS if one.gives is str]


@pytest.mark.parametrize("operation", STREAMS, ids=lambda one: one.id)
async def test_an_event_of_a_stream_is_what_it_is_said_to_be(
    local: ClientSession, engine: FakeEngine, operation: Operation
) -> None:
    engine.feed.add("something")
    described = document("0.1")["paths"][operation.route]["get"]["responses"]["200"]["content"]["text/event-stream"]
    fields = described["schema"]
    shapes = {one["$ref"].rpartition("/")[2] for one in fields["properties"]["data"]["contentSchema"]["anyOf"]}
    assert shapes == {kind.__name__ for kind in operation.tells}
    async with local.get(path(operation)) as answer:
        events = [dict(re.findall(r"^(\w+): (.*)$", one, re.MULTILINE)) for one in (await answer.text()).split("\n\n")]
    events = [one for one in events if "data" in one]
    assert events
    for event in events:
        assert set(event) == set(fields["properties"]) == set(fields["required"])
        assert any(_decodes(event["data"], kind) for kind in operation.tells)


async def test_a_plan_is_a_stream_for_whoever_accepts_one(local: ClientSession, engine: FakeEngine) -> None:
    engine.projects.says = ("Receiving 1.0 MiB, 50 %.",)
    content = document("0.1")["paths"][routes.PLAN]["post"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/event-stream"}
    fields = content["text/event-stream"]["schema"]
    asked = {"repo_url": "https://github.com/ada/hello", "branch": "main"}
    async with local.post(routes.PLAN, json=asked, headers={"Accept": "text/event-stream"}) as answer:
        assert (answer.status, answer.content_type) == (200, "text/event-stream")
        events = [dict(re.findall(r"^(\w+): (.*)$", one, re.MULTILINE)) for one in (await answer.text()).split("\n\n")]
    line, plan = (one for one in events if "data" in one)
    assert (line["event"], plan["event"]) == ("line", "plan")
    assert set(line) == set(plan) == set(fields["properties"]) == set(fields["required"])
    assert _decodes(line["data"], Said) and _decodes(plan["data"], shapes.PlanPreview)


def _decodes(data: str, kind: type[Shape]) -> bool:
    try:
        return bool(msgspec.to_builtins(msgspec.json.decode(data, type=kind)) == json.loads(data))
    except msgspec.ValidationError:
        return False


@pytest.mark.parametrize("operation", LOOKS, ids=lambda one: one.id)
async def test_an_answer_has_the_shape_it_is_said_to_have(local: ClientSession, operation: Operation) -> None:
    async with local.get(path(operation)) as answer:
        body = await answer.read()
        assert answer.status == operation.status
    shape = msgspec.json.decode(body, type=operation.gives)
    assert msgspec.to_builtins(shape) == json.loads(body)

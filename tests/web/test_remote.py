"""The API over TCP: nothing without a token, no more than the token's right with one, and every act on record."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientSession

from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.core.tokens import Scope
from nanoscale_box.web.server import Door, build_remote, open_public
from nanoscale_box.wire.operation import Operation
from nanoscale_box.wire.operations import OPERATIONS
from tests.web.fake_engine import FakeEngine

FILLED = {"project_id": "hello", "deployment_id": "dep_1", "repo_id": "42", "token_id": "tok_9"}


@pytest.fixture
async def door(engine: FakeEngine) -> AsyncIterator[Door]:
    door = await open_public(build_remote(engine.services(), ping_seconds=0.2), "127.0.0.1", 0)
    yield door
    await door.close()


@pytest.fixture
async def caller(door: Door) -> AsyncIterator[ClientSession]:
    async with ClientSession(base_url=door.name) as session:
        yield session


async def bearer(engine: FakeEngine, scope: Scope) -> dict[str, str]:
    _, text = await engine.tokens.create("test", scope, None, caller="uid:0")
    return {"Authorization": f"Bearer {text.reveal()}"}


def path(operation: Operation) -> str:
    query = "?follow=false" if operation.gives is str else ""
    return operation.route.format(**FILLED) + query


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
async def test_nothing_is_answered_without_a_token(
    caller: ClientSession, engine: FakeEngine, operation: Operation
) -> None:
    async with caller.request(operation.method, path(operation)) as answer:
        problem = await answer.json()
        assert (answer.status, answer.headers["WWW-Authenticate"], problem["code"]) == (401, "Bearer", "unauthorized")
    assert not engine.projects.asked and not engine.accounts.asked and not engine.audit.acts


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic read-tok_1"},
        {"authorization": "read-tok_1"},
        [("Authorization", "Bearer read-tok_1"), ("Authorization", "Bearer read-tok_1")],
        {"Cookie": "token=read-tok_1"},
    ],
)
async def test_a_token_that_is_not_there_as_it_should_be_is_none(
    caller: ClientSession, engine: FakeEngine, headers: dict[str, str]
) -> None:
    await bearer(engine, Scope.READ)
    async with caller.get("/api/session", headers=headers) as answer:
        assert answer.status == 401


@pytest.mark.parametrize("scope", Scope)
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.id)
async def test_a_token_opens_what_its_right_includes_and_no_more(
    caller: ClientSession, engine: FakeEngine, operation: Operation, scope: Scope
) -> None:
    headers = await bearer(engine, scope)
    async with caller.request(operation.method, path(operation), headers=headers) as answer:
        assert (answer.status == 403) is not scope.includes(Scope(operation.scope)), await answer.text()


async def test_the_session_says_by_what_one_came(caller: ClientSession, engine: FakeEngine) -> None:
    async with caller.get("/api/session", headers=await bearer(engine, Scope.READ)) as answer:
        told = await answer.json()
    assert (told["via"], told["caller"]) == ("token", "token:tok_1")


async def test_what_is_done_is_on_record_with_its_end_and_what_is_only_looked_at_is_not(
    caller: ClientSession, engine: FakeEngine
) -> None:
    headers = await bearer(engine, Scope.ADMIN)
    for method, route, body in (
        ("GET", "/api/projects", None),
        ("POST", "/api/projects", {"repo_url": "https://github.com/a/b", "branch": "main"}),
        ("POST", "/api/projects", {"nonsense": 1}),
        ("PATCH", "/api/projects/hello", {"branch": "next", "paused": True}),
        ("PUT", "/api/projects/hello/env", {"env_vars": [{"key": "A", "value": "hidden"}, {"key": "B"}]}),
        ("DELETE", "/api/projects/hello", None),
    ):
        async with caller.request(method, route, json=body, headers=headers):
            pass
    told = [(act.who, act.action, act.target, act.outcome, act.detail) for act in engine.audit.acts]
    me = "token:tok_1"
    assert told == [
        (me, "create_project", "prj_1", "done", ""),
        (me, "change_project", "hello", "done", "branch, paused"),
        (me, "replace_env", "hello", "done", "A"),
        (me, "delete_project", "hello", "done", ""),
    ]


async def test_a_taken_port_names_its_setting(engine: FakeEngine, door: Door) -> None:
    assert door.port
    with pytest.raises(ConfigurationError) as refused:
        await open_public(build_remote(engine.services()), "127.0.0.1", door.port, setting="NANOSCALE_API_LISTEN")
    assert refused.value.code is Code.PORT_TAKEN and "NANOSCALE_API_LISTEN" in refused.value.hint

"""Trouble on demand."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from time import monotonic
from typing import Any

import aiohttp
import pytest

from nanoscale_box.sandbox.faults import FaultBook
from nanoscale_box.sandbox.ids import Counters
from tests.sandbox.actors import Client, Data
from tests.sandbox.conftest import Connected


async def fault(client: Client, kind: str, path: str = "/meta", **rest: Data) -> None:
    reply = await client.control("POST", "faults", {"match": {"path": path}, "kind": kind, **rest})
    assert reply.status == 201, reply.text


async def test_a_status_as_often_as_asked(client: Client) -> None:
    await fault(client, "status", status=503, times=2)
    assert [(await client.call("GET", "/meta")).status for _ in range(3)] == [503, 503, 200]
    log = (await client.control("GET", "requests")).json["requests"]
    assert [entry["fault"] for entry in log] == ["status", "status", None]


async def test_method_skip_and_forgetting(client: Client) -> None:
    match = {"path": "/meta", "method": "post"}
    await client.control("POST", "faults", {"match": match, "kind": "status", "times": None})
    await fault(client, "status", skip=1, status=502, body="<html>Bad gateway</html>")
    replies = [await client.call("GET", "/meta") for _ in range(3)]
    assert [one.status for one in replies] == [200, 502, 200]
    assert replies[1].text == "<html>Bad gateway</html>"
    assert (await client.call("POST", "/meta")).status == 500
    assert len((await client.control("GET", "faults")).json["faults"]) == 1
    await client.control("DELETE", "faults")
    assert (await client.call("POST", "/meta")).status == 404


async def test_forgetting_the_rules_ends_a_delay(client: Client) -> None:
    await fault(client, "delay", seconds=600)
    held = asyncio.create_task(client.call("GET", "/meta"))
    while (await client.control("GET", "faults")).json["faults"]:  # it is in force until the request has come
        assert not held.done()
    assert not held.done()
    await client.control("DELETE", "faults")
    assert (await held).status == 200


async def test_delay(client: Client) -> None:
    await fault(client, "delay", seconds=0.2)
    started = monotonic()
    assert (await client.call("GET", "/meta")).status == 200
    assert monotonic() - started >= 0.2


@pytest.mark.parametrize("kind", ["close", "truncate"])
async def test_broken_connections(client: Client, kind: str) -> None:
    await fault(client, kind, times=2)  # a client tries once more when a kept connection breaks
    with pytest.raises(aiohttp.ClientError):
        await client.call("GET", "/meta")
    await client.control("DELETE", "faults")
    assert (await client.call("GET", "/meta")).status == 200


async def test_limits(client: Client) -> None:
    await fault(client, "rate_limit", seconds=30)
    primary = await client.call("GET", "/meta")
    assert (primary.status, primary.headers["x-ratelimit-remaining"]) == (403, "0")
    wait = int(primary.headers["x-ratelimit-reset"]) - client.sandbox.clock.timestamp()
    assert 28 <= wait <= 30
    await fault(client, "secondary_limit", seconds=7)
    secondary = await client.call("GET", "/meta")
    assert (secondary.status, secondary.headers["Retry-After"]) == (403, "7")


async def test_a_clock_that_is_off(client: Client) -> None:
    await fault(client, "stale_date", seconds=3600)
    reply = await client.call("GET", "/meta")
    behind = client.sandbox.clock.now() - parsedate_to_datetime(reply.headers["Date"])
    assert 3595 < behind.total_seconds() < 3605


@pytest.mark.parametrize("kind", ["close", "status"])
async def test_carried_out_but_the_answer_is_lost(connected: Connected, kind: str) -> None:
    client, token = connected.client, await connected.token()
    await fault(client, kind, "/hooks", when="after")
    order = {"config": {"url": f"{connected.inbox.url}/repo"}}
    if kind == "close":
        with pytest.raises(aiohttp.ClientError):
            await client.call("POST", "/repos/ada/hello/hooks", token, json=order)
    else:
        assert (await client.call("POST", "/repos/ada/hello/hooks", token, json=order)).status == 500
    assert len((await client.call("GET", "/repos/ada/hello/hooks", token)).json) == 1


@pytest.mark.parametrize(("kind", "arrivals"), [("drop", 0), ("duplicate", 2), ("corrupt", 1), ("delay", 1)])
async def test_deliveries(connected: Connected, kind: str, arrivals: int) -> None:
    client = connected.client
    reply = await client.control("POST", "faults", {"match": {"event": "^push$"}, "kind": kind, "seconds": 0.01})
    assert reply.status == 201
    await client.sandbox.push("ada/hello", files={"a": "a"})
    await client.sandbox.settled()
    arrived = connected.inbox.of("push")
    assert len(arrived) == arrivals
    assert len({one.headers["X-GitHub-Delivery"] for one in arrived}) == min(arrivals, 1)
    for one in arrived:
        assert one.signed_with(connected.app.hook.secret or "") == (kind != "corrupt")


@pytest.mark.parametrize(
    "data",
    [{}, {"kind": "flood"}, {"kind": "status", "match": {"path": "("}}, {"kind": "status", "tmies": 3}, {"kind": 1}],
)
async def test_what_is_no_fault(client: Client, data: dict[str, Any]) -> None:
    assert (await client.control("POST", "faults", data)).status == 422


def test_the_first_rule_that_matches_is_taken() -> None:
    book = FaultBook(ids=Counters())
    book.add({"kind": "status", "match": {"path": "a"}, "times": 1})
    book.add({"kind": "close", "match": {"path": "a"}})
    kinds = [found.kind if found else None for found in (book.for_request("GET", "/a") for _ in range(3))]
    assert kinds == ["status", "close", None]

"""Rate limits, ETags and the clock, as clients see them."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from pathlib import Path

import aiohttp

from nanoscale_box.sandbox import RateLimits, Sandbox, Settings
from tests.sandbox.actors import Client
from tests.sandbox.conftest import Connected


async def test_every_answer_counts_and_says_so(connected: Connected) -> None:
    token = await connected.token()
    first = await connected.client.call("GET", "/repos/ada/hello", token)
    second = await connected.client.call("GET", "/repos/ada/nope", token)
    assert first.headers["x-ratelimit-limit"] == "5000"
    assert int(first.headers["x-ratelimit-remaining"]) - int(second.headers["x-ratelimit-remaining"]) == 1
    assert int(first.headers["x-ratelimit-reset"]) > connected.client.sandbox.clock.timestamp()
    told = (await connected.client.call("GET", "/rate_limit", token)).json
    assert told["rate"]["used"] == 2
    assert (await connected.client.call("GET", "/rate_limit", token)).json["rate"]["used"] == 2


async def test_a_304_is_free_and_its_etag_holds_for_one_token(connected: Connected) -> None:
    client = connected.client
    one, other = await connected.token(), await connected.token()
    first = await client.call("GET", "/repos/ada/hello/branches", one)
    headers = {"If-None-Match": first.headers["ETag"]}
    again = await client.call("GET", "/repos/ada/hello/branches", one, headers=headers)
    assert (again.status, again.text) == (304, "")
    assert again.headers["x-ratelimit-used"] == first.headers["x-ratelimit-used"]
    assert again.headers["ETag"] == first.headers["ETag"]
    assert (await client.call("GET", "/repos/ada/hello/branches", other, headers=headers)).status == 200
    await client.sandbox.push("ada/hello", files={"a": "a"}, fire=False)
    assert (await client.call("GET", "/repos/ada/hello/branches", one, headers=headers)).status == 200
    log = (await client.control("GET", "requests")).json["requests"]
    assert [(entry["status"], entry["counted"]) for entry in log[-4:]] == [
        (200, True),
        (304, False),
        (200, True),
        (200, True),
    ]


async def test_pages_keep_their_links_when_nothing_changed(connected: Connected) -> None:
    token = await connected.token()
    first = await connected.client.call("GET", "/installation/repositories?per_page=1", token)
    headers = {"If-None-Match": f'"x", {first.headers["ETag"]}'}
    again = await connected.client.call("GET", "/installation/repositories?per_page=1", token, headers=headers)
    assert again.status == 304
    assert again.headers["Link"] == first.headers["Link"]


async def test_an_empty_budget_until_the_hour_is_over(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    await client.call("GET", "/repos/ada/hello", token)
    await client.control("POST", "limits", {"remaining": 1, "principal": f"installation:{connected.installation.id}"})
    assert (await client.call("GET", "/repos/ada/hello", token)).status == 200
    refused = await client.call("GET", "/repos/ada/hello", await connected.token())
    assert refused.status == 403
    assert refused.headers["x-ratelimit-remaining"] == "0"
    assert "rate limit exceeded" in refused.json["message"]
    client.sandbox.clock.advance(3601)
    assert (await client.call("GET", "/repos/ada/hello", await connected.token())).status == 200


async def test_nobody_has_sixty(client: Client) -> None:
    reply = await client.call("GET", "/repos/ada/website")
    assert reply.headers["x-ratelimit-limit"] == "60"


async def test_the_date_is_the_sandboxs_clock(client: Client) -> None:
    await client.control("POST", "clock", {"advance_seconds": 86_400})
    reply = await client.call("GET", "/meta")
    drift = parsedate_to_datetime(reply.headers["Date"]) - client.sandbox.clock.now()
    assert abs(drift.total_seconds()) < 5


async def test_limits_by_the_minute(tmp_path: Path) -> None:
    limits = RateLimits(points_per_minute=7, creations_per_minute=1)
    settings = Settings(home=tmp_path, limits=limits)
    async with Sandbox(home=tmp_path, settings=settings) as sandbox, aiohttp.ClientSession() as session:
        client = Client(sandbox=sandbox, session=session)
        for _ in range(2):
            assert (await client.call("GET", "/meta")).status == 200
        assert (await client.call("POST", "/meta")).status == 404
        refused = await client.call("GET", "/meta")
        assert refused.status == 403
        assert "secondary rate limit" in refused.json["message"]
        assert 0 < int(refused.headers["Retry-After"]) <= 61
        sandbox.clock.advance(61)
        assert (await client.call("POST", "/meta")).status == 404
        assert (await client.call("POST", "/meta")).status == 403

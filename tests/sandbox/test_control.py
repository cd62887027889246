"""Looking into the sandbox and moving its parts."""

from __future__ import annotations

import pytest

from tests.sandbox.actors import Client
from tests.sandbox.conftest import Connected


async def test_the_log_of_requests(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    start = (await client.control("GET", "requests")).json["total"]
    await client.call("GET", "/repos/ada/hello?x=1", token)
    await client.fetch("GET", f"{client.sandbox.url}/ada/hello.git/info/refs?service=git-upload-pack")
    told = (await client.control("GET", f"requests?since={start}")).json
    first, second = told["requests"]
    assert (first["method"], first["path"], first["query"]) == ("GET", "/api/v3/repos/ada/hello", "x=1")
    assert (first["auth"], first["status"]) == ("installation", 200)
    assert first["principal"] == f"installation:{connected.installation.id}"
    assert token not in str(told)
    assert (second["auth"], second["status"]) == ("none", 401)
    await client.control("DELETE", "requests")
    assert (await client.control("GET", "requests")).json["requests"] == []


async def test_the_state(connected: Connected) -> None:
    token = await connected.token()
    told = (await connected.client.control("GET", "state")).json
    assert {one["login"] for one in told["accounts"]} == {"ada", "eve", "grace", "analytical"}
    assert told["apps"][0]["hook"]["secret"] == connected.app.hook.secret
    assert told["installation_tokens"][0]["repo_ids"] is None
    hello = next(one for one in told["repos"] if one["full_name"] == "ada/hello")
    assert hello["private"] is True
    assert hello["branches"] is None, "looking makes no repository"
    await connected.client.call("GET", "/repos/ada/hello/branches", token)
    told = (await connected.client.control("GET", "state")).json
    hello = next(one for one in told["repos"] if one["full_name"] == "ada/hello")
    assert set(hello["branches"]) == {"main", "feature/x", "日本"}


async def test_pushing_over_http(connected: Connected) -> None:
    client = connected.client
    order = {"repo": "hello", "files": {"page.txt": "v2\n"}, "message": "second"}
    told = (await client.control("POST", "push", order)).json
    reply = await client.call("GET", "/repos/ada/hello/commits/main", await connected.token())
    assert reply.json["sha"] == told["after"]
    settled = (await client.control("GET", "deliveries?settled=1")).json["deliveries"]
    assert [one["status_code"] for one in settled if one["event"] == "push"] == [202]
    back = (await client.control("POST", "push", {"repo": "hello", "to": told["before"], "fire": False})).json
    assert (back["before"], back["after"]) == (told["after"], told["before"])


@pytest.mark.parametrize(
    ("order", "status"),
    [
        ({"repo": "nowhere"}, 404),
        ({"repo": "hello", "user": "nobody"}, 422),
        ({"repo": "hello", "branch": "nope", "delete": True}, 422),
        ({"repo": "hello", "to": "0" * 40}, 422),
        ({"repo": "hello", "branch": "a..b"}, 422),
        ({"repo": "hello", "branch": "x.lock"}, 422),
        ({"repo": "hello", "branch": ""}, 422),
        ({"repo": "hello", "files": [1]}, 422),
        ({"repo": "hello", "fiels": {}}, 422),
    ],
)
async def test_pushes_that_make_no_sense(client: Client, order: dict[str, object], status: int) -> None:
    assert (await client.control("POST", "push", order)).status == status


async def test_branches(connected: Connected) -> None:
    client = connected.client
    made = await client.control("POST", "branches", {"repo": "hello", "branch": "v1.2", "from": "feature/x"})
    assert made.status == 201
    assert (await client.control("POST", "branches", {"repo": "hello", "branch": "x", "from": "no"})).status == 422
    await client.sandbox.settled()
    (event,) = connected.inbox.of("push")
    assert (event.payload["created"], event.payload["commits"]) == (True, [])
    assert event.payload["after"] == made.json["after"] == event.payload["head_commit"]["id"]


async def test_who_sits_at_the_browser(client: Client) -> None:
    assert (await client.control("POST", "browser", {"login": "eve"})).status == 204
    page = await client.fetch("GET", client.sandbox.url + "/")
    assert "signed in as <b>eve</b>" in page.text
    assert "ada/website" in page.text
    assert "ada/hello" not in page.text
    assert (await client.control("POST", "browser", {"login": "nobody"})).status == 404


async def test_unknown_controls(client: Client) -> None:
    assert (await client.control("POST", "repos/1", {"rename": "x"})).status == 404
    assert (await client.control("POST", "apps/none", {})).status == 404
    assert (await client.control("POST", "installations/1", {"action": "suspend"})).status == 404
    assert (await client.control("POST", "repos/700000001", {"colour": "red"})).status == 422

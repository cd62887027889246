"""A repository's webhooks over REST."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.actors import Reply
from tests.sandbox.conftest import Connected

HOOKS = "/repos/ada/hello/hooks"


async def create(connected: Connected, **changes: object) -> Reply:
    order: dict[str, Any] = {
        "name": "web",
        "active": True,
        "events": ["push"],
        "config": {"url": f"{connected.inbox.url}/repo", "content_type": "json", "secret": "s3cret"},
        **changes,
    }
    return await connected.client.call("POST", HOOKS, await connected.token(), json=order)


async def test_creating_pings_and_hides_the_secret(connected: Connected) -> None:
    reply = await create(connected)
    assert reply.status == 201
    hook = reply.json
    assert hook["config"] == {
        "url": f"{connected.inbox.url}/repo",
        "content_type": "json",
        "insecure_ssl": "0",
        "secret": "********",
    }
    await connected.client.sandbox.settled()
    (ping,) = connected.inbox.of("ping")
    assert ping.payload["hook_id"] == hook["id"]
    assert ping.headers["X-GitHub-Hook-Installation-Target-Type"] == "repository"
    assert ping.signed_with("s3cret")
    token = await connected.token()
    seen = (await connected.client.call("GET", f"{HOOKS}/{hook['id']}", token)).json
    assert seen["last_response"] == {"code": 202, "status": "active", "message": "OK"}
    assert [one["id"] for one in (await connected.client.call("GET", HOOKS, token)).json] == [hook["id"]]


async def test_the_same_twice_is_refused_other_events_are_not(connected: Connected) -> None:
    await create(connected)
    again = await create(connected)
    assert again.status == 422
    assert again.json["errors"][0]["message"] == "Hook already exists on this repository"
    assert (await create(connected, events=["repository"])).status == 201


async def test_twenty_per_event(connected: Connected) -> None:
    token, client = await connected.token(), connected.client
    for number in range(20):
        config = {"url": f"{connected.inbox.url}/{number}"}
        reply = await client.call("POST", HOOKS, token, json={"config": config, "active": False})
        assert reply.status == 201
    full = await create(connected)
    assert full.status == 422
    assert "cannot have more than 20 hooks" in full.json["errors"][0]["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"config": {}},
        {"config": {"url": "ftp://x"}},
        {"config": {"url": "http://x.y", "content_type": "xml"}},
        {"events": ["lunch"]},
        {"events": "push"},
        {"name": "mail"},
    ],
)
async def test_what_makes_no_hook(connected: Connected, changes: dict[str, Any]) -> None:
    assert (await create(connected, **changes)).status == 422
    assert not connected.client.sandbox.state.hooks


async def test_a_body_that_is_no_json(connected: Connected) -> None:
    token = await connected.token()
    for data in (b"{", b"[]", b"[" * 200_000):
        assert (await connected.client.call("POST", HOOKS, token, data=data)).status == 400


async def test_patching_config_without_secret_removes_it(connected: Connected) -> None:
    hook = (await create(connected)).json
    token, client = await connected.token(), connected.client
    path, config = f"{HOOKS}/{hook['id']}", {"url": f"{connected.inbox.url}/new", "content_type": "json"}
    changed = (await client.call("PATCH", path, token, json={"config": config, "add_events": ["repository"]})).json
    assert "secret" not in changed["config"]
    assert changed["events"] == ["push", "repository"]
    assert (await client.call("PATCH", f"{path}/config", token, json={"secret": "again"})).status == 200
    kept = (await client.call("PATCH", f"{path}/config", token, json={"content_type": "form"})).json
    assert kept == {"url": config["url"], "content_type": "form", "insecure_ssl": "0", "secret": "********"}
    off = (await client.call("PATCH", path, token, json={"active": False, "remove_events": ["repository"]})).json
    assert (off["active"], off["events"]) == (False, ["push"])


async def test_deleting(connected: Connected) -> None:
    hook = (await create(connected)).json
    token, client = await connected.token(), connected.client
    assert (await client.call("DELETE", f"{HOOKS}/{hook['id']}", token)).status == 204
    assert (await client.call("DELETE", f"{HOOKS}/{hook['id']}", token)).status == 404
    assert (await client.call("GET", HOOKS, token)).json == []


async def test_another_repositorys_hook_is_not_here(connected: Connected) -> None:
    hook = (await create(connected)).json
    reply = await connected.client.call("GET", f"/repos/ada/api/hooks/{hook['id']}", await connected.token())
    assert reply.status == 404


async def test_without_the_permission(connected: Connected) -> None:
    token = await connected.token(permissions={"contents": "read"})
    reply = await connected.client.call("GET", HOOKS, token)
    assert (reply.status, reply.json["message"]) == (403, "Resource not accessible by integration")
    assert reply.headers["X-Accepted-GitHub-Permissions"] == "repository_hooks=read"
    reading = await connected.token(permissions={"repository_hooks": "read"})
    assert (await connected.client.call("GET", HOOKS, reading)).status == 200
    assert (await connected.client.call("POST", HOOKS, reading, json={})).status == 403


async def test_the_apps_own_hook_can_be_moved_but_not_switched_on(connected: Connected) -> None:
    client, app = connected.client, connected.app
    app.hook_active = False
    changed = await client.call("PATCH", "/app/hook/config", connected.jwt, json={"url": "http://127.0.0.1:1/new"})
    assert changed.json["url"] == "http://127.0.0.1:1/new"
    assert changed.json["secret"] == "********"
    assert app.hook.url == "http://127.0.0.1:1/new"
    assert not app.hook_active
    assert (await client.call("GET", "/app/hook/config", connected.jwt)).json == changed.json
    assert (await client.call("GET", "/app/hook/config", await connected.token())).status == 401

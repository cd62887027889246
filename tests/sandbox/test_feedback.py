"""Commit statuses, check suites and runs, and deployments."""

from __future__ import annotations

import pytest

from nanoscale_box.sandbox.model import App
from tests.sandbox.actors import MANIFEST, Client, installation_token, shared_keys

RIGHTS = {"contents": "read", "statuses": "write", "deployments": "write", "checks": "write"}
REPO = "/repos/ada/hello"


@pytest.fixture
async def app(client: Client) -> App:
    return await client.sandbox.register_app({**MANIFEST, "default_permissions": RIGHTS}, keys=shared_keys())


@pytest.fixture
async def token(client: Client, app: App) -> str:
    return await installation_token(client, app, client.sandbox.install(app))


async def sha_of(client: Client, token: str) -> str:
    return str((await client.call("GET", f"{REPO}/commits/main", token)).json["sha"])


async def test_statuses(client: Client, token: str) -> None:
    sha = await sha_of(client, token)
    empty = (await client.call("GET", f"{REPO}/commits/main/status", token)).json
    assert (empty["state"], empty["total_count"]) == ("pending", 0)
    made = []
    for state in ("pending", "success"):
        order = {"state": state, "context": "box", "target_url": "http://hello.localhost"}
        made.append(await client.call("POST", f"{REPO}/statuses/{sha}", token, json=order))
    assert [one.status for one in made] == [201, 201]
    assert made[0].json["creator"]["login"] == "nanoscale-test[bot]"
    green = (await client.call("GET", f"{REPO}/commits/main/status", token)).json
    assert (green["state"], green["total_count"]) == ("success", 1)
    await client.control("POST", "statuses", {"repo": "hello", "sha": sha, "state": "failure", "context": "ci"})
    red = (await client.call("GET", f"{REPO}/commits/{sha}/status", token)).json
    assert (red["state"], red["total_count"]) == ("failure", 2)
    assert len((await client.call("GET", f"{REPO}/commits/main/statuses", token)).json) == 3
    assert (await client.call("POST", f"{REPO}/statuses/{sha}", token, json={"state": "great"})).status == 422
    assert (await client.call("POST", f"{REPO}/statuses/{'0' * 40}", token, json={"state": "error"})).status == 422


async def test_check_runs(client: Client, token: str) -> None:
    sha = await sha_of(client, token)
    await client.control("POST", "check-runs", {"repo": "hello", "head_sha": sha, "name": "ci", "status": "queued"})
    order = {"repo": "hello", "head_sha": sha, "name": "ci", "conclusion": "success"}
    await client.control("POST", "check-runs", order)
    own = await client.call("POST", f"{REPO}/check-runs", token, json={"head_sha": sha, "name": "box"})
    assert own.json["app"]["slug"] == "nanoscale-test"
    told = (await client.call("GET", f"{REPO}/commits/feature%2Fx/check-runs", token)).json
    assert told["total_count"] == 0
    told = (await client.call("GET", f"{REPO}/commits/main/check-runs", token)).json
    assert {one["name"]: (one["status"], one["conclusion"]) for one in told["check_runs"]} == {
        "ci": ("completed", "success"),
        "box": ("queued", None),
    }
    assert (await client.call("POST", f"{REPO}/check-runs", token, json={"name": "box"})).status == 422


async def test_check_suites_follow_their_runs(client: Client, token: str) -> None:
    sha = await sha_of(client, token)

    async def suites() -> list[tuple[str, str | None, int]]:
        told = (await client.call("GET", f"{REPO}/commits/{sha}/check-suites", token)).json
        assert told["total_count"] == len(told["check_suites"])
        return [(one["status"], one["conclusion"], one["latest_check_runs_count"]) for one in told["check_suites"]]

    async def run(name: str, **how: str) -> None:
        await client.control("POST", "check-runs", {"repo": "hello", "head_sha": sha, "name": name, **how})

    assert await suites() == []
    await client.control("POST", "check-suites", {"repo": "hello", "head_sha": sha, "status": "queued"})
    assert await suites() == [("queued", None, 0)]
    await client.control("POST", "check-suites", {"repo": "hello", "head_sha": sha, "status": "in_progress"})
    await run("build", conclusion="success")
    assert await suites() == [("in_progress", None, 1)]
    done = {"repo": "hello", "head_sha": sha, "status": "completed", "conclusion": "success"}
    await client.control("POST", "check-suites", done)
    assert await suites() == [("completed", "success", 1)]
    await run("test", status="in_progress")
    assert await suites() == [("in_progress", None, 2)]
    await run("test", conclusion="failure")
    assert await suites() == [("completed", "failure", 2)]


async def test_deployments(client: Client, token: str) -> None:
    order = {"ref": "main", "environment": "production", "required_contexts": []}
    made = await client.call("POST", f"{REPO}/deployments", token, json=order)
    assert made.status == 201
    path = f"{REPO}/deployments/{made.json['id']}"
    state = {"state": "success", "environment_url": "http://hello.localhost"}
    assert (await client.call("POST", f"{path}/statuses", token, json=state)).status == 201
    assert (await client.call("POST", f"{path}/statuses", token, json={"state": "great"})).status == 422
    (status,) = (await client.call("GET", f"{path}/statuses", token)).json
    assert status["environment_url"] == "http://hello.localhost"
    assert [one["id"] for one in (await client.call("GET", f"{REPO}/deployments", token)).json] == [made.json["id"]]
    assert (await client.call("GET", path, token)).json["sha"] == await sha_of(client, token)
    assert (await client.call("GET", f"{REPO}/deployments/1", token)).status == 404
    assert (await client.call("POST", f"{REPO}/deployments", token, json={})).status == 422


async def test_a_deployment_conflicts_with_a_red_commit(client: Client, token: str) -> None:
    sha = await sha_of(client, token)
    await client.control("POST", "statuses", {"repo": "hello", "sha": sha, "state": "failure", "context": "ci"})
    assert (await client.call("POST", f"{REPO}/deployments", token, json={"ref": "main"})).status == 409


async def test_without_the_rights(client: Client, app: App, token: str) -> None:
    installation = next(iter(client.sandbox.state.installations.values()))
    poor = await installation_token(client, app, installation, permissions={"contents": "read"})
    sha = await sha_of(client, poor)
    for path in (f"/statuses/{sha}", "/deployments", "/check-runs"):
        assert (await client.call("POST", REPO + path, poor, json={"state": "success"})).status == 403

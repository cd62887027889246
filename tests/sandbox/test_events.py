"""What happens to accounts, installations and repositories, and what the App hears of it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.actors import MANIFEST
from tests.sandbox.conftest import Connected


async def actions(connected: Connected, event: str) -> list[str]:
    await connected.client.sandbox.settled()
    return [one.payload["action"] for one in connected.inbox.of(event)]


def repo_id(connected: Connected, name: str) -> int:
    found = connected.client.sandbox.state.repo(name)
    assert found is not None
    return found.id


@pytest.mark.parametrize(
    ("change", "event"),
    [
        ({"rename": "bonjour"}, "renamed"),
        ({"archived": True}, "archived"),
        ({"archived": False}, "unarchived"),
        ({"private": False}, "publicized"),
        ({"private": True}, "privatized"),
        ({"default_branch": "feature/x"}, "edited"),
        ({"delete": True}, "deleted"),
    ],
)
async def test_repository_events(connected: Connected, change: dict[str, Any], event: str) -> None:
    number = repo_id(connected, "ada/hello")
    reply = await connected.client.control("POST", f"repos/{number}", change)
    assert reply.status == (204 if "delete" in change else 200)
    assert await actions(connected, "repository") == [event]
    (told,) = connected.inbox.of("repository")
    assert told.payload["repository"]["id"] == number
    assert told.payload["installation"]["id"] == connected.installation.id


async def test_a_rename_says_what_it_was(connected: Connected) -> None:
    await connected.client.control("POST", f"repos/{repo_id(connected, 'ada/hello')}", {"rename": "bonjour"})
    await connected.client.sandbox.settled()
    (told,) = connected.inbox.of("repository")
    assert told.payload["changes"] == {"repository": {"name": {"from": "hello"}}}
    assert told.payload["repository"]["full_name"] == "ada/bonjour"
    taken = await connected.client.control("POST", f"repos/{repo_id(connected, 'ada/api')}", {"rename": "bonjour"})
    assert taken.status == 422


async def test_a_transfer_leaves_the_installation(connected: Connected) -> None:
    number = repo_id(connected, "ada/hello")
    token = await connected.token()
    await connected.client.control("POST", f"repos/{number}", {"transfer": "analytical"})
    assert await actions(connected, "installation_repositories") == ["removed"]
    assert (await connected.client.call("GET", f"/repositories/{number}", token)).status == 404
    assert (await connected.client.control("POST", f"repos/{number}", {"transfer": "nobody"})).status == 404


async def test_a_transfer_into_another_installation(connected: Connected) -> None:
    sandbox = connected.client.sandbox
    connected.app.public = True
    other = sandbox.install(connected.app, "analytical")
    number = repo_id(connected, "ada/hello")
    await connected.client.control("POST", f"repos/{number}", {"transfer": "analytical"})
    assert sorted(await actions(connected, "installation_repositories")) == ["added", "removed"]
    (gained,) = [one for one in connected.inbox.of("installation_repositories") if one.payload["action"] == "added"]
    assert gained.payload["installation"]["id"] == other.id
    await sandbox.push(number, files={"a": "a"})
    await sandbox.settled()
    (push,) = connected.inbox.of("push")
    assert push.payload["organization"]["login"] == "analytical"
    assert push.payload["repository"]["organization"] == "analytical"


async def test_deleting_takes_hooks_files_and_access_away(connected: Connected) -> None:
    sandbox, token = connected.client.sandbox, await connected.token()
    number = repo_id(connected, "ada/hello")
    order = {"config": {"url": f"{connected.inbox.url}/repo"}}
    await connected.client.call("POST", "/repos/ada/hello/hooks", token, json=order)
    await sandbox.push("ada/hello", files={"a": "a"}, fire=False)
    folder = sandbox.settings.home / "repos" / f"{number}.git"
    assert folder.exists()
    await connected.client.control("POST", f"repos/{number}", {"delete": True})
    assert not folder.exists()
    assert not sandbox.state.hooks
    assert (await connected.client.call("GET", "/repos/ada/hello", token)).status == 404
    assert await actions(connected, "installation_repositories") == ["removed"]


async def test_a_new_repository_joins_where_all_are_covered(connected: Connected) -> None:
    made = await connected.client.control(
        "POST", "repos", {"owner": "ada", "name": "fresh", "files": {"index.html": "<h1>hi</h1>"}}
    )
    assert made.status == 201
    assert await actions(connected, "installation_repositories") == ["added"]
    assert await actions(connected, "repository") == ["created"]
    token = await connected.token()
    branches = (await connected.client.call("GET", "/repos/ada/fresh/branches", token)).json
    assert [one["name"] for one in branches] == ["main"]
    taken = await connected.client.control("POST", "repos", {"owner": "ada", "name": "Fresh"})
    assert taken.status == 422


async def test_an_empty_repository_has_no_branches(connected: Connected) -> None:
    await connected.client.control("POST", "repos", {"owner": "ada", "name": "void"})
    assert (await connected.client.call("GET", "/repos/ada/void/branches", await connected.token())).json == []


async def test_installation_events_by_control(connected: Connected) -> None:
    path = f"installations/{connected.installation.id}"
    for order in (
        {"action": "suspend"},
        {"action": "unsuspend"},
        {"action": "accept_permissions", "permissions": {"contents": "read"}},
        {"action": "select", "repos": ["ada/hello"]},
        {"action": "select", "repos": "all"},
        {"action": "delete"},
    ):
        assert (await connected.client.control("POST", path, order)).status == 200
    await connected.client.sandbox.settled()
    told = await actions(connected, "installation")
    assert told == ["suspend", "unsuspend", "new_permissions_accepted", "deleted"]
    assert sorted(await actions(connected, "installation_repositories")) == ["added", "removed"]
    assert (await connected.client.control("POST", path, {"action": "delete"})).status == 404


async def test_new_permissions_wait_for_the_owner(connected: Connected) -> None:
    client, app = connected.client, connected.app
    wanted = {"contents": "read", "statuses": "write"}
    await client.control("POST", f"apps/{app.slug}", {"permissions": wanted, "events": ["push"]})
    path = f"/app/installations/{connected.installation.id}/access_tokens"
    order = {"permissions": {"statuses": "write"}}
    assert (await client.call("POST", path, connected.jwt, json=order)).status == 422
    accept = {"action": "accept_permissions"}
    await client.control("POST", f"installations/{connected.installation.id}", accept)
    assert (await client.call("POST", path, connected.jwt, json=order)).status == 201


async def test_registering_and_installing_without_a_browser(connected: Connected) -> None:
    client = connected.client
    made = await client.control("POST", "apps", {"manifest": {**MANIFEST, "name": "second"}, "owner": "analytical"})
    assert made.json["pem"].startswith("-----BEGIN")
    assert (await client.control("POST", "apps", {"manifest": {**MANIFEST, "name": "second"}})).status == 422
    order = {"app": made.json["slug"], "account": "analytical", "repos": ["engine"]}
    installed = await client.control("POST", "installations", order)
    assert installed.json["repository_selection"] == "selected"
    assert (await client.control("POST", "installations", order)).status == 422
    assert (await client.control("POST", f"apps/{made.json['id']}", {"delete": True})).status == 204
    assert made.json["id"] not in client.sandbox.state.apps


async def test_a_person_takes_the_yes_back(connected: Connected) -> None:
    client = connected.client
    told = (await client.control("POST", "authorizations", {"app": connected.app.slug})).json
    assert (await client.control("DELETE", "authorizations", {"app": connected.app.slug})).status == 204
    assert (await client.call("GET", "/user", told["access_token"])).status == 401
    assert await actions(connected, "github_app_authorization") == ["revoked"]


async def test_tokens_can_be_ended(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    user = (await client.control("POST", "authorizations", {"app": connected.app.slug})).json["access_token"]
    for kind in ("installation", "user", "refresh"):
        assert (await client.control("POST", "tokens", {"kind": kind})).status == 204
    assert (await client.call("GET", "/installation/repositories", token)).status == 401
    assert (await client.call("GET", "/user", user)).status == 401
    assert (await client.control("POST", "tokens", {"kind": "other"})).status == 422

"""Deliveries: what a push sends, how it is signed, what is recorded, and another attempt."""

from __future__ import annotations

import hashlib
import hmac
from pathlib import Path

from nanoscale_box.sandbox import Sandbox, Settings
from nanoscale_box.sandbox.model import NO_COMMIT
from tests.sandbox.actors import MANIFEST, Received, following, receiver
from tests.sandbox.conftest import Connected


async def add_hook(connected: Connected, path: str = "/repo", content_type: str = "json") -> int:
    config = {"url": connected.inbox.url + path, "content_type": content_type, "secret": "repo secret"}
    order = {"config": config, "events": ["push"]}
    reply = await connected.client.call("POST", "/repos/ada/hello/hooks", await connected.token(), json=order)
    await connected.client.sandbox.settled()
    connected.inbox.received.clear()
    return int(reply.json["id"])


async def test_a_push_reaches_both_hooks_with_different_ids(connected: Connected) -> None:
    hook_id, app = await add_hook(connected), connected.app
    pushed = await connected.client.sandbox.push("ada/hello", files={"page.txt": "v2\n"}, message="Second: [skip]")
    await connected.client.sandbox.settled()
    by_type = {one.headers["X-GitHub-Hook-Installation-Target-Type"]: one for one in connected.inbox.of("push")}
    assert by_type.keys() == {"integration", "repository"}
    to_app, to_repo = by_type["integration"], by_type["repository"]
    assert to_app.headers["X-GitHub-Delivery"] != to_repo.headers["X-GitHub-Delivery"]
    assert to_app.headers["X-GitHub-Hook-Installation-Target-ID"] == str(app.id)
    assert to_app.headers["X-GitHub-Hook-ID"] == str(app.hook_id)
    assert to_repo.headers["X-GitHub-Hook-ID"] == str(hook_id)
    assert to_app.headers["User-Agent"].startswith("GitHub-Hookshot/")
    assert to_app.signed_with(app.hook.secret or "")
    assert to_repo.signed_with("repo secret")
    assert to_app.payload["installation"]["id"] == connected.installation.id
    assert "installation" not in to_repo.payload
    check_push(to_app, pushed.before, pushed.after)


def check_push(received: Received, before: str, after: str) -> None:
    payload = received.payload
    assert (payload["before"], payload["after"], payload["ref"]) == (before, after, "refs/heads/main")
    assert (payload["created"], payload["deleted"], payload["forced"]) == (False, False, False)
    (commit,) = payload["commits"]
    assert (commit["added"], commit["removed"], commit["modified"]) == ([], [], ["page.txt"])
    assert payload["head_commit"] == commit
    assert commit["message"] == "Second: [skip]"
    assert commit["author"]["username"] == "ada"
    assert payload["pusher"] == {"name": "ada", "email": "ada@example.com"}
    assert payload["sender"]["login"] == "ada"
    assert payload["repository"]["full_name"] == "ada/hello"
    assert isinstance(payload["repository"]["pushed_at"], int)
    assert f"{before[:12]}...{after[:12]}" in payload["compare"]


async def test_the_old_signature_is_there_too_and_form_bodies_are_signed_as_sent(connected: Connected) -> None:
    await add_hook(connected, content_type="form")
    await connected.client.sandbox.push("ada/hello", files={"a": "ü"}, message="ünïcode 日本")
    await connected.client.sandbox.settled()
    (form,) = [one for one in connected.inbox.of("push") if "urlencoded" in one.headers["Content-Type"]]
    assert form.signed_with("repo secret")
    sha1 = hmac.new(b"repo secret", form.body, hashlib.sha1).hexdigest()
    assert form.headers["X-Hub-Signature"] == f"sha1={sha1}"
    assert form.payload["head_commit"]["message"] == "ünïcode 日本"


async def test_forced_created_and_deleted(connected: Connected) -> None:
    sandbox = connected.client.sandbox
    first = await sandbox.push("ada/hello", files={"page.txt": "v2"})
    forced = await sandbox.push("ada/hello", files={"page.txt": "v3"}, force=True)
    back = await sandbox.push("ada/hello", to=first.after)
    made = await sandbox.push("ada/hello", branch="new", files={"n": "n"})
    gone = await sandbox.push("ada/hello", branch="new", delete=True)
    await sandbox.settled()
    facts = {one.payload["after"] + one.payload["before"]: one.payload for one in connected.inbox.of("push")}
    assert len(facts) == 5
    assert facts[forced.after + forced.before]["forced"] is True
    assert facts[back.after + back.before]["forced"] is True
    assert back.after == first.after
    created = facts[made.after + NO_COMMIT]
    assert (created["created"], len(created["commits"])) == (True, 1)
    deleted = facts[NO_COMMIT + gone.before]
    assert (deleted["deleted"], deleted["head_commit"], deleted["commits"]) == (True, None, [])


async def test_nobody_is_told_when_fire_is_off(connected: Connected) -> None:
    await connected.client.sandbox.push("ada/hello", files={"a": "a"}, fire=False)
    await connected.client.sandbox.settled()
    assert not connected.inbox.received


async def test_suspended_installations_and_inactive_hooks_hear_nothing(connected: Connected) -> None:
    sandbox, path = connected.client.sandbox, f"installations/{connected.installation.id}"
    await connected.client.control("POST", path, {"action": "suspend"})
    await sandbox.push("ada/hello", files={"a": "1"})
    await connected.client.control("POST", path, {"action": "unsuspend"})
    connected.app.hook_active = False
    await sandbox.push("ada/hello", files={"a": "2"})
    await sandbox.settled()
    assert not connected.inbox.of("push")


async def test_only_repositories_of_the_selection(connected: Connected) -> None:
    order = {"action": "select", "repos": ["ada/api"]}
    await connected.client.control("POST", f"installations/{connected.installation.id}", order)
    await connected.client.sandbox.push("ada/hello", files={"a": "1"})
    await connected.client.sandbox.push("ada/api", files={"a": "1"})
    await connected.client.sandbox.settled()
    assert [one.payload["repository"]["name"] for one in connected.inbox.of("push")] == ["api"]


async def test_deliveries_are_listed_by_cursor_and_can_be_sent_again(connected: Connected) -> None:
    client = connected.client
    connected.inbox.answer = lambda _: 500
    for number in range(5):
        await client.sandbox.push("ada/hello", files={"a": str(number)})
        await client.sandbox.settled()
    connected.inbox.answer = lambda _: 202
    found, path = [], "/app/hook/deliveries?per_page=2"
    while path:
        reply = await client.call("GET", path, connected.jwt)
        found += reply.json
        path = following(reply)
    ids = [one["id"] for one in found]
    assert ids == sorted(ids, reverse=True)
    assert min(ids) > 2**53
    failed = (await client.call("GET", "/app/hook/deliveries?status=failure", connected.jwt)).json
    assert len(failed) == 5
    one = failed[-1]
    assert (one["event"], one["status_code"], one["redelivery"]) == ("push", 500, False)
    whole = (await client.call("GET", f"/app/hook/deliveries/{one['id']}", connected.jwt)).json
    assert whole["request"]["headers"]["X-GitHub-Event"] == "push"
    assert whole["response"]["payload"] == "noted"
    again = await client.call("POST", f"/app/hook/deliveries/{one['id']}/attempts", connected.jwt)
    assert again.status == 202
    await client.sandbox.settled()
    newest = (await client.call("GET", "/app/hook/deliveries?per_page=1", connected.jwt)).json[0]
    assert (newest["guid"], newest["redelivery"], newest["status_code"]) == (one["guid"], True, 202)
    assert newest["id"] != one["id"]
    assert connected.inbox.received[-1].headers["X-GitHub-Delivery"] == one["guid"]


async def test_a_repository_hooks_deliveries(connected: Connected) -> None:
    client, hook_id, token = connected.client, await add_hook(connected), await connected.token()
    path = f"/repos/ada/hello/hooks/{hook_id}/deliveries"
    (ping,) = (await client.call("GET", path, token)).json
    assert (ping["event"], ping["status"]) == ("ping", "OK")
    assert (await client.call("GET", f"{path}/{ping['id']}", token)).json["url"] == f"{connected.inbox.url}/repo"
    assert (await client.call("POST", f"{path}/{ping['id']}/attempts", token)).status == 202
    assert (await client.call("GET", f"/app/hook/deliveries/{ping['id']}", connected.jwt)).status == 404
    client.sandbox.clock.advance(3 * 86_400 + 1)
    assert (await client.call("GET", path, await connected.token())).json == []


async def test_nobody_there(connected: Connected) -> None:
    connected.app.hook.url = "http://127.0.0.1:1/closed"
    await connected.client.sandbox.push("ada/hello", files={"a": "a"})
    await connected.client.sandbox.settled()
    delivery = list(connected.client.sandbox.state.deliveries.values())[-1]
    assert (delivery.status_code, delivery.status) == (502, "failed to connect to host")


async def test_ten_seconds_and_no_second_try(tmp_path: Path) -> None:
    assert Settings(home=tmp_path).delivery_timeout == 10.0
    settings = Settings(home=tmp_path, delivery_timeout=0.2)
    async with receiver() as inbox, Sandbox(home=tmp_path, settings=settings) as sandbox:
        app = await sandbox.register_app({**MANIFEST, "hook_attributes": {"url": f"{inbox.url}/slow"}})
        await sandbox.settled()
        (delivery,) = sandbox.state.deliveries.values()
        assert (delivery.status_code, delivery.status) == (504, "timed out")
        assert len(inbox.received) == 1
        assert app.hook_active


async def test_redirects_are_not_followed(connected: Connected) -> None:
    connected.inbox.answer = lambda _: 302
    await connected.client.sandbox.push("ada/hello", files={"a": "a"})
    await connected.client.sandbox.settled()
    assert len(connected.inbox.of("push")) == 1


async def test_a_payload_beyond_25_mb_is_not_sent(connected: Connected) -> None:
    files = {"a": "a"}
    await connected.client.sandbox.push("ada/hello", files=files, message="m" * (13 * 1024 * 1024))
    await connected.client.sandbox.settled()
    assert not connected.inbox.of("push")

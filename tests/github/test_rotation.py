"""Webhook secrets are renewed while deliveries go on: the old and the new one both verify for a while."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from nanoscale_box.core.github import sign
from nanoscale_box.core.secret import Secret
from tests.github.stand import WEBHOOK, Stand


async def deliver(stand: Stand, secret: str, hook_id: int | None) -> int:
    """A ping, signed; what the box answers."""
    body = json.dumps({"zen": "", "hook_id": hook_id or 1}).encode()
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": "ping",
        "X-GitHub-Delivery": str(uuid4()),
        "X-Hub-Signature-256": sign(Secret(secret), body),
        "X-GitHub-Hook-Installation-Target-Type": "integration" if hook_id is None else "repository",
        "X-GitHub-Hook-ID": str(hook_id or 7),
    }
    async with stand.http.post(stand.url + WEBHOOK, data=body, headers=headers) as answer:
        return answer.status


async def secrets_of(stand: Stand) -> tuple[str, str, int]:
    """What GitHub signs with: the App's secret, the repository hook's, and that hook's id."""
    state = await stand.ask("state")
    return state["apps"][0]["hook"]["secret"], state["hooks"][0]["secret"], state["hooks"][0]["id"]


async def test_old_and_new_verify_for_an_hour_and_then_the_new_alone(connected: Stand) -> None:
    await connected.create()
    old_app, old_repo, hook = await secrets_of(connected)
    done = await connected.client.rotate_secrets()
    assert (done.app_hook, done.repository_hooks, done.overlap_seconds) == (True, 1, 3600)
    await connected.idle()
    new_app, new_repo, same_hook = await secrets_of(connected)
    assert new_app != old_app and new_repo != old_repo and same_hook == hook
    for restarted in (False, True):
        if restarted:
            await connected.restart()
        assert [await deliver(connected, one, None) for one in (old_app, new_app)] == [200, 200]
        assert [await deliver(connected, one, hook) for one in (old_repo, new_repo)] == [200, 200]
    await connected.wait(3601)
    assert [await deliver(connected, one, None) for one in (old_app, new_app)] == [401, 200]
    assert [await deliver(connected, one, hook) for one in (old_repo, new_repo)] == [401, 200]
    pushed = await connected.order("push", {"repo": "ada/hello", "files": {"page.txt": "new"}})
    await connected.wait(2)
    assert connected.serves() == pushed["after"]


async def test_while_github_cannot_be_told_the_old_secret_goes_on(connected: Stand) -> None:
    await connected.create()
    old_app, old_repo, hook = await secrets_of(connected)
    await connected.fault("PATCH", "/hook", status=503, times=None)
    await connected.client.rotate_secrets()
    await connected.wait(30)
    await connected.restart()
    await connected.wait(2 * 3600)
    assert [await deliver(connected, old_app, None), await deliver(connected, old_repo, hook)] == [200, 200]
    await connected.no_more_faults()
    await connected.wait(3600)
    new_app, new_repo, _ = await secrets_of(connected)
    assert new_app != old_app and new_repo != old_repo
    await connected.wait(3700)
    assert [await deliver(connected, old_app, None), await deliver(connected, old_repo, hook)] == [401, 401]
    assert [await deliver(connected, new_app, None), await deliver(connected, new_repo, hook)] == [200, 200]


async def test_two_rotations_in_a_row_lose_none_of_the_three(connected: Stand) -> None:
    await connected.create()
    seen = [await secrets_of(connected)]
    for _ in range(2):
        await connected.client.rotate_secrets()
        await connected.idle()
        seen.append(await secrets_of(connected))
    assert len({app for app, _, _ in seen}) == 3
    for app, repo, hook in seen:
        assert (await deliver(connected, app, None), await deliver(connected, repo, hook)) == (200, 200)


@pytest.mark.parametrize("secret", ["", "another"])
async def test_no_other_secret_verifies(connected: Stand, secret: str) -> None:
    await connected.create()
    _, _, hook = await secrets_of(connected)
    assert await deliver(connected, secret, None) == 401 and await deliver(connected, secret, hook) == 401


async def test_an_app_from_the_settings_keeps_its_own_secret_and_says_so(stand: Stand) -> None:
    stand.given = await stand.make_app()
    await stand.restart()
    done = await stand.client.rotate_secrets()
    assert not done.app_hook and done.note and "NANOSCALE_GITHUB_WEBHOOK_SECRET" in done.note

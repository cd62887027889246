"""Tokens: the owner's are refreshed once and stored first; a checkout's lives as long as the checkout, and nowhere."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path

import pytest

from nanoscale_box.adapters.git import GitSource
from nanoscale_box.client.errors import ApiError
from nanoscale_box.core.errors import Code, Conflict
from nanoscale_box.core.model import DeploymentId, ProjectId, Release, Sha
from nanoscale_box.core.text import redact
from nanoscale_box.sandbox import ids
from nanoscale_box.sandbox.settings import TokenFormat
from tests.github.stand import Stand

GRANT = "/login/oauth/access_token"
HOURS = 3600.0


async def refreshes(stand: Stand) -> int:
    return len(await stand.requests("POST", GRANT)) - 1


async def test_a_token_is_refreshed_before_it_ends_and_once_for_all_who_wait(connected: Stand) -> None:
    connecting = connected.engine.accounts._connecting
    first = await connecting.user_token()
    connected.sandbox.clock.advance(7 * HOURS)
    assert await connecting.user_token() == first and await refreshes(connected) == 0
    connected.sandbox.clock.advance(0.95 * HOURS)
    found = await asyncio.gather(*(connecting.user_token() for _ in range(20)))
    assert set(found) == {found[0]} and found[0] != first
    assert await refreshes(connected) == 1
    await connected.restart()
    assert await connected.engine.accounts._connecting.user_token() == found[0]
    assert await refreshes(connected) == 1


async def test_a_refresh_is_stored_although_nobody_waits_for_it_any_more(connected: Stand) -> None:
    connecting = connected.engine.accounts._connecting
    first = await connecting.user_token()
    connected.sandbox.clock.advance(8 * HOURS)
    await connected.fault("POST", GRANT, "delay", seconds=0.3)
    waiting = asyncio.create_task(connecting.user_token())
    while await refreshes(connected) < 1 and not waiting.done():
        await asyncio.sleep(0.05)
        if (await connected.ask("faults"))["faults"] == []:
            break
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await connecting.user_token() != first
    assert await refreshes(connected) == 1 and (await connected.client.github_status()).connected


@pytest.mark.parametrize("how", ["dead", "answer lost"])
async def test_what_cannot_be_refreshed_becomes_reconnect_and_is_not_asked_again(connected: Stand, how: str) -> None:
    project = await connected.create()
    connected.sandbox.clock.advance(8 * HOURS)
    if how == "dead":
        await connected.order("tokens", {"kind": "refresh"})
    else:
        await connected.fault("POST", GRANT, "close", when="after")
        with pytest.raises(BaseException, match="cannot be reached"):
            await connected.engine.accounts._connecting.user_token()
    for _ in range(3):
        with pytest.raises(Conflict) as refused:
            await connected.engine.accounts._connecting.user_token()
        assert refused.value.code is Code.GITHUB_RECONNECT and "github connect" in refused.value.hint
    assert await refreshes(connected) == (1 if how == "dead" else 2)
    assert (await connected.client.github_status()).state == "reconnect"
    pushed = await connected.order("push", {"repo": "ada/hello", "files": {"page.txt": "still deployed"}})
    await connected.wait(2)
    assert connected.serves() == pushed["after"] and not (await connected.project(project.id)).paused
    page = await connected.browser.open((await connected.client.start_connect()).redirect_url)
    assert "GitHub is connected</h1>" in (await connected.authorise(page)).text
    assert (await connected.client.github_status()).state == "connected"


async def test_a_grant_taken_back_on_github_shows_and_connecting_again_mends_it(connected: Stand) -> None:
    slug = (await connected.ask("state"))["apps"][0]["slug"]
    await connected.order("authorizations", {"app": slug}, "DELETE")
    assert (await connected.client.github_status()).state == "registered"
    with pytest.raises(ApiError):
        await connected.client.branches(await connected.repo("ada/hello"))
    page = await connected.browser.open((await connected.client.start_connect()).redirect_url)
    assert "GitHub is connected</h1>" in (await connected.authorise(page)).text


async def checkout_tokens(stand: Stand) -> list[object]:
    """The tokens GitHub holds good that can read one repository."""
    return [one for one in (await stand.ask("state"))["installation_tokens"] if one["repo_ids"]]


@pytest.mark.parametrize("fault", [None, "status", "close", "truncate"])
async def test_a_checkouts_token_dies_with_the_checkout_whatever_becomes_of_it(
    connected: Stand, tmp_path: Path, fault: str | None
) -> None:
    source = GitSource(tmp_path / "mirrors", lambda release: tmp_path / "releases" / release.deployment_id)
    await source.start()
    try:
        connected.source = source
        connected.world.folders = defaultdict(lambda: Sha("0" * 40))  # the fake builder looks there
        await connected.restart()
        if fault:
            await connected.fault("POST", "git-upload-pack", fault, times=None, bytes=200)
        project = await connected.create("ada/website")
        minted = [one for one in await connected.requests("POST", "/access_tokens") if one["status"] == 201]
        assert len(minted) >= 2 and await checkout_tokens(connected) == []
        assert len(await connected.requests("DELETE", "/installation/token")) >= 1
        assert bool((await connected.project(project.id)).live_deployment_id) is (fault is None)
    finally:
        await source.close()


async def test_a_child_that_is_killed_leaves_no_token_behind(connected: Stand, tmp_path: Path) -> None:
    """Cancelled while GitHub keeps silent: the git child is killed, and the token revoked."""
    source = GitSource(tmp_path / "mirrors", lambda release: tmp_path / "releases" / release.deployment_id)
    await source.start()
    try:
        project = await connected.create("ada/website")
        await connected.fault("POST", "git-upload-pack", "delay", seconds=5, times=None)
        release = Release(project_id=ProjectId("p"), deployment_id=DeploymentId("d"))

        async def fetch() -> None:
            remotes = connected.engine.worker._pipeline._remotes
            async with remotes.open(project) as remote:
                head = await connected.heads.head(remote, "main")
                assert head and await checkout_tokens(connected)
                await source.checkout(remote, "main", head, release, print)

        fetching = asyncio.create_task(fetch())
        while not await connected.requests("", "git-upload-pack"):
            await asyncio.sleep(0.05)
            if fetching.done():
                break
        fetching.cancel()
        await asyncio.wait({fetching})
        assert fetching.cancelled() and await checkout_tokens(connected) == []
        assert not (tmp_path / "releases" / "d").exists()
    finally:
        await connected.no_more_faults()
        await source.close()


@pytest.mark.parametrize("kind", [TokenFormat.SHORT, TokenFormat.LONG])
async def test_both_formats_of_token_are_made_unreadable(kind: TokenFormat) -> None:
    token = ids.installation_token(kind, 0)
    assert (len(token) > 400) is (kind is TokenFormat.LONG)
    text = redact(f"fatal: could not read https://x-access-token:{token}@host/ada/hello {token}.")
    assert token not in text and token[8:] not in text


async def test_no_token_is_in_the_database(connected: Stand) -> None:
    await connected.create()
    known = [*connected.sandbox.state.user_tokens, *connected.sandbox.state.installation_tokens]
    known += [one.refresh_token for one in connected.sandbox.state.user_tokens.values()]
    known += [str(hook["secret"]) for hook in await connected.hooks()]
    assert len(known) >= 4
    held = b"".join(file.read_bytes() for file in connected.path.glob("box.db*"))
    assert not [token for token in known if token.encode() in held]

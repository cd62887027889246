"""A box killed between two minds: row and answer, row and alarm, what GitHub did and what the box noted of it."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta

import aiohttp
import pytest

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.client.errors import Unreachable
from nanoscale_box.sandbox import authorizing, registering
from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire import shapes
from nanoscale_box.wire.requests import KeepOrSet
from tests.campaigns.hub import Hub
from tests.campaigns.postman import Letter, post, push_letter
from tests.e2e.harness import Box
from tests.github.stand import keys

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

HEAD = "/branches/main"
GRANT = "/login/oauth/access_token"
UNPOLLED = {"NANOSCALE_POLL_SECONDS": "86400"}


@dataclass(slots=True, kw_only=True)
class Linked:
    """A running box, connected, with `site` live from a private repository."""

    box: Box
    hub: Hub
    http: aiohttp.ClientSession
    repo_id: int = 0

    async def pushed(self, page: str) -> tuple[str, Letter]:
        """Move the branch and tell nobody; the commit, and the letter that would tell it."""
        moved = await self.hub.push("site", {"index.html": page})
        return moved["after"], push_letter(self.hub.secret, self.repo_id, moved)

    async def send(self, letter: Letter) -> tuple[int, str]:
        """Deliver; the status, and what the box says it did."""
        status, told = await post(self.http, self.box.settings["NANOSCALE_LISTEN"], letter)
        return status, str(told.get("status", ""))

    async def verdicts_on(self, letter: Letter) -> list[shapes.Verdict]:
        """What the box says of a delivery."""
        async with self.box.client() as client:
            return [one for one in (await client.verdicts("site")).items if one.delivery_id == letter.delivery_id]

    def recorded(self, letter: Letter) -> list[tuple[str, bool]]:
        """The rows of a delivery, in the database as a box that has ended left it: event, and whether it is handled."""
        with closing(sqlite3.connect(f"file:{self.box.home / 'box.db'}?mode=ro", uri=True)) as database:
            told = "SELECT event_type, handled FROM github_webhook_deliveries WHERE delivery_id = ?"
            return [(event, bool(handled)) for event, handled in database.execute(told, (letter.delivery_id,))]

    def sealed_by(self, key: str) -> list[bool]:
        """Of each variable, in the database as a box that has ended left it: whether this key sealed it."""
        with closing(sqlite3.connect(f"file:{self.box.home / 'box.db'}?mode=ro", uri=True)) as database:
            return [
                text.split(".")[1] == key for (text,) in database.execute("SELECT value_encrypted FROM project_env")
            ]

    async def live_once(self, sha: str, page: str) -> shapes.Deployment:
        """The commit's deployment, once it is live: the only one of that commit, and what visitors see."""
        found = await self.box.numbered("site", 2)
        assert (found.state, found.sha) == ("live", sha), found.error
        assert await self.box.page("site.localhost") == (200, page)
        async with self.box.client() as client:
            rows = (await client.deployments("site")).items
        assert [one.state for one in rows if one.sha == sha] == ["live"]
        return found

    async def hook_of(self, project: str) -> int:
        """The id of a project's hook, once the box has noted it."""

        async def noted(client: BoxClient) -> int | None:
            github = (await client.project(project)).github
            return github.webhook_id if github else None

        return await self.box.seen(noted, f"the id of the hook of {project} is noted")


@pytest.fixture
async def linked(box: Box, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Linked]:
    monkeypatch.setattr(registering, "new_keys", keys)
    hub = Hub(url=sandbox.url, api_url=sandbox.api_url)
    await hub.register(box)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as http:
        made = Linked(box=box, hub=hub, http=http)
        await box.start()
        await hub.connect(box)
        made.repo_id = await hub.repository("site", {"index.html": "one"})
        async with box.client() as client:
            first = await hub.create(client, made.repo_id, "site")
        assert (await box.end_of(first.id)).state == "live"
        await made.hook_of("site")
        yield made


async def dies_at(linked: Linked, point: str, **settings: str) -> None:
    """Start the box again, so that it dies at that moment."""
    linked.box.kill()
    await looks_once(linked, NANOSCALE_CRASH_AT=point, **settings)


async def looks_once(linked: Linked, **settings: str) -> None:
    """Start the box; its only look at the head is over when this returns, so it learns of a push by its delivery."""
    before = len(await linked.hub.requests("GET", HEAD))
    await linked.box.start(**UNPOLLED, **settings)

    async def looked(_: BoxClient) -> bool | None:
        return len(await linked.hub.requests("GET", HEAD)) > before or None

    await linked.box.seen(looked, "the first poll")


async def test_before_the_row_is_committed(linked: Linked) -> None:
    """Nothing is recorded and nobody was told so; GitHub's redelivery is a delivery like any other."""
    await dies_at(linked, "record begun")
    sha, letter = await linked.pushed("two")
    assert await linked.send(letter) == (0, "")
    assert await linked.box.ended() == -9
    assert linked.recorded(letter) == []
    # The commit is there already, so that the first look would tell of it: it has to wait until the delivery is in.
    await linked.hub.order("faults", {"match": {"method": "GET", "path": HEAD}, "kind": "delay", "seconds": 50})
    await linked.box.start(NANOSCALE_DEBOUNCE_SECONDS="1", **UNPOLLED)
    assert await linked.verdicts_on(letter) == []
    assert await linked.send(letter) == (202, "accepted")
    await linked.hub.forget_faults()
    assert len(await linked.verdicts_on(letter)) == 1
    assert (await linked.live_once(sha, "two")).trigger == "push"


async def test_after_the_row_is_committed_and_before_the_answer(linked: Linked) -> None:
    """The push is not lost although GitHub was told nothing, and the redelivery is known for one."""
    await dies_at(linked, "record done")
    sha, letter = await linked.pushed("two")
    assert await linked.send(letter) == (0, "")
    assert await linked.box.ended() == -9
    assert linked.recorded(letter) == [("push", True)]
    await linked.box.start(**UNPOLLED)
    assert (await linked.live_once(sha, "two")).trigger == "push"
    assert await linked.send(letter) == (200, "duplicate")
    assert [one.outcome for one in await linked.verdicts_on(letter)] == ["deployed"]
    await linked.live_once(sha, "two")


async def test_before_the_alarm(linked: Linked) -> None:
    """The row alone is enough: nobody has to ring for it in the life that recorded it."""
    await dies_at(linked, "alarm begun", NANOSCALE_DEBOUNCE_SECONDS="0.5")
    sha, letter = await linked.pushed("two")
    await linked.send(letter)
    assert await linked.box.ended() == -9
    await linked.box.start(**UNPOLLED)
    assert (await linked.live_once(sha, "two")).trigger == "push"
    assert [one.outcome for one in await linked.verdicts_on(letter)] == ["deployed"]


async def test_after_a_refresh_and_before_the_new_pair_is_stored(
    linked: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old refresh token is used up: the box says "reconnect", asks GitHub no second time, and deploys all the
    same."""
    monkeypatch.setattr(authorizing, "TOKEN_LIFE", timedelta(minutes=4))  # less than is left when one is renewed
    box, hub = linked.box, linked.hub
    # The pair that connecting gives ends soon, and is renewed at once: not in this life, which may end in the middle.
    renewal = {"match": {"method": "POST", "path": GRANT}, "kind": "status", "status": 503, "skip": 1, "times": None}
    await hub.order("faults", renewal)
    await hub.connect(box)
    box.kill()
    await hub.forget_faults()
    before = len(await hub.requests("POST", GRANT))
    box.spawn(NANOSCALE_CRASH_AT="refresh done", **UNPOLLED)
    assert await box.ended() == -9
    assert len(await hub.requests("POST", GRANT)) == before + 1
    await looks_once(linked)

    async def told(client: BoxClient) -> bool | None:
        return (await client.github_status()).state == "reconnect" or None

    await box.seen(told, "the box says that the account must be connected again")
    for _ in range(3):
        async with box.client() as client:
            await client.sync_repos()
    sha, letter = await linked.pushed("two")
    assert await linked.send(letter) == (202, "accepted")
    await linked.live_once(sha, "two")
    assert len(await hub.requests("POST", GRANT)) == before + 2, "the used token was sent again and again"
    monkeypatch.undo()
    await hub.connect(box)


async def test_after_a_hook_was_made_and_before_its_id_is_stored(linked: Linked) -> None:
    """The project was made and the owner told so, since no answer waits for GitHub; the next life finds the hook by its
    URL instead of making a second one."""
    box, hub = linked.box, linked.hub
    repo_id = await hub.repository("other", {"index.html": "one"})
    await dies_at(linked, "hook done")
    await hub.order("faults", {"match": {"method": "POST", "path": "/hooks$"}, "kind": "delay", "seconds": 50})
    async with box.client() as client:
        first = await hub.create(client, repo_id, "other")
    await hub.forget_faults()
    assert await box.ended() == -9
    made = [one for one in (await hub.ask("state"))["hooks"] if one["repo_id"] == repo_id]
    assert len(made) == 1
    await box.start(**UNPOLLED)
    assert (await box.end_of(first.id)).state == "live"
    assert await linked.hook_of("other") == made[0]["id"]
    now = [one for one in (await hub.ask("state"))["hooks"] if one["repo_id"] == repo_id]
    assert [one["id"] for one in now] == [made[0]["id"]]
    await hub.push("other", {"index.html": "two"}, fire=True)  # the hook's secret is the one the box knows
    assert (await box.numbered("other", 2)).state == "live"


async def test_while_secrets_are_sealed_anew(linked: Linked) -> None:
    """What either key sealed opens, and the next life ends what was begun."""
    box = linked.box
    many = [KeepOrSet(key=f"TOLD_{number}", value="a secret") for number in range(60)]  # more than a step takes
    async with box.client() as client:
        await client.replace_env("site", many)
    await dies_at(linked, "reseal done")
    async with box.client() as client:
        (old,) = [one.id for one in await client.keys()]
        # The first step is done beside the answer, which nobody holds back for it: the box may die with it on its way.
        with suppress(Unreachable):
            answered = {one.id: one.newest for one in await client.rotate_keys()}
            assert len(answered) == 2 and answered[old] is False
    assert await box.ended() == -9
    assert sorted(linked.sealed_by(old)) == [False] * 50 + [True] * 10
    await looks_once(linked)

    async def sealed_anew(client: BoxClient) -> bool | None:
        uses = {one.id: one.uses for one in await client.keys()}
        return (uses[old] == 0 and sum(uses.values()) > 0) or None

    await box.seen(sealed_anew, "the new key seals everything")
    async with box.client() as client:
        assert (await client.github_status()).state == "connected"
    sha, letter = await linked.pushed("two")
    assert await linked.send(letter) == (202, "accepted")
    await linked.live_once(sha, "two")

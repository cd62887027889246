"""Repository hooks: made once, found again, shared, and removed with the last project however long GitHub is down."""

from __future__ import annotations

from pathlib import Path

import pytest

from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.github_model import Hook
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.jobs import PAUSES
from tests.engine.house import PUBLIC, House, open_house, sha
from tests.fake_github import REPO
from tests.fakes import Killed

URL = f"{PUBLIC}/api/integrations/github/webhook"


def down() -> Unavailable:
    return Unavailable(Code.GITHUB_UNREACHABLE, "GitHub does not answer", fault=Fault.GITHUB)


async def webhook_id(house: House, name: str = "hello") -> int | None:
    link = (await house.project(name)).link
    return link.webhook_id if link else None


async def test_a_hook_is_made_with_a_secret_of_its_own(house: House) -> None:
    await house.live(1)
    ((key, (hook, secret)),) = house.hub.hooks.items()
    assert key == (REPO, await webhook_id(house))
    assert hook.url == URL and len(secret.reveal()) == 64
    assert secret.reveal().encode() not in (house.path / "box.db-wal").read_bytes()
    assert (await house.push(2, "repository")).status == "accepted"


async def test_a_hook_with_our_url_is_taken_over(house: House) -> None:
    foreign = Hook(hook_id=1, url="https://ci.example.org", active=True, events=("push",))
    ours = Hook(hook_id=2, url=URL, active=True, events=("push",))
    house.hub.hooks = {(REPO, 1): (foreign, Secret("theirs")), (REPO, 2): (ours, Secret("lost"))}
    await house.live(1)
    assert await webhook_id(house) == 2
    assert house.world.calls.count("github.create_hook") == 0
    assert house.hub.hooks[REPO, 1][1] == Secret("theirs")
    assert house.hub.hooks[REPO, 2][1] != Secret("lost")
    await house.engine.projects.delete("hello")
    await house.idle()
    assert list(house.hub.hooks) == [(REPO, 1)]


@pytest.mark.parametrize("crash", [True, False])
async def test_a_hook_whose_id_could_not_be_recorded_is_found_again(house: House, crash: bool) -> None:
    await house.connect()
    house.commit(1)
    await house.create()
    await house.engine.worker.stop()
    error = Killed() if crash else Unavailable(Code.DISK_FULL, "full", fault=Fault.BOX)
    made = house.github.create_hook

    async def and_then_fail(*arguments: object) -> Hook:
        hook = await made(*arguments)  # type: ignore[arg-type]
        house.world.calls.fail("ledger.write", error)
        return hook

    house.github.create_hook = and_then_fail  # type: ignore[method-assign, assignment]
    house.engine.jobs.wake()
    while house.world.calls.count("github.create_hook") == 0 or house.world.calls.named_plans["ledger.write"]:
        await house.database.read(lambda records: None)
    await house.restart()
    await house.idle()
    assert len(house.hub.hooks) == 1
    assert house.world.calls.count("github.create_hook") == 1
    assert await webhook_id(house) == next(iter(house.hub.hooks))[1]
    assert (await house.push(2, "repository")).status == "accepted"


async def test_projects_on_one_repository_share_the_hook_and_it_goes_with_the_last(house: House) -> None:
    await house.live(1)
    house.commit(5, branch="next")
    await house.create("staging", branch="next")
    await house.idle()
    assert len(house.hub.hooks) == 1
    assert await webhook_id(house) == await webhook_id(house, "staging") is not None
    assert (await house.push(2, "repository")).status == "accepted"
    await house.idle()
    await house.engine.projects.delete("hello")
    await house.idle()
    assert len(house.hub.hooks) == 1
    assert (await house.push(6, "repository", branch="next")).status == "accepted"
    await house.idle()
    await house.engine.projects.delete("staging")
    await house.idle()
    assert house.hub.hooks == {}


async def test_the_removal_is_tried_until_github_has_done_it(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("github.delete_hook", *[down() for _ in range(8)])
    await house.engine.projects.delete("hello")
    await house.settle()
    for pause in (*PAUSES, PAUSES[-1]):
        assert len(house.hub.hooks) == 1
        await house.restart()
        await house.wait(pause)
    assert len(house.hub.hooks) == 1
    await house.wait(PAUSES[-1])
    assert house.hub.hooks == {}
    assert await house.database.read(lambda records: records.keeper.next_job_due()) is None


async def test_a_removal_is_dropped_when_the_repository_is_used_again(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("github.delete_hook", down())
    await house.engine.projects.delete("hello")
    await house.settle()
    await house.create("again")
    await house.idle()
    assert len(house.hub.hooks) == 1
    assert (await house.push(2, "repository")).status == "accepted"
    await house.idle()
    assert house.serves("again") == sha(2)


async def test_deleting_before_the_hook_was_made_leaves_none(house: House) -> None:
    await house.connect()
    house.commit(1)
    house.world.calls.fail("github.create_hook", down())
    await house.create()
    await house.settle()
    await house.engine.projects.delete("hello")
    await house.idle()
    assert house.hub.hooks == {}


async def test_a_box_that_polls_makes_no_hook(tmp_path: Path) -> None:
    async with open_house(tmp_path, webhooks=False) as house:
        await house.live(1)
        assert house.hub.hooks == {}
        assert not [name for name in house.world.calls.names if "hook" in name]
        assert (await house.engine.accounts.status()).mode == "polling"
        house.commit(2)
        await house.engine.polling.poll()
        await house.idle()
        assert house.serves() == sha(2)
        await house.engine.projects.delete("hello")
        await house.idle()
        assert not [name for name in house.world.calls.names if "hook" in name]


async def test_a_store_that_fails_for_a_moment_does_not_end_the_jobs(house: House) -> None:
    await house.connect()
    house.commit(1)
    await house.create()
    full = [Unavailable(Code.DISK_FULL, "full", fault=Fault.BOX) for _ in range(3)]
    house.world.calls.fail("ledger.write", *full)
    await house.idle()
    assert len(house.hub.hooks) == 1 and await webhook_id(house)
    await house.check_clean()

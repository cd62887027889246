"""Polling: what no hook told is noticed, once, and what is settled leaves no trace."""

from __future__ import annotations

from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.model import Outcome
from tests.engine.house import House, sha


async def poll(house: House) -> None:
    await house.engine.polling.poll()
    await house.idle()


async def test_a_push_that_no_hook_told_is_deployed(house: House) -> None:
    await house.live(1)
    house.commit(2)
    await poll(house)
    assert house.serves() == sha(2)
    verdict = (await house.verdicts())[-1]
    assert (verdict.source, verdict.outcome) == ("poll", Outcome.DEPLOYED)
    assert (await house.newest()).subject == "subject of 0002"


async def test_a_head_that_is_settled_leaves_no_trace(house: House) -> None:
    await house.live(1)
    house.world.broken.add(sha(2))
    for number in (None, 2):
        if number:
            await house.push(number)
        await poll(house)
        before = house.digest()
        for _ in range(3):
            await poll(house)
        assert house.digest() == before
    assert await house.states() == ["live", "failed"]


async def test_what_the_owner_cancelled_is_not_begun_again_but_a_new_push_is(house: House) -> None:
    await house.live(1)
    await house.push(2)
    await house.engine.projects.cancel((await house.newest()).id)
    await poll(house)
    assert await house.states() == ["live", "cancelled"]
    house.commit(3)
    await poll(house)
    assert house.serves() == sha(3)


async def test_a_commit_that_says_not_to_deploy_is_told_once(house: House) -> None:
    await house.live(1)
    house.commit(2, message="docs [skip ci]")
    for _ in range(3):
        await poll(house)
    assert house.serves() == sha(1)
    assert [v.code for v in await house.verdicts()] == ["deployed", "skip_marker"]
    await house.push(3, message="more docs [no ci]")
    for _ in range(3):
        await poll(house)
    assert [v.code for v in await house.verdicts()] == ["deployed", "skip_marker", "skip_marker"]


async def test_a_project_that_cannot_be_asked_does_not_hold_up_the_others(house: House) -> None:
    await house.live(1)
    await house.live(10, "other", repo_id=1002)
    house.commit(2)
    house.commit(11, repo_id=1002)
    house.world.calls.fail("github.head", Unavailable(Code.GITHUB_UNREACHABLE, "no answer", fault=Fault.GITHUB))
    await poll(house)
    assert (house.serves(), house.serves("other")) == (sha(1), sha(11))
    project = await house.project()
    assert house.engine.polling.failures[project.id].detail == "no answer"
    assert [f.title for f in await house.engine.doctor.look() if f.code == "poll"] == [
        "hello: its branch could not be looked at: no answer"
    ]
    await poll(house)
    assert house.serves() == sha(2)
    assert house.engine.polling.failures == {}


async def test_a_branch_that_is_gone_leaves_what_runs(house: House) -> None:
    await house.live(1)
    house.world.heads.clear()
    await poll(house)
    assert await house.states() == ["live"]

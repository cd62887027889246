"""Queue and worker: debounce, one at a time, a fair order, retries, cancels, and ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from nanoscale_box.core.errors import Code, Conflict, DeployFailed, Fault, NotFound, Unavailable
from nanoscale_box.core.model import DeploymentId, Outcome, Sha
from nanoscale_box.engine import worker
from nanoscale_box.engine.worker import PAUSES
from tests.engine.house import House, S, open_house, sha
from tests.fakes import seconds


def unreachable(after: float | None = None) -> Unavailable:
    return Unavailable(Code.SOURCE_UNREACHABLE, "nobody answers", fault=Fault.NETWORK, retry_after=after)


async def until(so: Callable[[], bool]) -> None:
    """Let the event loop turn until something is so: for moments that no event tells of."""
    for _ in range(100_000):
        if so():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def test_a_burst_waits_for_quiet_and_the_newest_wins(house: House) -> None:
    await house.live(1)
    for number in (2, 3, 4):
        await house.push(number)
        await house.wait(2)
    assert await house.states() == ["live", "superseded", "superseded", "queued"]
    await house.wait(1)
    assert await house.states() == ["retired", "superseded", "superseded", "live"]
    rows = await house.deployments()
    assert rows[1].superseded_by == rows[2].id and rows[2].superseded_by == rows[3].id
    assert [(v.outcome, v.reason) for v in (await house.verdicts())[1:3]] == [
        (Outcome.SUPERSEDED, "superseded by #3"),
        (Outcome.SUPERSEDED, "superseded by #4"),
    ]
    assert len(house.world.starts) == 2


async def test_a_burst_without_end_waits_no_longer_than_the_cap(house: House) -> None:
    await house.live(1)
    began = house.world.now
    for number in range(2, 40):
        await house.push(number)
        await house.wait(1)
        if house.serves() != sha(1):
            break
    assert house.world.now - began == seconds(30)


async def test_a_push_during_a_deployment_gives_exactly_one_follow_up(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("builder.build")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    house.world.now += seconds(10)
    await house.push(3)
    await house.push(4, "repository")
    house.world.now += seconds(10)
    house.engine.worker.wake()
    await house.settle_reads()
    assert await house.states() == ["live", "building", "superseded", "queued"]
    go.set()
    await passing
    await house.idle()
    assert await house.states() == ["retired", "retired", "superseded", "live"]
    assert house.serves() == sha(4)


async def test_a_push_of_what_is_deployed_just_now_is_not_deployed_again(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("builder.build")
    moved = house.commit(2)
    await house.deliver(moved)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    again = await house.deliver(house.commit(2))
    assert again.verdicts[0].code == "already_running"
    go.set()
    await passing
    assert await house.states() == ["retired", "live"]


@pytest.mark.parametrize("at_once", [1, 2])
async def test_no_more_are_built_at_once_than_the_machine_is_allowed(tmp_path: Path, at_once: int) -> None:
    async with open_house(tmp_path, at_once=at_once) as house:
        await house.connect()
        came, go = house.world.calls.block("builder.build")
        for number, name in enumerate("abc"):
            house.commit(number + 1, branch=name)
            await house.create(name, branch=name)
        await came.wait()
        await house.settle_reads()
        under_way = [row for name in "abc" for row in await house.deployments(name) if row.state is not S.QUEUED]
        assert len(under_way) == at_once
        go.set()
        await house.idle()
        assert [house.serves(name) for name in "abc"] == [sha(1), sha(2), sha(3)]


async def test_who_waits_longest_is_next(house: House) -> None:
    await house.connect()
    came, go = house.world.calls.block("builder.build")
    for number, name in enumerate("zxy"):
        house.commit(number + 1, branch=name)
        await house.create(name, branch=name)
        house.world.now += seconds(1)
    await came.wait()
    go.set()
    await house.idle()
    names = {(await house.project(name)).id: name for name in "xyz"}
    assert [names[release.project_id] for release in house.world.starts] == ["z", "x", "y"]


async def test_a_busy_project_does_not_keep_another_waiting(house: House) -> None:
    await house.live(1)
    await house.live(50, "other", repo_id=1002)
    await house.deliver(house.commit(51, repo_id=1002))
    for number in range(2, 8):
        await house.push(number)
        await house.wait(2)
    assert house.serves("other") == sha(51)


async def test_the_owners_fault_is_not_tried_again(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("source.checkout", DeployFailed(Code.SOURCE_REFUSED, "a symlink leads out of it"))
    await house.push(2)
    await house.idle()
    assert await house.states() == ["live", "failed"]
    verdict = (await house.verdicts())[-1]
    assert (verdict.outcome, verdict.code) == (Outcome.FAILED, Code.SOURCE_REFUSED)
    assert verdict.reason == "#2 failed: a symlink leads out of it"


async def test_the_networks_fault_is_tried_again_after_pauses_and_then_given_up(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("source.head", *[unreachable() for _ in range(10)])
    await house.push(2)
    await house.wait(3)
    for number, pause in enumerate(PAUSES, 1):
        row = await house.newest()
        assert (row.state, row.attempt) == (S.QUEUED, number)
        assert row.due_at - house.world.now == seconds(pause)
        verdict = (await house.verdicts())[-1]
        assert (verdict.outcome, verdict.code) == (Outcome.QUEUED, "retry")
        await house.wait(pause)
    row = await house.newest()
    assert row.state is S.FAILED and row.failure and row.failure.detail == "nobody answers"
    assert house.serves() == sha(1)
    await house.check_clean()


async def test_the_other_side_says_when_to_try_again(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("source.head", unreachable(77.0))
    await house.push(2)
    await house.wait(3)
    assert (await house.newest()).due_at - house.world.now == seconds(77)
    await house.idle()
    assert house.serves() == sha(2)
    assert (await house.newest()).failure is None


async def test_a_push_while_a_retry_waits_takes_its_place(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("source.head", unreachable(600.0))
    await house.push(2)
    await house.wait(3)
    await house.push(3)
    await house.idle()
    assert await house.states() == ["retired", "superseded", "live"]


async def test_a_failing_deployment_with_a_newer_one_waiting_is_superseded(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("source.head")
    house.world.calls.fail("source.checkout", unreachable())
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    await house.push(3)
    go.set()
    await passing
    await house.idle()
    assert await house.states() == ["retired", "superseded", "live"]
    assert (await house.verdicts())[-2].reason == "superseded by #3"


async def test_a_waiting_deployment_can_be_cancelled(house: House) -> None:
    await house.live(1)
    await house.push(2)
    cancelled = await house.engine.projects.cancel((await house.newest()).id)
    assert cancelled.state is S.CANCELLED and cancelled.finished_at
    await house.idle()
    assert house.serves() == sha(1)
    assert (await house.verdicts())[-1].outcome is Outcome.CANCELLED


async def test_a_cancel_right_after_the_claim_leaves_nothing_running(house: House) -> None:
    """The task of a claimed row has not taken its first step yet."""
    await house.live(1)
    await house.push(2)
    house.world.now += seconds(3)
    house.engine.worker.wake()
    await until(lambda: bool(house.engine.worker._works))
    assert (await house.engine.projects.cancel((await house.newest()).id)).state is S.CANCELLED
    await house.push(3)
    await house.idle()
    assert house.serves() == sha(3)
    await house.check_clean()


async def test_what_is_over_or_unknown_cannot_be_cancelled(house: House) -> None:
    await house.live(1)
    with pytest.raises(Conflict) as refused:
        await house.engine.projects.cancel((await house.newest()).id)
    assert refused.value.code is Code.STATE_CONFLICT and "#1 is live" in refused.value.detail
    with pytest.raises(NotFound):
        await house.engine.projects.cancel(DeploymentId("dep_none"))


async def test_a_cancel_that_meets_a_network_fault_is_not_tried_again(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("github.revoke_token")
    house.world.calls.fail("source.checkout", unreachable())
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    number = (await house.newest()).id
    await house.ledger.write(lambda records: house.engine.worker._request_cancel(records, number))
    go.set()
    await passing
    assert (await house.newest()).state is S.CANCELLED


async def test_an_end_that_the_disk_has_no_room_for_is_recorded_when_it_has(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nanoscale_box.engine.worker.RECORD_PAUSE", 0.01)
    await house.live(1)
    came, go = house.world.calls.block("builder.discard")
    house.world.broken.add(sha(2))
    await house.push(2)
    passing = asyncio.create_task(house.idle())
    await came.wait()
    full = [Unavailable(Code.DISK_FULL, "the disk is full", fault=Fault.BOX) for _ in range(3)]
    house.world.calls.fail("ledger.write", *full)
    go.set()
    await passing
    assert (await house.newest()).state is S.FAILED
    await house.push(3)
    await house.idle()
    assert house.serves() == sha(3)


async def test_a_store_that_fails_for_a_moment_does_not_end_the_queue(house: House) -> None:
    await house.live(1)
    await house.push(2)
    house.world.calls.fail("ledger.write", *[Unavailable(Code.DISK_FULL, "full", fault=Fault.BOX) for _ in range(5)])
    await house.idle()
    assert house.serves() == sha(2)
    await house.check_clean()


async def test_a_mistake_of_the_box_ends_the_deployment_with_a_sentence(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("builder.build", ZeroDivisionError("a mistake"), OSError(28, "No space left on device"))
    await house.push(2)
    await house.idle()
    failure = (await house.newest()).failure
    assert failure and failure.code == Code.INTERNAL and "a mistake" in failure.detail
    await house.push(3)
    await house.idle()
    failure = (await house.newest()).failure
    assert failure and failure.code == Code.DISK_FULL and failure.hint
    await house.check_clean()


async def test_what_is_claimed_while_the_box_stops_is_put_back(house: House) -> None:
    await house.live(1)
    await house.push(2)
    house.world.now += seconds(3)
    house.engine.worker.wake()
    await until(house.engine.worker._claiming.locked)
    await house.stop()
    assert not house.engine.worker._works
    await house.start()
    assert (await house.newest()).attempt <= 1
    await house.idle()
    assert house.serves() == sha(2)
    await house.check_clean()


async def test_a_project_deleted_while_it_is_deployed_leaves_nothing(house: House) -> None:
    await house.live(1)
    came, _ = house.world.calls.block("builder.build")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    await house.push(3)
    await house.engine.projects.delete("hello")
    await passing
    assert (house.world.running, house.world.routes, house.world.folders) == ({}, {}, {})
    assert all(v.outcome is not Outcome.QUEUED for v in await house.verdicts(None))


async def test_a_project_deleted_during_its_switch_leaves_nothing(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("ingress.switch")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    deleting = asyncio.create_task(house.engine.projects.delete("hello"))
    await house.settle_reads()
    go.set()
    await deleting
    await passing
    assert (house.world.running, house.world.routes, house.world.folders) == ({}, {}, {})


async def test_a_redeploy_builds_the_head_again_and_clears_the_cache_if_asked(house: House) -> None:
    project = await house.live(1)
    queued = await house.engine.projects.redeploy(project.id, clear_cache=True)
    assert queued and queued.clear_cache
    await house.idle()
    assert await house.states() == ["retired", "live"]
    assert house.world.calls.count("builder.clear_cache") == 1


async def test_a_push_that_takes_a_redeploys_place_still_clears_the_cache(house: House) -> None:
    project = await house.live(1)
    came, go = house.world.calls.block("builder.build")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    await house.engine.projects.redeploy(project.id, clear_cache=True)
    await house.push(3)
    go.set()
    await passing
    await house.idle()
    assert await house.states() == ["retired", "retired", "superseded", "live"]
    assert house.world.calls.count("builder.clear_cache") == 1


async def test_the_head_is_confirmed_before_anything_is_fetched(house: House) -> None:
    await house.live(1)
    receipt = await house.push(2)
    house.commit(3)
    await house.idle()
    newest = await house.newest()
    assert newest.sha == sha(3) == house.serves()
    verdict = next(v for v in await house.verdicts() if v.delivery_id == receipt.delivery_id)
    assert (verdict.sha, verdict.outcome) == (Sha(sha(2)), Outcome.DEPLOYED)


async def test_a_clock_that_is_set_back_holds_nothing_up(house: House) -> None:
    """Neither what waits for quiet, nor what waits for its next try."""
    await house.live(1)
    await house.push(2)
    house.world.now -= seconds(4 * 3600)
    house.engine.worker.wake()
    await house.settle()
    assert house.serves() == sha(2)
    house.world.calls.fail("source.head", unreachable())
    await house.push(3)
    await house.wait(3)
    assert (await house.newest()).attempt == 1
    house.world.now -= seconds(4 * 3600)
    house.engine.worker.wake()
    await house.settle()
    assert house.serves() == sha(3)


async def test_the_queue_is_looked_at_without_any_alarm(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Losing every alarm loses nothing."""
    monkeypatch.setattr(worker, "LOOK_SECONDS", 0.01)
    await house.live(1)
    house.engine.worker.wake()
    await house.push(2)
    house.alarms.pending.clear()
    house.world.now += seconds(3)
    async with asyncio.timeout(30):
        while not house.world.calls.count("ingress.switch") > 1:  # noqa: ASYNC110 - real time passes, and no event tells
            await asyncio.sleep(0.01)
    await house.settle()
    assert house.serves() == sha(2)

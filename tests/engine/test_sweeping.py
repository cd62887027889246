"""Sweeping: what GitHub could not deliver is asked for again, and comes to rest; rounds outlive a clock that jumps."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.github_model import AppDelivery
from nanoscale_box.engine import sweeping
from nanoscale_box.engine.rounds import BEAT_SECONDS, Rounds
from nanoscale_box.engine.sweeping import MOST_ASKED
from tests.engine.house import Delivered, House, open_house, sha
from tests.fakes import BEGIN, FakeClock, World, seconds

GUID = "aaaaaaaa-0000-0000-0000-000000000001"


def attempt(house: House, guid: str = GUID, status: int = 502, *, again: bool = False) -> AppDelivery:
    """GitHub tried to deliver, just now."""
    made = AppDelivery(
        id=2**60 + len(house.hub.deliveries), guid=guid, event="push", delivered_at=house.world.now,
        status_code=status, redelivery=again,
    )  # fmt: skip
    house.hub.deliveries.append(made)
    return made


def lost(house: House, number: int) -> Delivered:
    """A push whose delivery did not reach the box."""
    delivered = house.delivery(house.commit(number), delivery_id=GUID)
    attempt(house)
    return delivered


async def test_what_was_not_delivered_is_asked_for_until_it_arrives(house: House) -> None:
    await house.live(1)
    delivered = lost(house, 2)
    attempt(house, "bbbbbbbb-0000-0000-0000-000000000001", 202)
    assert await house.engine.sweeping.sweep() == 1
    assert house.hub.redelivered == [2**60]
    await house.engine.intake.receive(*delivered)
    attempt(house, again=True, status=202)
    await house.idle()
    assert house.serves() == sha(2)
    assert [(v.source, v.code) for v in await house.verdicts()][-1] == ("sweep", "deployed")
    assert await house.engine.sweeping.sweep() == 0
    before = house.digest()
    for _ in range(3):
        assert await house.engine.sweeping.sweep() == 0
    assert house.digest() == before, "at rest, sweeping writes nothing"
    await house.wait(10 * 3600)
    assert await house.engine.sweeping.sweep() == 0
    assert house.hub.redelivered == [2**60]


async def test_what_the_box_recorded_is_not_asked_for_whatever_github_saw_of_the_answer(house: House) -> None:
    await house.live(1)
    await house.deliver(house.commit(2), delivery_id=GUID)
    attempt(house, status=504)
    assert await house.engine.sweeping.sweep() == 0


async def test_what_fails_each_time_is_given_up_and_a_new_life_remembers_how_often(house: House) -> None:
    await house.live(1)
    lost(house, 2)
    for _ in range(MOST_ASKED + 3):
        await house.engine.sweeping.sweep()
        await house.wait(600)
        if len(house.hub.redelivered) == len(house.hub.deliveries):
            attempt(house, again=True)
        await house.restart()
    assert len(house.hub.redelivered) == MOST_ASKED


async def test_one_sweep_asks_for_so_many_and_the_next_goes_on(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweeping, "AT_A_TIME", 2)
    await house.connect()
    for number in range(5):
        attempt(house, f"aaaaaaaa-0000-0000-0000-00000000000{number}")
        await house.wait(600)
    for asked in (2, 3, 4, 5):  # the last of a sweep is within the next one's overlap
        await house.engine.sweeping.sweep()
        assert [2**60 + number for number in range(asked)] == list(dict.fromkeys(house.hub.redelivered))


async def test_a_push_that_touches_no_project_says_so_by_a_sweep_too(house: House) -> None:
    await house.live(1)
    headers, raw = house.delivery(house.commit(2, repo_id=1002), delivery_id=GUID)
    attempt(house)
    await house.engine.sweeping.sweep()
    receipt = await house.engine.intake.receive(headers, raw)
    assert [(v.source, v.code, v.project_id) for v in receipt.verdicts] == [("sweep", "no_project", None)]


async def test_github_that_cannot_be_asked_is_a_finding_and_nothing_is_passed_over(house: House) -> None:
    await house.live(1)
    lost(house, 2)
    house.world.calls.fail("github.app_deliveries", Unavailable(Code.GITHUB_UNREACHABLE, "no", fault=Fault.GITHUB))
    assert await house.engine.sweeping.sweep() == 0
    assert [f.title for f in await house.engine.doctor.look() if f.code == "sweep"] == [
        "GitHub's failed deliveries could not be looked at: no"
    ]
    await house.wait(2 * 86400)
    assert await house.engine.sweeping.sweep() == 1
    assert not [f for f in await house.engine.doctor.look() if f.code == "sweep"]


async def test_a_box_that_nobody_can_deliver_to_does_not_sweep(tmp_path: Path) -> None:
    async with open_house(tmp_path / "box", webhooks=False) as house:
        await house.live(1)
        lost(house, 2)
        assert await house.engine.sweeping.sweep() == 0
        assert house.world.calls.count("github.app_deliveries") == 0
        await house.engine.polling.poll()
        await house.idle()
        assert house.serves() == sha(2)


class Stage:
    """Rounds whose clocks stand still until a test moves them."""

    def __init__(self) -> None:
        self.world = World()
        self.steady = 1000.0
        self.done: list[str] = []
        self.rounds = Rounds(
            clock=FakeClock(self.world), steady=lambda: self.steady, wake=lambda: self.done.append("wake")
        )

    async def beat(self, *, day: float, steady: float) -> list[str]:
        """What happens at a beat so many seconds after the last, by each clock."""
        self.world.now += seconds(day)
        self.steady += steady
        self.done.clear()
        self.rounds.beat()
        await asyncio.gather(*self.rounds.tasks)
        return list(self.done)

    async def poll(self) -> None:
        self.done.append("poll")


async def test_rounds_go_by_a_steady_clock_and_at_once_after_a_gap() -> None:
    stage = Stage()
    stage.rounds.every(60, stage.poll)
    beat = BEAT_SECONDS
    assert await stage.beat(day=0, steady=0) == ["poll"]
    assert await stage.beat(day=beat, steady=beat) == []
    assert await stage.beat(day=3600, steady=beat) == ["wake", "poll"]  # the machine slept
    assert await stage.beat(day=-86400, steady=beat) == ["wake", "poll"]  # somebody set the clock
    assert await stage.beat(day=beat + 2, steady=beat) == []
    assert await stage.beat(day=60, steady=60) == ["poll"]


async def test_a_round_whose_store_fails_goes_on_and_none_runs_twice_at_once() -> None:
    stage = Stage()
    go, runs = asyncio.Event(), []

    async def work() -> None:
        runs.append(1)
        await go.wait()
        raise Unavailable(Code.STORE_UNAVAILABLE, "locked", fault=Fault.BOX)

    stage.rounds.every(1, work)
    for _ in range(3):
        stage.steady += 10
        stage.rounds.beat()
        await asyncio.sleep(0)
    assert len(runs) == 1
    go.set()
    await asyncio.gather(*stage.rounds.tasks)
    stage.steady += 10
    stage.rounds.beat()
    await asyncio.gather(*stage.rounds.tasks)
    assert len(runs) == 2


async def test_a_clock_that_was_set_back_does_not_hold_the_queue_up(house: House) -> None:
    await house.live(1)
    await house.push(2)
    house.world.now -= timedelta(hours=5)
    house.engine.worker.wake()
    await house.settle()
    assert house.serves() == sha(2)
    assert house.world.now < BEGIN

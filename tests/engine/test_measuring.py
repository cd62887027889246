"""Figures: what happened since the start is counted once, however often it is asked for."""

from __future__ import annotations

from tests.engine.house import House
from tests.fakes import seconds


async def test_what_happened_is_counted_once(house: House) -> None:
    await house.live(1)
    await house.engine.upkeep.measuring.begin()
    nothing = await house.engine.upkeep.measuring.gather()
    assert (nothing.verdicts, nothing.deployments, nothing.projects["live"]) == ({}, {}, 1)
    await house.push(2)
    await house.push(3, branch="other")
    waiting = await house.engine.upkeep.measuring.gather()
    assert (waiting.queued, waiting.running, waiting.verdicts) == (1, 0, {"queued": 1, "ignored": 1})
    await house.idle()
    for done in [await house.engine.upkeep.measuring.gather() for _ in range(2)]:
        assert done.deployments == {"live": 1}
        assert done.verdicts == {"queued": 1, "ignored": 1, "deployed": 1}
        assert {name: sum(steps.counts) for name, steps in done.steps.items()} == {
            "fetch": 1, "build": 1, "start": 1, "switch": 1,
        }  # fmt: skip
        assert done.connected and done.ingress_up and done.queued == 0


async def test_how_long_the_oldest_waits(house: House) -> None:
    await house.live(1)
    await house.push(2)
    house.world.now += seconds(0.5)
    assert (await house.engine.upkeep.measuring.gather()).oldest_queued_seconds == 0.5

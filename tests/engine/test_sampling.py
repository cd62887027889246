"""Samples of what running apps take: rates from counts, a ring for each project, nothing of what ended."""

from __future__ import annotations

from dataclasses import replace

from nanoscale_box.core.model import DeploymentId, Release
from nanoscale_box.engine.ports import Spent
from nanoscale_box.engine.sampling import KEPT
from tests.engine.house import House


async def test_a_rate_is_what_was_spent_between_two_looks(house: House) -> None:
    release = await live(house, 1)
    sampling, world = house.engine.upkeep.sampling, house.world
    world.spent[release] = Spent(cpu_seconds=100.0, memory_bytes=10)
    await sampling.look(50.0)
    assert sampling.usage() == []  # its hundred seconds may be of any age
    for now, spent, memory in ((55.0, 101.0, 20), (60.0, 101.0, None), (62.0, 100.5, 30), (62.0, 105.5, 30)):
        world.spent[release] = Spent(cpu_seconds=spent, memory_bytes=memory)
        await sampling.look(now)
    (usage,) = sampling.usage()
    assert (usage.project_id, usage.at) == (release.project_id, world.now)
    assert (usage.cpu_percent, usage.memory_bytes) == ([20.0, 0.0, 0.0], [20, None, 30])
    assert usage.cpu_seconds == 1.0
    (last,) = sampling.usage(1)
    assert (last.cpu_percent, last.memory_bytes, last.cpu_seconds) == ([0.0], [30], 1.0)


async def test_releases_of_a_project_count_together_and_its_ring_goes_on(house: House) -> None:
    old = await live(house, 1)
    sampling, world = house.engine.upkeep.sampling, house.world
    new = Release(project_id=old.project_id, deployment_id=DeploymentId("dep_new"))
    world.running[new] = replace(world.running[old], release=new)
    await look(house, 0, {old: (0.0, 5), new: (0.0, 7)})
    await look(house, 10, {old: (1.0, 5), new: (2.0, 7)})
    del world.running[old]
    await look(house, 20, {new: (2.5, 8)})
    (usage,) = sampling.usage()
    assert (usage.cpu_percent, usage.memory_bytes, usage.cpu_seconds) == ([30.0, 5.0], [12, 8], 3.5)


async def test_what_ended_has_no_samples_and_a_ring_is_bounded(house: House) -> None:
    release = await live(house, 1)
    for number in range(KEPT + 5):
        await look(house, number, {release: (float(number), 1)})
    (usage,) = house.engine.upkeep.sampling.usage()
    assert len(usage.cpu_percent) == KEPT
    assert (await house.engine.upkeep.measuring.gather()).apps["hello"].cpu_seconds == KEPT + 4
    del house.world.running[release]
    await look(house, 100, {})
    assert house.engine.upkeep.sampling.usage() == []
    assert (await house.engine.upkeep.measuring.gather()).apps == {}


async def live(house: House, number: int) -> Release:
    """A push that is live."""
    await house.live(number)
    return list(house.world.running)[-1]


async def look(house: House, now: float, spent: dict[Release, tuple[float, int]]) -> None:
    """Take a sample of this."""
    house.world.spent = {one: Spent(cpu_seconds=cpu, memory_bytes=memory) for one, (cpu, memory) in spent.items()}
    await house.engine.upkeep.sampling.look(now)

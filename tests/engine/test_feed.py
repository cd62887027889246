"""The feed: whoever waits is woken, whatever else happens at the same moment."""

from __future__ import annotations

import asyncio

from nanoscale_box.core.model import EventKind
from tests.engine.house import House, sha


async def follow(house: House, until: int) -> list[int]:
    """Read from the beginning to an event of this id, waiting whenever there is none."""
    seen: list[int] = []
    while not seen or seen[-1] < until:
        await house.engine.feed.wait(seen[-1] if seen else 0)
        seen += [event.id for event in await house.engine.feed.after(seen[-1] if seen else 0, 3)]
    return seen


async def test_many_readers_miss_nothing_while_many_write(house: House) -> None:
    last = await house.engine.feed.last_id()
    target = last + 200
    readers = [asyncio.create_task(follow(house, target)) for _ in range(20)]

    async def tell(number: int) -> None:
        await house.ledger.write(
            lambda records: records.events.add(EventKind.GITHUB, house.world.now, {"change": str(number)})
        )

    for begin in range(0, 200, 25):
        await asyncio.gather(*[tell(number) for number in range(begin, begin + 25)])
    for seen in await asyncio.wait_for(asyncio.gather(*readers), 20):
        assert seen == sorted(set(seen)) and seen[-200:] == list(range(last + 1, target + 1))


async def test_waiting_returns_at_once_for_what_is_there_and_sleeps_for_what_is_not(house: House) -> None:
    await house.live(1)
    last = await house.engine.feed.last_id()
    await asyncio.wait_for(house.engine.feed.wait(last - 1), 1)
    waiting = asyncio.create_task(house.engine.feed.wait(last))
    await house.settle_reads()
    assert not waiting.done()
    await house.push(2)
    await asyncio.wait_for(waiting, 1)


async def test_who_waits_for_one_kind_sleeps_through_the_others(house: House) -> None:
    await house.live(1)
    feed = house.engine.feed
    last = await feed.last_id()
    await asyncio.wait_for(feed.wait_for(EventKind.DEPLOYMENT, 0), 1)
    waiting = asyncio.create_task(feed.wait_for(EventKind.DEPLOYMENT, last))
    await house.ledger.write(lambda records: records.events.add(EventKind.GITHUB, house.world.now, {}))
    await house.settle_reads()
    assert not waiting.done() and await feed.last_id() == last + 1
    await house.push(2)
    await asyncio.wait_for(waiting, 5)


async def test_work_that_is_undone_tells_nothing(house: House) -> None:
    last = await house.engine.feed.last_id()

    def fail(records: object) -> None:
        records.events.add(EventKind.GITHUB, house.world.now, {})  # type: ignore[attr-defined]
        raise RuntimeError("undone")

    waiting = asyncio.create_task(house.engine.feed.wait(last))
    for _ in range(3):
        try:
            await house.ledger.write(fail)
        except RuntimeError:
            continue
    assert not waiting.done() and await house.engine.feed.last_id() == last
    waiting.cancel()


async def test_a_deployments_life_is_told_in_order(house: House) -> None:
    await house.live(1)
    last = await house.engine.feed.last_id()
    await house.push(2)
    await house.idle()
    events = await house.engine.feed.after(last, 1000)
    number = (await house.newest()).id
    states = [str(e.data["state"]) for e in events if e.kind is EventKind.DEPLOYMENT and e.deployment_id == number]
    assert list(dict.fromkeys(states)) == ["queued", "fetching", "building", "starting", "switching", "live"]
    verdicts = [e.data["outcome"] for e in events if e.kind is EventKind.VERDICT]
    assert verdicts == ["queued", "deployed"]
    assert [e.data["sha"] for e in events if e.kind is EventKind.DEPLOYMENT][-1] == sha(2)
    assert [e.id for e in events] == sorted(e.id for e in events)

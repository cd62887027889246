"""Deliveries gathered into few works: each gets its own answer; one that spoils a work spoils it for itself alone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TypeVar, cast

import pytest

from nanoscale_box.core.errors import BoxError, Code, Invalid, Unavailable
from nanoscale_box.core.github import Delivery
from nanoscale_box.core.model import EventKind, Receipt
from nanoscale_box.engine.gathering import Gathering, Hearer
from nanoscale_box.engine.records import Records

T = TypeVar("T")


class Ledger:
    """Runs work when it is let, and counts it."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.works = 0
        self.fails: BoxError | None = None
        self.closed = False

    async def write(self, work: Callable[[Records], T]) -> T:
        if self.closed:
            raise Unavailable(Code.SHUTTING_DOWN, "the store is closed")
        self.works += 1
        await self.gate.wait()
        done = work(cast(Records, None))
        if self.fails:
            raise self.fails
        return done

    async def read(self, work: Callable[[Records], T]) -> T:
        raise AssertionError("nothing is read")

    def on_commit(self, notify: Callable[[], object], kind: EventKind | None = None) -> None:
        raise AssertionError("nobody follows")


def deliveries(count: int) -> list[Delivery]:
    return [cast(Delivery, number) for number in range(count)]


def receipt(delivery: Delivery) -> Receipt | None:
    """Every tenth has to be looked at alone."""
    number = cast(int, delivery)
    if number % 10 == 9:
        return None
    return Receipt(status="ignored", delivery_id=str(number), reason="", verdicts=[], http_status=200)


async def alone(delivery: Delivery) -> Receipt:
    """What becomes of one that has to be looked at alone."""
    return Receipt(status="accepted", delivery_id=str(delivery), reason="alone", verdicts=[], http_status=202)


def record(records: Records, together: Sequence[Delivery]) -> list[Receipt | None]:
    return [receipt(one) for one in together]


def told(gathering: Gathering, count: int) -> list[asyncio.Future[Receipt]]:
    """What the gathering tells of so many deliveries."""
    futures = [asyncio.get_running_loop().create_future() for _ in range(count)]
    for one, future in zip(deliveries(count), futures, strict=True):
        gathering.add(one, future)
    return futures


async def test_many_take_few_works_and_each_gets_its_own_answer() -> None:
    ledger = Ledger()
    gathering = Gathering(ledger, record, alone)
    asked = told(gathering, 600)
    await asyncio.sleep(0)
    ledger.gate.set()
    answers = await asyncio.gather(*asked)
    assert answers == [receipt(one) or await alone(one) for one in deliveries(600)]
    assert ledger.works <= 4


async def test_when_one_spoils_the_work_each_is_looked_at_alone() -> None:
    ledger = Ledger()
    ledger.gate.set()
    ledger.fails = Invalid(Code.INVALID, "a text holds half of a character pair")
    gathering = Gathering(ledger, record, alone)
    assert await asyncio.gather(*told(gathering, 3)) == [await alone(one) for one in deliveries(3)]


async def test_a_store_that_fails_fails_every_one_of_them() -> None:
    ledger = Ledger()
    ledger.gate.set()
    ledger.fails = Unavailable(Code.DISK_FULL, "the disk is full")
    gathering = Gathering(ledger, record, alone)
    answers = await asyncio.gather(*told(gathering, 3), return_exceptions=True)
    assert answers == [ledger.fails] * 3
    ledger.fails = None
    assert await told(gathering, 1)[0] == receipt(deliveries(1)[0])


async def test_a_closed_store_leaves_nobody_waiting() -> None:
    ledger = Ledger()
    ledger.closed = True
    gathering = Gathering(ledger, record, alone)
    asked = told(gathering, 5)
    for one in asked:
        with pytest.raises(Unavailable):
            await one


async def test_one_who_goes_away_disturbs_no_other() -> None:
    ledger = Ledger()
    gathering = Gathering(ledger, record, alone)
    gone, stays = told(gathering, 2)
    await asyncio.sleep(0)
    gone.cancel()
    ledger.gate.set()
    assert await stays == receipt(deliveries(2)[1])
    assert gone.cancelled()


async def test_one_who_fails_on_hearing_keeps_no_other_from_it() -> None:
    class Failing:
        def done(self) -> bool:
            return False

        def set_result(self, receipt: Receipt, /) -> None:
            raise OSError("the connection is gone")

        set_exception = None

    ledger = Ledger()
    ledger.gate.set()
    raised: list[object] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: raised.append(context.get("exception")))
    gathering = Gathering(ledger, record, alone)
    first, last = deliveries(3)[0], deliveries(3)[2]
    before, after = loop.create_future(), loop.create_future()
    gathering.add(first, before)
    gathering.add(deliveries(3)[1], cast(Hearer, Failing()))
    gathering.add(last, after)
    assert [await before, await after] == [receipt(first), receipt(last)]
    assert [str(one) for one in raised] == ["the connection is gone"]
    assert await told(gathering, 1)[0] == receipt(first)


async def test_what_comes_while_a_work_is_under_way_waits_for_the_next() -> None:
    ledger = Ledger()
    taken: list[int] = []

    def counting(records: Records, together: Sequence[Delivery]) -> list[Receipt | None]:
        taken.append(len(together))
        return record(records, together)

    gathering = Gathering(ledger, counting, alone)
    asked = told(gathering, 5)
    await asyncio.sleep(0)  # the event loop comes round, and the work is asked for
    await asyncio.sleep(0)
    assert ledger.works == 1
    asked += told(gathering, 3)  # before its turn: they come along
    ledger.gate.set()
    await asked[0]
    ledger.gate.clear()
    asked += told(gathering, 2)
    ledger.gate.set()
    await asyncio.gather(*asked)
    assert taken == [8, 2]

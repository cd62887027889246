"""What is old is forgotten, a little at a time; what still waits for its end is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from msgspec import structs

from nanoscale_box.core.model import DeliveryId, DeliveryRow, EventKind, News, Outcome, ProjectId, Verdict, VerdictId
from nanoscale_box.engine.records import Page, Records
from nanoscale_box.engine.trimming import Trimmer
from nanoscale_box.store.database import Database
from tests.store.samples import NOW, delivery, verdict

KEEP = timedelta(days=90)
ALL = Page(limit=5000)
T = TypeVar("T")


class Then:
    """A clock that stands still."""

    def now(self) -> object:
        """The time of the samples."""
        return NOW


class Counted:
    """The real store, and how many transactions it was asked for."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.writes = 0

    async def write(self, work: Callable[[Records], T]) -> T:
        self.writes += 1
        return await self.database.write(work)

    async def read(self, work: Callable[[Records], T]) -> T:
        return await self.database.read(work)

    def on_commit(self, notify: Callable[[], object], kind: EventKind | None = None) -> None:
        self.database.on_commit(notify, kind)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Counted]:
    database = await Database.open(tmp_path / "box.db")
    yield Counted(database)
    await database.close()


def pushed(number: int, days: float, *, outcome: Outcome = Outcome.IGNORED) -> tuple[DeliveryRow, Verdict]:
    """A delivery of so many days ago, with its verdict."""
    at, guid = NOW - timedelta(days=days), DeliveryId(f"guid-{number}")
    row = structs.replace(delivery(number), delivery_id=guid, created_at=at, handled=True)
    told = structs.replace(verdict(number), id=VerdictId(f"ver_{number}"))
    return row, structs.replace(told, delivery_id=guid, at=at, outcome=outcome, project_id=None)


async def keep(ledger: Counted, rows: Sequence[tuple[DeliveryRow, Verdict]]) -> None:
    def add(records: Records) -> None:
        records.deliveries.add_all([row for row, _ in rows])
        records.verdicts.add_all([one for _, one in rows])
        records.events.add_all([News(kind=EventKind.VERDICT, at=one.at, data={"id": one.id}) for _, one in rows])

    await ledger.write(add)


async def left(ledger: Counted) -> tuple[set[str], set[str], set[object]]:
    """What there is now: deliveries, verdicts, events."""

    def read(records: Records) -> tuple[set[str], set[str], set[object]]:
        deliveries, _ = records.deliveries.list(ALL)
        verdicts, _ = records.verdicts.list(None, ALL)
        events = records.events.after(0, 5000)
        return {one.id for one in deliveries}, {one.id for one in verdicts}, {one.data["id"] for one in events}

    return await ledger.read(read)


async def trim(ledger: Counted) -> None:
    await Trimmer(ledger=ledger, clock=Then(), keep=KEEP).trim()  # type: ignore[arg-type]


async def test_what_is_old_goes_and_what_is_young_stays(ledger: Counted) -> None:
    await keep(ledger, [pushed(1, 200), pushed(2, 90.001), pushed(3, 89.999), pushed(4, 0)])
    await trim(ledger)
    assert await left(ledger) == ({"dlv_3", "dlv_4"}, {"ver_3", "ver_4"}, {"ver_3", "ver_4"})


async def test_what_is_still_queued_stays_however_old_it_is(ledger: Counted) -> None:
    unhandled, its_verdict = pushed(2, 150)
    await keep(
        ledger, [pushed(1, 200, outcome=Outcome.QUEUED), (structs.replace(unhandled, handled=False), its_verdict)]
    )
    await trim(ledger)
    deliveries, verdicts, _ = await left(ledger)
    assert deliveries == {"dlv_1", "dlv_2"}
    assert verdicts == {"ver_1"}


async def test_the_newest_verdict_of_a_project_stays(ledger: Counted) -> None:
    project = ProjectId("prj_hello")
    rows = [(row, structs.replace(one, project_id=project)) for row, one in (pushed(1, 300), pushed(2, 200))]
    await keep(ledger, rows)
    await trim(ledger)
    assert (await left(ledger))[1] == {VerdictId("ver_2")}


async def test_the_numbers_of_events_go_on(ledger: Counted) -> None:
    await keep(ledger, [pushed(1, 200), pushed(2, 200)])
    await trim(ledger)
    assert await ledger.read(lambda records: records.events.last_id()) == 2
    await keep(ledger, [pushed(3, 0)])
    assert [one.id for one in await ledger.read(lambda records: records.events.after(0, 9))] == [3]


async def test_many_go_in_small_transactions_and_the_kept_among_them_hold_nothing_up(ledger: Counted) -> None:
    waiting = [pushed(number, 200, outcome=Outcome.QUEUED) for number in range(600)]
    await keep(ledger, [*waiting, *(pushed(number, 200) for number in range(600, 1800)), pushed(1800, 1)])
    before = ledger.writes
    await trim(ledger)
    deliveries, verdicts, events = await left(ledger)
    assert deliveries == {f"dlv_{number}" for number in (*range(600), 1800)}
    assert verdicts == {f"ver_{number}" for number in (*range(600), 1800)}
    assert events == {"ver_1800"}
    assert ledger.writes - before == 3 * 5, "500 rows in each, and one look that finds nothing old"
    await trim(ledger)
    assert (await left(ledger))[0] == deliveries

"""Many callers, few commits; each gets its own answer, and only once it is on disk."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from nanoscale_box.core.errors import BoxError, Code, Conflict, Invalid, Unavailable
from nanoscale_box.core.model import EventKind, RepoId
from nanoscale_box.engine.records import Ledger, Records
from nanoscale_box.store import group
from nanoscale_box.store.database import Database
from nanoscale_box.store.group import GroupConnection
from nanoscale_box.store.sql import Value
from tests.store.samples import NOW, deployment, linked, project


class Counted:
    """The statements that group connections ran by themselves, by their first word; `fail` makes one fail."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.ran: list[str] = []
        self.fail: dict[str, sqlite3.Error] = {}
        original = GroupConnection.execute

        def execute(connection: GroupConnection, statement: str, values: Sequence[Value] = ()) -> sqlite3.Cursor:
            self.ran.append(statement)
            if statement in self.fail:
                raise self.fail.pop(statement)
            return original(connection, statement, values)

        patch.setattr(GroupConnection, "execute", execute)

    def count(self, statement: str) -> int:
        return self.ran.count(statement)


@pytest.fixture
def counted(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """Counting begins when the database is open."""
    with monkeypatch.context() as patch:
        yield Counted(patch)


def sqlite_error(name: str) -> sqlite3.OperationalError:
    """An error as SQLite gives it."""
    error = sqlite3.OperationalError("made by the test")
    error.sqlite_errorname = name
    return error


def putting(name: str, text: str = "x") -> Callable[[Records], str]:
    """Work that keeps one text."""

    def work(records: Records) -> str:
        records.keeper.put(name, text)
        return name

    return work


def kept(path: Path) -> set[str]:
    """What a second connection sees."""
    with closing(sqlite3.connect(path)) as other:
        return {name for (name,) in other.execute("SELECT name FROM keeper")}


async def test_it_is_a_ledger(database: Database) -> None:
    ledger: Ledger = database
    assert await ledger.write(putting("a")) == "a"


async def test_a_hundred_writers_share_few_commits(database: Database, counted: Counted) -> None:
    answers = await asyncio.gather(*(database.write(putting(f"n{number}")) for number in range(100)))
    assert answers == [f"n{number}" for number in range(100)]
    assert counted.count("COMMIT") <= 3
    assert counted.count("COMMIT") == counted.count("BEGIN IMMEDIATE")


async def test_a_write_is_seen_by_another_connection_when_it_returns(database: Database, path: Path) -> None:
    for number in range(20):
        await database.write(putting(f"n{number}"))
        assert f"n{number}" in kept(path)


async def test_work_that_raises_is_undone_alone(database: Database, path: Path) -> None:
    def spoiled(records: Records) -> None:
        records.keeper.put("spoiled", "x")
        raise KeyError("mine")

    answers = await asyncio.gather(
        database.write(putting("before")),
        database.write(spoiled),
        database.write(putting("after")),
        return_exceptions=True,
    )
    assert isinstance(answers[1], KeyError)
    assert kept(path) == {"before", "after"}


async def test_a_violated_rule_fails_its_work_alone(database: Database, path: Path) -> None:
    await database.write(lambda records: records.projects.add(project()))
    await database.write(lambda records: records.deployments.add(deployment(1)))
    answers = await asyncio.gather(
        database.write(putting("before")),
        database.write(lambda records: records.deployments.add(deployment(2))),
        database.write(putting("after")),
        return_exceptions=True,
    )
    assert isinstance(answers[1], Conflict)
    assert kept(path) == {"before", "after"}


async def test_work_that_swallows_its_error_keeps_the_rest(database: Database, path: Path) -> None:
    def work(records: Records) -> str:
        records.keeper.put("kept", "x")
        with pytest.raises(Invalid):
            records.keeper.put("half", "\ud800")
        return "done"

    assert await database.write(work) == "done"
    assert kept(path) == {"kept"}


async def test_stop_iteration_reaches_its_caller_as_an_error(database: Database) -> None:
    empty: Iterator[int] = iter(())
    with pytest.raises(RuntimeError):
        await database.write(lambda _: next(empty))
    assert await database.write(putting("a")) == "a"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("SQLITE_FULL", Code.DISK_FULL),
        ("SQLITE_IOERR_FSYNC", Code.STORE_UNAVAILABLE),
        ("SQLITE_BUSY", Code.STORE_UNAVAILABLE),
    ],
)
async def test_a_commit_that_fails_fails_its_whole_batch_and_no_other(
    database: Database, counted: Counted, path: Path, name: str, code: Code
) -> None:
    counted.fail["COMMIT"] = sqlite_error(name)
    answers = await asyncio.gather(*(database.write(putting(f"n{n}")) for n in range(5)), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 5
    assert {answer.code for answer in answers if isinstance(answer, BoxError)} == {code}
    assert all(answer.may_retry and answer.hint for answer in answers if isinstance(answer, BoxError))
    assert kept(path) == set()
    await database.write(putting("again"))
    assert kept(path) == {"again"}


async def test_a_full_disk_within_a_work_spares_those_behind_it(
    database: Database, counted: Counted, path: Path
) -> None:
    statement = "DELETE FROM keeper WHERE name = ?"
    counted.fail[statement] = sqlite_error("SQLITE_FULL")
    answers = await asyncio.gather(
        database.write(putting("before")),
        database.write(lambda records: records.keeper.drop("x")),
        database.write(putting("after")),
        return_exceptions=True,
    )
    assert [isinstance(answer, Unavailable) for answer in answers] == [True, True, False]
    assert kept(path) == {"after"}


async def test_a_failed_batch_undoes_what_a_conflict_was_based_on(database: Database, counted: Counted) -> None:
    def refuse(records: Records) -> None:
        if records.keeper.get("first"):
            raise Conflict(Code.STATE_CONFLICT, "there is a first one")

    counted.fail["COMMIT"] = sqlite_error("SQLITE_FULL")
    answers = await asyncio.gather(database.write(putting("first")), database.write(refuse), return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable, Unavailable]


async def test_a_batch_that_takes_long_is_cut_and_loses_nothing(
    database: Database, counted: Counted, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(group, "LONGEST_SECONDS", 0)
    answers = await asyncio.gather(*(database.write(putting(f"n{n:02}")) for n in range(30)))
    assert answers == [f"n{n:02}" for n in range(30)]
    assert counted.count("COMMIT") == 30
    assert kept(path) == set(answers)


async def test_a_batch_is_bounded(database: Database, counted: Counted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group, "MOST_WORKS", 10)
    await asyncio.gather(*(database.write(putting(f"n{n}")) for n in range(95)))
    assert counted.count("COMMIT") == 10


async def test_work_runs_in_the_order_it_came(database: Database) -> None:
    order: list[int] = []
    await asyncio.gather(*(database.write(lambda _, n=n: order.append(n)) for n in range(600)))  # type: ignore[misc]
    assert order == list(range(600))


async def test_a_caller_that_goes_away_breaks_nothing(database: Database, path: Path) -> None:
    leaving = asyncio.ensure_future(database.write(putting("left")))
    await asyncio.sleep(0)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert await database.write(putting("stayed")) == "stayed"
    assert "stayed" in kept(path)


async def test_a_read_sees_every_write_that_returned_before_it(database: Database) -> None:
    async def follow(name: str) -> None:
        for number in range(50):
            await database.write(putting(name, str(number)))
            assert await database.read(lambda records: records.keeper.get(name)) == str(number)

    await asyncio.gather(*(follow(f"n{n}") for n in range(8)))


async def test_reads_share_snapshots_and_fail_alone(database: Database, counted: Counted) -> None:
    def missing(_: Records) -> None:
        raise KeyError("mine")

    await database.write(putting("a", "1"))
    answers = await asyncio.gather(
        *(database.read(lambda records: records.keeper.get("a")) for _ in range(20)),
        database.read(missing),
        return_exceptions=True,
    )
    assert answers[:20] == ["1"] * 20
    assert isinstance(answers[20], KeyError)
    assert counted.count("BEGIN") <= 3


async def test_a_read_that_writes_is_refused(database: Database, path: Path) -> None:
    with pytest.raises(BoxError):
        await database.read(putting("a"))
    assert kept(path) == set()


async def test_commits_with_events_are_told_and_others_not(database: Database) -> None:
    told = asyncio.Event()
    database.on_commit(told.set)
    await database.write(putting("quiet"))
    await database.read(lambda records: records.events.last_id())
    assert not told.is_set()

    await database.write(lambda records: records.events.add(EventKind.GITHUB, NOW, {}))
    await asyncio.wait_for(told.wait(), 5)


async def test_who_follows_one_kind_is_told_of_no_other(database: Database) -> None:
    told = asyncio.Event()
    database.on_commit(told.set, EventKind.DEPLOYMENT)
    await database.write(lambda records: records.events.add(EventKind.GITHUB, NOW, {}))
    await database.write(putting("quiet"))
    assert not told.is_set()

    await database.write(lambda records: records.events.add(EventKind.DEPLOYMENT, NOW, {}))
    await asyncio.wait_for(told.wait(), 5)


async def test_events_that_were_undone_are_not_told(database: Database) -> None:
    told = asyncio.Event()
    database.on_commit(told.set)

    def undone(records: Records) -> None:
        records.events.add(EventKind.GITHUB, NOW, {})
        raise KeyError("mine")

    with pytest.raises(KeyError):
        await database.write(undone)
    await database.write(putting("quiet"))
    assert not told.is_set()
    assert await database.read(lambda records: records.events.after(0, 10)) == []


async def test_a_follower_that_raises_disturbs_nobody(database: Database) -> None:
    heard: list[str] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _, context: heard.append(str(context["exception"])))

    def broken() -> None:
        raise ValueError("follower")

    database.on_commit(broken)
    database.on_commit(lambda: heard.append("second"))
    await database.write(lambda records: records.events.add(EventKind.GITHUB, NOW, {}))
    await database.write(putting("a"))
    assert sorted(heard) == ["follower", "second"]


async def test_closing_finishes_what_was_asked_and_takes_no_more(path: Path) -> None:
    database = await Database.open(path)
    asked = [asyncio.ensure_future(database.write(putting(f"n{n}"))) for n in range(300)]
    await asyncio.sleep(0)
    await database.close()
    assert len(await asyncio.gather(*asked)) == 300
    with pytest.raises(Unavailable) as refused:
        await database.write(putting("late"))
    assert refused.value.code is Code.SHUTTING_DOWN
    await database.close()
    assert len(kept(path)) == 300


async def test_what_was_read_of_a_change_that_is_undone_is_forgotten(database: Ledger, counted: Counted) -> None:
    def branches(records: Records) -> list[str]:
        return [one.branch for one in records.projects.on_repository(RepoId(7))]

    def moved(records: Records) -> list[str]:
        records.projects.update(replace(linked(), branch="other"))
        return branches(records)

    def given_up(records: Records) -> None:
        assert moved(records) == ["other"]
        raise Invalid(Code.INVALID, "thought better of it")

    await database.write(lambda records: records.projects.add(linked()))
    first = await database.write(branches)
    with pytest.raises(Invalid):
        await database.write(given_up)
    assert await database.write(branches) == first
    counted.fail["COMMIT"] = sqlite_error("SQLITE_FULL")
    with pytest.raises(BoxError):
        await database.write(moved)
    assert await database.write(branches) == await database.read(branches) == first
    assert await database.write(moved) == ["other"]
    assert await database.write(branches) == await database.read(branches) == ["other"]
    await database.write(lambda records: records.projects.remove(linked().id))
    assert await database.write(branches) == []

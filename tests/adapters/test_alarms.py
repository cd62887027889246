"""Alarms: none lost, none twice, late ones at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from nanoscale_box.adapters.alarms import ApAlarms
from nanoscale_box.adapters.clock import SystemClock
from tests.adapters.helpers import until


@pytest.fixture
async def alarms() -> AsyncIterator[ApAlarms]:
    """Alarms that ring."""
    alarms = ApAlarms(SystemClock())
    alarms.start()
    yield alarms
    await alarms.close()


def soon(seconds: float) -> datetime:
    """So many seconds from now."""
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def test_rings_in_the_loop_in_time_and_at_once_when_late(alarms: ApAlarms) -> None:
    rung: list[str] = []
    loop = asyncio.get_running_loop()

    def ring(name: str) -> None:
        assert asyncio.get_running_loop() is loop
        rung.append(name)

    alarms.at(soon(0.3), "later", lambda: ring("later"))
    alarms.at(soon(-3600), "late", lambda: ring("late"))
    await until(lambda: rung == ["late"])
    await until(lambda: rung == ["late", "later"])


async def test_the_second_of_one_name_replaces_the_first(alarms: ApAlarms) -> None:
    rung: list[int] = []
    for number in range(100):
        alarms.at(soon(0.1), "one", lambda number=number: rung.append(number))  # type: ignore[misc]
    last = asyncio.Event()
    alarms.at(soon(0.3), "last", last.set)
    await asyncio.wait_for(last.wait(), 10)
    assert rung == [99]


async def test_an_alarm_may_set_itself_again_while_it_rings(alarms: ApAlarms) -> None:
    rung: list[datetime] = []

    def ring() -> None:
        rung.append(soon(0))
        if len(rung) < 50:
            alarms.at(soon(0), "again", ring)

    ring()
    await until(lambda: len(rung) == 50)


async def test_what_was_set_before_the_start_rings_too() -> None:
    alarms = ApAlarms(SystemClock())
    rung = asyncio.Event()
    alarms.at(soon(-1), "early", rung.set)
    alarms.start()
    await asyncio.wait_for(rung.wait(), 5)
    await alarms.close()


async def test_repeated_work_never_runs_twice_at_once_and_survives_failure(alarms: ApAlarms) -> None:
    running = runs = 0

    async def work() -> None:
        nonlocal running, runs
        running, runs = running + 1, runs + 1
        assert running == 1
        await asyncio.sleep(0.05)
        running -= 1
        if runs == 2:
            raise RuntimeError("once")

    with capture_logs() as records:
        alarms.every(0.01, "work", work)
        await until(lambda: runs >= 5)
    assert [(record["log_level"], record["work"]) for record in records] == [("error", "work")]


async def test_closing_cancels_what_is_under_way() -> None:
    alarms = ApAlarms(SystemClock())
    alarms.start()
    began, ended = asyncio.Event(), asyncio.Event()

    async def work() -> None:
        began.set()
        try:
            await asyncio.sleep(600)
        finally:
            ended.set()

    alarms.every(0.01, "work", work)
    await asyncio.wait_for(began.wait(), 5)
    await alarms.close()
    assert ended.is_set()

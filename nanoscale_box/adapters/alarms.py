"""Alarms on APScheduler 3, bent so that none is lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import structlog
from apscheduler.jobstores.base import JobLookupError
from apscheduler.jobstores.memory import MemoryJobStore
from apscheduler.schedulers.asyncio import AsyncIOScheduler

from nanoscale_box.engine.ports import Clock

_log = structlog.stdlib.get_logger(__name__)


class ApAlarms:
    """Wakes the engine; holds no truth.

    Each alarm is a job of its own id, since APScheduler skips for good a job that is added again under an id that is
    just running,
    and `misfire_grace_time=None`, since it drops by default what is more than a second late.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scheduler = AsyncIOScheduler(
            jobstores={"default": MemoryJobStore()},
            job_defaults={"misfire_grace_time": None, "coalesce": True, "max_instances": 1},
            timezone=UTC,
        )
        self._jobs: dict[str, str] = {}
        self._numbers = count(1)
        self._working: dict[str, asyncio.Task[None]] = {}

    def start(self) -> None:
        """Begin to ring; alarms set before ring now if they are due. Call it inside the event loop."""
        self._scheduler.start()

    async def close(self) -> None:
        """Ring no more, and cancel the repeated work that is under way."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=False)
        working = list(self._working.values())
        for task in working:
            task.cancel()
        await asyncio.gather(*working, return_exceptions=True)

    def at(self, when: datetime, name: str, wake: Callable[[], None]) -> None:
        """Call `wake` in the event loop at `when` (at once if that is past); a second alarm of one name replaces the
        first."""
        earlier = self._jobs.pop(name, None)
        if earlier is not None:
            self._drop(earlier)
        job = f"{name}#{next(self._numbers)}"
        self._jobs[name] = job
        self._scheduler.add_job(self._ring, "date", run_date=when, args=(name, job, wake), id=job)

    def once(self, when: datetime, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` at `when` (at once if that is past); a second one of the same name before that replaces the
        first. Work that raises is logged."""
        self.at(when, name, lambda: self._begin(name, work, _nothing))

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` every `seconds`, never twice at once, and never skip for being late. Work that raises is logged
        and runs again."""

        def begin() -> None:
            following = self._clock.now() + timedelta(seconds=seconds)
            self._begin(name, work, lambda: self.at(following, name, begin))

        self.at(self._clock.now() + timedelta(seconds=seconds), name, begin)

    def _begin(self, name: str, work: Callable[[], Awaitable[None]], then: Callable[[], None]) -> None:
        """Start the work; `then` follows its end, however it ended, but not a cancellation."""

        def end(task: asyncio.Task[None]) -> None:
            if self._working.get(name) is task:
                del self._working[name]
            if task.cancelled():
                return
            error = task.exception()
            if error is not None:
                _log.error("timed work failed", work=name, exc_info=error)
            then()

        task = asyncio.ensure_future(_awaited(work))
        self._working[name] = task
        task.add_done_callback(end)

    async def _ring(self, name: str, job: str, wake: Callable[[], None]) -> None:
        """Run by APScheduler in the event loop, which it does for coroutine functions only; others go to a thread."""
        if self._jobs.get(name) == job:
            del self._jobs[name]
            wake()

    def _drop(self, job: str) -> None:
        """Take back an alarm that has not rung."""
        try:
            self._scheduler.remove_job(job)
        except JobLookupError:
            return  # it is ringing just now; `_ring` sees that it was replaced


def _nothing() -> None:
    """Work that is done once is followed by nothing."""


async def _awaited(work: Callable[[], Awaitable[None]]) -> None:
    """The work as a coroutine, whatever kind of awaitable it gives."""
    await work()

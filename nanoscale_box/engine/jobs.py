"""Durable work that is tried until it is done, like removing a hook while GitHub is down."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.engine.ports import Alarms, Clock
from nanoscale_box.engine.records import Job, Ledger

PAUSES: Final = (2.0, 10.0, 30.0, 120.0, 600.0, 1800.0)
"""Seconds between tries; the last one repeats for as long as it takes."""


class Jobs:
    """Works off due jobs, one at a time; the rows are the truth."""

    def __init__(self, *, ledger: Ledger, clock: Clock, alarms: Alarms) -> None:
        self._ledger = ledger
        self._clock = clock
        self._alarms = alarms
        self._kinds: dict[str, Callable[[str], Awaitable[None]]] = {}
        self._bell = asyncio.Event()
        self._stopped = False

    def serve(self, kind: str, work: Callable[[str], Awaitable[None]]) -> None:
        """Name who does jobs of a kind. The work must be safe to do twice; a `BoxError` means: again later."""
        self._kinds[kind] = work

    def wake(self) -> None:
        """Look for due jobs now."""
        self._bell.set()

    async def run(self) -> None:
        """Work until `stop`; a store that fails for the moment holds the jobs up, and does not end them."""
        while not self._stopped:
            self._bell.clear()
            try:
                await self._do_due()
            except BoxError:
                self._alarms.at(self._clock.now() + timedelta(seconds=PAUSES[0]), "jobs", self.wake)
            await self._bell.wait()

    def stop(self) -> None:
        """End after the job in hand."""
        self._stopped = True
        self._bell.set()

    async def _do_due(self) -> None:
        due = await self._ledger.read(lambda records: records.keeper.due_jobs(self._clock.now(), 20))
        for job in due:
            if self._stopped:
                return
            await self._do(job)
        following = await self._ledger.read(lambda records: records.keeper.next_job_due())
        if following is not None:
            self._alarms.at(following, "jobs", self.wake)

    async def _do(self, job: Job) -> None:
        try:
            await self._kinds[job.kind](job.payload)
        except BoxError as error:
            pause = error.retry_after or PAUSES[min(job.attempt, len(PAUSES) - 1)]
            due = self._clock.now() + timedelta(seconds=pause)
            later = replace(job, attempt=job.attempt + 1, due_at=due, last_error=error.detail)
            await self._ledger.write(lambda records: records.keeper.update_job(later))
        else:
            await self._ledger.write(lambda records: records.keeper.finish_job(job.id))

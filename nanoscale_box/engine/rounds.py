"""Looks round on a clock that nobody can set: compares heads, sweeps deliveries; at once after a gap in time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.engine.ports import Clock

BEAT_SECONDS: Final = 5.0
GAP_SECONDS: Final = 30.0
"""The time of day and the steady clock may differ by so much between two beats; more was a sleep, or somebody set the
clock."""


@dataclass(slots=True, kw_only=True)
class _Round:
    """Something that is done again and again; `due` is by the steady clock."""

    seconds: float
    work: Callable[[], Awaitable[object]]
    due: float = float("-inf")
    task: asyncio.Task[None] | None = None


class Rounds:
    """Alarms ring by the time of day, which may jump; what heals the box must not wait for that."""

    def __init__(self, *, clock: Clock, steady: Callable[[], float], wake: Callable[[], None]) -> None:
        self._clock = clock
        self._steady = steady
        self._wake = wake
        self._rounds: list[_Round] = []
        self._last: tuple[datetime, float] | None = None

    def every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        """Do this at the first beat, then every so many seconds, and after a gap; never twice at once."""
        self._rounds.append(_Round(seconds=seconds, work=work))

    async def run(self) -> None:
        """Beat until cancelled, and end what is under way then."""
        try:
            while True:
                self.beat()
                await asyncio.sleep(BEAT_SECONDS)
        finally:
            for task in self.tasks:
                task.cancel()
            await asyncio.gather(*self.tasks, return_exceptions=True)

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """What is under way."""
        return [one.task for one in self._rounds if one.task and not one.task.done()]

    def beat(self) -> None:
        """Begin what is due, and everything after a gap."""
        gap = self._is_gap()
        if gap:
            self._wake()
        for one in self._rounds:
            if (gap or one.due <= self._steady()) and (one.task is None or one.task.done()):
                one.task = asyncio.create_task(self._do(one), name="round")

    async def _do(self, one: _Round) -> None:
        try:
            with suppress(BoxError):  # the store fails for the moment; the next round goes on
                await one.work()
        finally:
            one.due = self._steady() + one.seconds

    def _is_gap(self) -> bool:
        """Whether the time of day went on otherwise than the steady clock, which stands still while a machine
        sleeps."""
        now, steady = self._clock.now(), self._steady()
        last, self._last = self._last, (now, steady)
        if last is None:
            return False
        passed = (now - last[0]).total_seconds()
        return abs(passed - (steady - last[1])) > GAP_SECONDS

"""Has the git worker make ready for the next checkout of a mirror, and stop that as soon as one comes."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Final
from weakref import WeakValueDictionary

from nanoscale_box.adapters.git_child import GitChild, JobReport
from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.adapters.git_messages import Prepare
from nanoscale_box.core.errors import BoxError

_AT_ONCE: Final = 1


class Preparing:
    """What lies ready is a gain, never a duty: whatever goes wrong here, the next checkout writes everything itself."""

    def __init__(self, child: GitChild, limits: GitLimits) -> None:
        self._child = child
        self._limits = limits
        self._sizes: dict[str, int] = {}
        """Mirrors of which something was checked out since, and how many bytes that took."""
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: set[asyncio.Task[None]] = set()
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._turn = asyncio.Semaphore(_AT_ONCE)

    def came(self, mirror: str) -> None:
        """A checkout begins: nothing is made ready meanwhile. What was begun ends by itself, soon."""
        task = self._tasks.pop(mirror, None)
        if task is not None:
            task.cancel()

    def wrote(self, mirror: str, report: JobReport) -> None:
        """A checkout ended well."""
        if report.placed is not None:
            self._sizes[mirror] = report.placed.size

    def begin(self, top: str) -> None:
        """Make ready what was checked out of this mirror, and of those of its submodules."""
        for mirror in [one for one in self._sizes if one == top or one.startswith(f"{top}.sub-")]:
            self.came(mirror)
            task = asyncio.create_task(self._prepare(mirror, self._sizes.pop(mirror)))
            self._tasks[mirror] = task
            self._ends.add(task)
            task.add_done_callback(self._ends.discard)

    async def settled(self) -> None:
        """Return when nothing is being made ready any more, or being undone."""
        await asyncio.gather(*self._ends, return_exceptions=True)

    async def forget(self, top: str) -> None:
        """The mirrors are about to be removed: return when nobody writes to them."""
        for mirror in [one for one in (*self._sizes, *self._tasks) if one == top or one.startswith(f"{top}.sub-")]:
            self._sizes.pop(mirror, None)
            self.came(mirror)
        await self.settled()

    def close(self) -> None:
        """Begin nothing more."""
        self._sizes.clear()
        for task in self._ends:
            task.cancel()

    async def _prepare(self, mirror: str, size: int) -> None:
        lock = self._locks.setdefault(mirror, asyncio.Lock())
        async with lock, self._turn:
            with suppress(BoxError):
                await self._child.run(Prepare(job=self._child.number(), mirror=mirror, size=size, limits=self._limits))

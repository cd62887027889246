"""The releases that a runner looks after, whatever they run as: found and stopped one by one, and buried when they end
by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar
from weakref import WeakValueDictionary

import structlog

from nanoscale_box.adapters.instances import Record, Records
from nanoscale_box.adapters.processes import Watch
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import Instance, Release

_log = structlog.stdlib.get_logger(__name__)


class Ward(Protocol):
    """A running release."""

    record: Record
    watch: Watch
    is_live: bool
    """It passed its gate, here or before we came; only then its end is news."""
    is_stopping: bool


W = TypeVar("W", bound=Ward)
Found = Callable[[Release], Awaitable[Instance | None]]
Clear = Callable[[W, float], Awaitable[None]]


class Wards(Generic[W]):
    """Nothing happens to a release while something else does. `found` adopts what an earlier box started and clears
    away what has ended; `clear` ends what is left of a ward within so many seconds, and lays it to rest here."""

    def __init__(self, records: Records, *, found: Found, clear: Clear[W], patience: float, left_behind: float) -> None:
        self._records = records
        self._found = found
        self._clear = clear
        self._patience = patience
        self._left_behind = left_behind
        """Seconds for what outlives a release that ended by itself."""
        self.here: dict[Release, W] = {}
        self._failed: dict[Release, W] = {}
        """What ended before it passed its gate, until the gate has told why and it is stopped."""
        self._locks: WeakValueDictionary[Release, asyncio.Lock] = WeakValueDictionary()
        self._died: Callable[[Release], Awaitable[None]] | None = None
        self._burials: set[asyncio.Task[None]] = set()

    def lock(self, release: Release) -> asyncio.Lock:
        """What is held while something happens to a release."""
        return self._locks.setdefault(release, asyncio.Lock())

    def begin(self, release: Release) -> None:
        """It is to be started anew: how it failed before is forgotten."""
        self._failed.pop(release, None)

    def at_the_gate(self, release: Release) -> W:
        """Who stands there, alive or not; `DeployFailed` when there is nobody."""
        ward = self.here.get(release) or self._failed.get(release)
        if ward is None:
            raise DeployFailed(
                Code.EXITED_EARLY, "the app does not run any more", hint="see what it said: nanoscale-box logs PROJECT"
            )
        return ward

    async def find(self, release: Release) -> Instance | None:
        """The running instance of a release."""
        async with self.lock(release):
            return await self._found(release)

    async def all(self) -> list[Release]:
        """Every release that runs."""
        known = dict.fromkeys([*(record.release for record in self._records.all()), *self.here])
        return [release for release in known if await self.find(release) is not None]

    async def watch(self, died: Callable[[Release], Awaitable[None]]) -> None:
        """Call `died` for each that ends by itself, from now on."""
        self._died = died
        await self.all()

    async def stop(self, release: Release) -> None:
        """End it, with the patience that its project asks for; nothing happens when it does not run."""
        async with self.lock(release):
            await self._found(release)
            ward = self.here.get(release)
            if ward is not None:
                ward.is_stopping = True
                own = ward.record.stop_seconds
                await self._clear(ward, self._patience if own is None else own)
            self._records.drop(release)
            self._failed.pop(release, None)

    def has_ended(self, ward: W) -> None:
        """What it left behind goes too, and whoever wants to know is told, while nobody waits for it."""
        ward.watch.close()
        if not ward.is_stopping:
            task = asyncio.ensure_future(self._bury(ward))
            self._burials.add(task)
            task.add_done_callback(self._buried)

    def let_go(self, ward: W) -> None:
        """Look after it no more."""
        ward.watch.close()
        if self.here.get(ward.record.release) is ward:
            del self.here[ward.record.release]

    def lay_to_rest(self, ward: W) -> None:
        """Let go of one that is no more; its end is remembered for who waits at the gate."""
        self.let_go(ward)
        self._records.drop(ward.record.release)
        if not ward.is_live and not ward.is_stopping:
            self._failed[ward.record.release] = ward

    async def close(self) -> None:
        """Look after nothing any more; what runs goes on."""
        for task in list(self._burials):
            task.cancel()
        await asyncio.gather(*self._burials, return_exceptions=True)
        for ward in list(self.here.values()):
            self.let_go(ward)

    async def _bury(self, ward: W) -> None:
        release = ward.record.release
        async with self.lock(release):
            if self.here.get(release) is ward:
                await self._clear(ward, self._left_behind)
        if ward.is_live and not ward.is_stopping and self._died is not None:
            await self._died(release)

    def _buried(self, task: asyncio.Task[None]) -> None:
        self._burials.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("the end of an app could not be dealt with", exc_info=error)

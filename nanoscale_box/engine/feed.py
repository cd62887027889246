"""The stream of everything that changed: rows by id, and a bell that rings when there are more."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from nanoscale_box.core.model import Event, EventKind
from nanoscale_box.engine.records import Ledger, Records


class Feed:
    """Reads events and waits for new ones; any number of readers, none of them able to hold up the writer."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._bells: dict[EventKind | None, asyncio.Event] = {}

    async def after(self, last_id: int, limit: int = 200) -> Sequence[Event]:
        """At most `limit` events after `last_id`, oldest first."""
        return await self._ledger.read(lambda records: records.events.after(last_id, limit))

    async def of_kind(self, kind: EventKind, last_id: int, limit: int = 200) -> tuple[Sequence[Event], int]:
        """As `after`, for one kind alone: the others are passed over where they rest. Also where to go on."""

        def read(records: Records) -> tuple[Sequence[Event], int]:
            events = records.events.after(last_id, limit, kind)
            return events, events[-1].id if len(events) == limit else records.events.last_id()

        return await self._ledger.read(read)

    async def last_id(self) -> int:
        """The id of the newest event; 0 when there is none."""
        return await self._ledger.read(lambda records: records.events.last_id())

    async def wait(self, last_id: int) -> None:
        """Return as soon as there is an event after `last_id`."""
        while True:
            bell = self._bell_of(None)
            if await self.last_id() > last_id:
                return
            await bell.wait()

    async def wait_for(self, kind: EventKind, last_id: int) -> None:
        """As `wait`, for one kind alone: events of others wake nobody."""
        while True:
            bell = self._bell_of(kind)
            if (await self.of_kind(kind, last_id, 1))[0]:
                return
            await bell.wait()

    def _bell_of(self, kind: EventKind | None) -> asyncio.Event:
        if kind not in self._bells:
            self._bells[kind] = asyncio.Event()
            self._ledger.on_commit(partial(self._ring, kind), kind)
        return self._bells[kind]

    def _ring(self, kind: EventKind | None) -> None:
        """Wake all who wait now; who comes later waits for the next ring."""
        self._bells[kind].set()
        self._bells[kind] = asyncio.Event()

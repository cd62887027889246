"""The audit as the doors see it: acts are noted, read and checked. The engine's own acts join the commit they tell
of."""

from __future__ import annotations

from collections.abc import Sequence

from nanoscale_box.core.audit import Act, AuditCheck, Entry
from nanoscale_box.engine.ports import Clock
from nanoscale_box.engine.records import AuditFilter, Ledger, Page


class Auditing:
    """Who did what to what."""

    def __init__(self, *, ledger: Ledger, clock: Clock) -> None:
        self._ledger = ledger
        self._clock = clock

    async def note(self, act: Act) -> None:
        """Add an act; on disk when this returns."""
        await self._ledger.write(lambda records: records.audit.add(act, self._clock.now()))

    async def list(self, wanted: AuditFilter, page: Page) -> tuple[Sequence[Entry], str | None]:
        """Entries that fit, newest first."""
        return await self._ledger.read(lambda records: records.audit.list(wanted, page))

    async def check(self) -> AuditCheck:
        """Whether any entry was altered or removed."""
        return await self._ledger.read(lambda records: records.audit.check())

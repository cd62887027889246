"""Forgets deliveries, verdicts and events that are older than the owner wants to keep, a little at a time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from nanoscale_box.engine.ports import Clock
from nanoscale_box.engine.records import Ledger, Records

_ROWS: Final = 500
"""Rows looked at in one transaction: a delivery that comes meanwhile waits for no more than these."""

_Trim = Callable[[Records, int, datetime], "int | None"]
_KINDS: Final[tuple[_Trim, ...]] = (
    lambda records, after, before: records.events.trim(after, before, _ROWS),
    lambda records, after, before: records.deliveries.trim(after, before, _ROWS),
    lambda records, after, before: records.verdicts.trim(after, before, _ROWS),
)
"""Deliveries before verdicts: whether a delivery is still queued stands in its verdicts."""


class Trimmer:
    """Forgets what is old. What still waits for its end is kept, and each project's newest verdict."""

    def __init__(self, *, ledger: Ledger, clock: Clock, keep: timedelta) -> None:
        self._ledger = ledger
        self._clock = clock
        self._keep = keep

    async def trim(self) -> None:
        """Go through the rows from the oldest on, up to the first that is young enough."""
        before = self._clock.now() - self._keep
        for kind in _KINDS:
            after: int | None = 0
            while after is not None:
                after = await self._ledger.write(partial(_some, kind=kind, after=after, before=before))


def _some(records: Records, *, kind: _Trim, after: int, before: datetime) -> int | None:
    return kind(records, after, before)

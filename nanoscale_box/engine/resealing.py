"""Gives the box a new key and seals everything anew under it, in small steps that may be interrupted anywhere."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nanoscale_box.core.audit import BOX, Act
from nanoscale_box.core.errors import BoxError, Conflict
from nanoscale_box.core.figures import counted
from nanoscale_box.engine.jobs import Jobs
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.records import Job, Records, SealAfter, Sealed

RESEAL: Final = "reseal"
_AT_ONCE: Final = 50
"""Texts in a transaction: long enough to be quick, short enough that no delivery waits for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView:
    """A key by its id; `here` is False for one that sealed something and is lost."""

    id: str
    newest: bool
    here: bool
    uses: int


class Resealing:
    """The box's keys and what each of them seals."""

    def __init__(self, *, desk: Desk, jobs: Jobs) -> None:
        self._ledger = desk.ledger
        self._vault = desk.vault
        self._clock = desk.clock
        self._ids = desk.ids
        self._reached = desk.reached
        self._jobs = jobs
        jobs.serve(RESEAL, self._reseal)

    async def keys(self) -> Sequence[KeyView]:
        """All keys, newest first, and after them those that are lost."""
        uses: Counter[str] = Counter()
        for use in await self._ledger.read(lambda records: records.seals.uses()):
            uses[use.key_id] += use.count
        here = self._vault.ids()
        lost = sorted(set(uses) - set(here))
        return [
            KeyView(id=key_id, newest=key_id == here[0], here=key_id in here, uses=uses[key_id])
            for key_id in (*here, *lost)
        ]

    async def rotate(self, caller: str) -> Sequence[KeyView]:
        """A new newest key, on disk before it seals anything; what older keys sealed follows by a durable job.
        `Conflict`: the keys do not rest in a file of the box's, and nobody has put a new one before the others."""
        key_id = await self._newest()

        def work(records: Records) -> None:
            records.audit.add(Act(who=caller, action="keys.rotated", target=key_id), self._clock.now())
            self._order(records)

        await self._ledger.write(work)
        self._jobs.wake()
        return await self.keys()

    async def resume(self) -> None:
        """Seal anew what older keys sealed, as after a key was put in front by hand."""
        await self._ledger.write(self._order)
        self._jobs.wake()

    def _order(self, records: Records) -> None:
        job = Job(id=self._ids.new("job"), kind=RESEAL, payload="{}", due_at=self._clock.now())
        records.keeper.add_job(job)

    async def _newest(self) -> str:
        """The id of a new key; of one that its owner put before the others, if it has not sealed all yet."""
        try:
            return await asyncio.to_thread(self._vault.renew)
        except Conflict:
            keys = await self.keys()
            if not any(key.uses for key in keys if key.here and not key.newest):
                raise
            return keys[0].id

    async def _reseal(self, _: str) -> None:
        moved = 0
        after: SealAfter | None = None
        while True:
            count, after = await self._ledger.write(partial(self._some, after))
            self._reached("reseal done")
            moved += count
            if after is None:
                break
        done = Act(who=BOX, action="keys.resealed", target=self._vault.ids()[0], detail=counted(moved, "secret"))
        await self._ledger.write(lambda records: records.audit.add(done, self._clock.now()))

    def _some(self, after: SealAfter | None, records: Records) -> tuple[int, SealAfter | None]:
        """Seal some texts anew; give how many, and where to go on. What no key here opens stays as it is, for the
        doctor to tell."""
        rows = records.seals.not_by(self._vault.ids()[0], after, _AT_ONCE)
        moved = sum(self._moved(records, row) for row in rows)
        return moved, rows[-1].at if rows else None

    def _moved(self, records: Records, row: Sealed) -> bool:
        try:
            secret = self._vault.open(row.text, row.place)
        except BoxError:
            return False
        records.seals.replace(row.at, self._vault.seal(secret, row.place))
        return True

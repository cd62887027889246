"""No work is ever left standing in line, whatever the moment at which it joins."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nanoscale_box.store.database import Database

ROUNDS = 1500


async def test_work_that_joins_as_the_line_empties_is_not_left_standing(tmp_path: Path) -> None:
    ledger = await Database.open(tmp_path / "box.db")

    async def chain(name: str) -> int:
        """Each link joins in the moment the one before was answered, when the line has just run empty."""
        for number in range(ROUNDS):
            await ledger.read(lambda records: records.events.last_id())
            if number % 100 == 0:
                await ledger.write(lambda records: records.keeper.put(name, "x"))
        return ROUNDS

    async with asyncio.timeout(30):
        assert await asyncio.gather(*(chain(f"chain {n}") for n in range(3))) == [ROUNDS] * 3
    await ledger.close()

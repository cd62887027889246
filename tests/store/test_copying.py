"""The copier: what was committed reaches the file itself beside the writer, and nothing is lost by it."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from nanoscale_box.core.model import EventKind, News
from nanoscale_box.engine.records import Records
from nanoscale_box.store import copying
from nanoscale_box.store.database import Database

NEWS = [News(kind=EventKind.GITHUB, at=datetime(2026, 3, 1, tzinfo=UTC), data={"change": "synced"})]


async def test_the_log_is_copied_once_enough_was_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "ROWS", 200)
    database = await Database.open(tmp_path / "box.db")

    def tell(records: Records) -> None:
        records.events.add_all(NEWS * 100)

    written = 0
    async with asyncio.timeout(20):
        while in_the_file(tmp_path) == 0:
            await database.write(tell)
            written += 100
    assert written >= 200
    await database.close()
    assert in_the_file(tmp_path) == written


def in_the_file(folder: Path) -> int:
    """How many events the file holds without its log."""
    shutil.copy(folder / "box.db", folder / "copy.db")
    connection = sqlite3.connect(folder / "copy.db")
    try:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])
    finally:
        connection.close()

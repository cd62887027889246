"""A fresh database for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from nanoscale_box.store.database import Database
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import in_memory, records_on


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the database file is or will be."""
    return tmp_path / "box.db"


@pytest.fixture
async def database(path: Path) -> AsyncIterator[Database]:
    """An open database on a real file."""
    opened = await Database.open(path)
    yield opened
    await opened.close()


@pytest.fixture
def records() -> Iterator[StoreRecords]:
    """All aggregates on a database in memory, outside any transaction."""
    connection = in_memory()
    yield records_on(connection)
    connection.close()

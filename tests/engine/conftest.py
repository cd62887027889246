"""A house for each test that asks for one."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.engine.house import House, fast_folder, open_house


@pytest.fixture
def tmp_path(tmp_path: Path) -> Iterator[Path]:
    """A folder in memory where the machine has such a place: what survives a power cut is for the store's tests."""
    with tempfile.TemporaryDirectory(dir=fast_folder() or tmp_path) as folder:
        yield Path(folder)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started box with its App in the environment, a public URL, and nothing connected yet."""
    async with open_house(tmp_path) as opened:
        yield opened

"""A house for each test that asks for one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.house import House, open_house


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """A started box with its App in the environment, a public URL, and nothing connected yet."""
    async with open_house(tmp_path) as opened:
        yield opened

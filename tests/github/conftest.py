"""What tests of the whole of GitHub stand in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nanoscale_box.sandbox import registering
from tests.github.stand import Stand, keys, open_stand


@pytest.fixture(autouse=True)
def one_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Apps registered in the browser get the shared key too."""
    monkeypatch.setattr(registering, "new_keys", keys)


@pytest.fixture
async def stand(tmp_path: Path) -> AsyncIterator[Stand]:
    """A box that knows no GitHub yet."""
    async with open_stand(tmp_path) as made:
        yield made


@pytest.fixture
async def connected(stand: Stand) -> Stand:
    """A box connected with one click, as ada, all repositories."""
    await stand.connect()
    return stand

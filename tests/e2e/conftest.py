"""The parts that end-to-end tests share: a sandbox GitHub in this process, and a box as a process of its own."""

from __future__ import annotations

import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from nanoscale_box.sandbox.server import Sandbox
from tests.e2e.harness import Box, box_in
from tests.needs import needs_caddy


@pytest.fixture(autouse=True, scope="session")
def putting_away() -> Iterator[None]:
    """Whoever ends the tests by SIGTERM has them put away as ctrl-c does: what boxes start would outlive them."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(tmp_path / "sandbox") as found:
        yield found


@pytest.fixture
async def box(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Box]:
    """A box that knows the sandbox, not started yet."""
    needs_caddy()
    async with box_in(tmp_path / "box", sandbox) as found:
        yield found

"""The parts that end-to-end tests share: a sandbox GitHub in this process, and a box as a process of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nanoscale_box.sandbox.server import Sandbox
from tests.e2e.harness import Box, box_in
from tests.needs import needs_caddy


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

"""A browser, a box and a simulated GitHub; all of them end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from nanoscale_box.sandbox.server import Sandbox
from tests.browser.driver import Browser, browser_at, driver_process
from tests.browser.steps import Owner
from tests.e2e.harness import Box, box_in
from tests.needs import needs_chromium


@pytest.fixture(scope="session")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the program that starts browsers."""
    needs_chromium()
    with driver_process(tmp_path_factory.mktemp("driver")) as address:
        yield address


@pytest.fixture
async def browser(driver: str, tmp_path: Path) -> AsyncIterator[Browser]:
    async with browser_at(driver, tmp_path / "profile") as found:
        yield found


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    async with Sandbox(tmp_path / "sandbox") as found:
        yield found


@pytest.fixture
async def box(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Box]:
    """A running box that GitHub can reach."""
    async with box_in(tmp_path / "box", sandbox) as found:
        await found.start(NANOSCALE_PUBLIC_BASE_URL=f"http://{found.settings['NANOSCALE_LISTEN']}")
        yield found


@pytest.fixture
async def owner(browser: Browser, box: Box, sandbox: Sandbox) -> Owner:
    return Owner(browser=browser, box=box, sandbox=sandbox)

"""One browser for all tests, a fresh window for each; a box and a simulated GitHub that end with the test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from nanoscale_box.sandbox.server import Sandbox
from tests.browser.browser import Browser
from tests.browser.driver import Driver, driver_in
from tests.browser.steps import Owner
from tests.dealing import once_a_run
from tests.e2e.harness import box_in
from tests.needs import needs_chromium


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def driver(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Driver]:
    needs_chromium()
    once_a_run("browser", tmp_path_factory)
    async with driver_in(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def browser(driver: Driver) -> AsyncIterator[Browser]:
    async with driver.window() as found:
        yield found


@pytest_asyncio.fixture(loop_scope="session")
async def owner(browser: Browser, tmp_path: Path) -> AsyncIterator[Owner]:
    """With a box that is running and that GitHub can reach, but knows nothing of yet."""
    async with Sandbox(tmp_path / "sandbox") as sandbox, box_in(tmp_path / "box", sandbox) as box:
        await box.start(NANOSCALE_PUBLIC_BASE_URL=f"http://{box.settings['NANOSCALE_LISTEN']}")
        yield Owner(browser=browser, box=box, sandbox=sandbox)

"""Starts a real browser with its driver, and ends both."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from tests.browser.browser import Browser
from tests.browser.webdriver import SECONDS, call

FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--disable-breakpad",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE *.localhost",
)  # fmt: skip
"""Without a screen, as root too, and with no name to reach but this machine's."""
DESKTOP: Final = (1000, 700)


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """A running browser of which windows are had."""

    http: aiohttp.ClientSession
    session: str

    @asynccontextmanager
    async def window(self) -> AsyncIterator[Browser]:
        """A fresh window without cookies; closed at the end."""
        window = Browser(self.http, self.session)
        [first] = await window.call("GET", "window/handles")
        opened = (await window.call("POST", "window/new", type="window"))["handle"]
        await window.call("POST", "window", handle=opened)
        await window.cdp("Network.clearBrowserCookies")
        for log in ("browser", "performance"):
            await window.call("POST", "se/log", type=log)
        try:
            yield window
        finally:
            await window.call("DELETE", "window")
            await window.call("POST", "window", handle=first)


@asynccontextmanager
async def driver_in(folder: Path) -> AsyncIterator[Driver]:
    """A browser that keeps its profile in a folder; it and its driver are gone at the end."""
    wanted = {
        "browserName": "chrome",
        "goog:chromeOptions": {
            "args": [*FLAGS, f"--window-size={DESKTOP[0]},{DESKTOP[1]}", f"--user-data-dir={folder / 'profile'}"],
            "perfLoggingPrefs": {"enableNetwork": True},
        },
        "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        "timeouts": {"pageLoad": int(SECONDS * 1000), "script": int(SECONDS * 1000)},
    }
    timeout = aiohttp.ClientTimeout(total=SECONDS * 2)
    with driver_process(folder) as address:
        async with aiohttp.ClientSession(timeout=timeout) as http:
            made = await call(http, "POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
            session = f"{address}/session/{made['sessionId']}"
            try:
                yield Driver(http=http, session=session)
            finally:
                await call(http, "DELETE", session, None)


@contextmanager
def driver_process(folder: Path) -> Iterator[str]:
    """A chromedriver on a free port; gives its address."""
    with (folder / "driver.log").open("wb") as errors:
        process = subprocess.Popen(
            ["chromedriver", "--port=0"], cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True, env={**os.environ, "HOME": str(folder), "XDG_CONFIG_HOME": str(folder)},
        )  # fmt: skip
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if match := re.search(r"started successfully on port (\d+)", line):
                yield f"http://127.0.0.1:{match[1]}"
                return
        raise RuntimeError(f"chromedriver ended: {(folder / 'driver.log').read_text(errors='replace')}")
    finally:
        process.terminate()
        process.communicate(timeout=20)

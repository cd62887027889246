"""A real browser, driven through the WebDriver protocol: https://www.w3.org/TR/webdriver2/."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
"""The name under which an element's id travels; the number is the protocol's own."""
FLAGS: Final = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1, EXCLUDE *.localhost",
)  # fmt: skip
NETWORK: Final = ("http", "https", "ws", "wss")
SECONDS: Final = 15.0
DESKTOP: Final = (1000, 700)


class WebDriverError(Exception):
    """The driver's own error: `no such element`, `timeout`, ..."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer the browser got, as the network saw it."""

    url: str
    status: int
    headers: dict[str, str]
    """Names in lower case."""


class Browser:
    """One window of one browser with a profile of its own."""

    def __init__(self, http: aiohttp.ClientSession, session: str) -> None:
        self._http = http
        self._session = session
        self._network: list[dict[str, Any]] = []

    async def call(self, method: str, path: str, **body: object) -> Any:
        """One command of the protocol."""
        return await _call(self._http, method, f"{self._session}/{path}", None if method == "GET" else body)

    async def open(self, url: str) -> None:
        """Go to an address and wait for its page."""
        await self.call("POST", "url", url=url)

    async def back(self) -> None:
        """The back button."""
        await self.call("POST", "back")

    async def reload(self) -> None:
        """The reload button."""
        await self.call("POST", "refresh")

    async def url(self) -> str:
        """What stands in the address bar."""
        return str(await self.call("GET", "url"))

    async def arrives(self, part: str) -> str:
        """The address, once it contains `part`; redirects and pages that send themselves take their time."""
        return await self._until(self.url, part)

    async def text(self, css: str = "body") -> str:
        """What a person reads in an element."""
        return str(await self.call("GET", f"element/{await self._find(css)}/text"))

    async def says(self, words: str) -> str:
        """The page's text, once it contains these words."""
        return await self._until(self._text_now, words)

    async def has(self, css: str) -> bool:
        """Whether the page has such an element."""
        return bool(await self.call("POST", "elements", using="css selector", value=css))

    async def is_shown(self, css: str) -> bool:
        """Whether a person sees it."""
        return bool(await self.call("GET", f"element/{await self._find(css)}/displayed"))

    async def click(self, css: str) -> None:
        """Click in the middle of an element, as a mouse does."""
        await self.call("POST", f"element/{await self._find(css)}/click")

    async def fill(self, css: str, text: str) -> None:
        """Replace what stands in a field."""
        element = await self._find(css)
        await self.call("POST", f"element/{element}/clear")
        await self.call("POST", f"element/{element}/value", text=text)

    async def value(self, css: str) -> str:
        """What stands in a field."""
        return str(await self.call("GET", f"element/{await self._find(css)}/property/value"))

    async def ask(self, expression: str) -> Any:
        """A JavaScript expression's value in the page."""
        return await self.call("POST", "execute/sync", script=f"return {expression}", args=[])

    async def scripts(self, *, on: bool) -> None:
        """Let pages run scripts, or not."""
        await self.cdp("Emulation.setScriptExecutionDisabled", value=not on)

    async def dark(self, *, on: bool) -> None:
        """What the person prefers."""
        feature = {"name": "prefers-color-scheme", "value": "dark" if on else "light"}
        await self.cdp("Emulation.setEmulatedMedia", features=[feature])

    async def size(self, width: int, height: int) -> None:
        """The size of the page's view."""
        await self.cdp(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 500
        )

    async def cdp(self, command: str, **params: object) -> Any:
        """A command of the browser's own protocol."""
        return await self.call("POST", "goog/cdp/execute", cmd=command, params=params)

    async def picture(self, path: Path) -> None:
        """A picture of the view, as PNG."""
        path.write_bytes(base64.b64decode(await self.call("GET", "screenshot")))

    async def complaints(self) -> list[str]:
        """What the browser wrote to its console since the last question."""
        entries = await self.call("POST", "se/log", type="browser")
        return [f"{one['level']}: {one['message']}" for one in entries]

    async def answers(self) -> list[Answer]:
        """All answers so far, oldest first."""
        seen = [one["params"] for one in await self._seen() if one["method"] == "Network.responseReceived"]
        hops = [one["params"] for one in await self._seen() if one["method"] == "Network.requestWillBeSent"]
        replies = [one["response"] for one in seen] + [
            hop["redirectResponse"] for hop in hops if "redirectResponse" in hop
        ]
        return [
            Answer(url=one["url"], status=one["status"], headers={n.lower(): v for n, v in one["headers"].items()})
            for one in replies
        ]

    async def asked(self) -> set[str]:
        """Every origin that the browser asked something of."""
        sent = [
            one["params"]["request"]["url"]
            for one in await self._seen()
            if one["method"] == "Network.requestWillBeSent"
        ]
        return {f"{url.scheme}://{url.netloc}" for url in map(urlsplit, sent) if url.scheme in NETWORK}

    async def _seen(self) -> list[dict[str, Any]]:
        entries = await self.call("POST", "se/log", type="performance")
        self._network += [json.loads(one["message"])["message"] for one in entries]
        return self._network

    async def _until(self, look: Callable[[], Awaitable[str]], part: str) -> str:
        deadline = time.monotonic() + SECONDS
        while part not in (seen := await look()):
            at = await self.url()
            assert time.monotonic() < deadline, f"no {part!r} at {at}, which says: {await self._text_now()}"
            await asyncio.sleep(0.02)
        return seen

    async def _find(self, css: str) -> str:
        return str((await self.call("POST", "element", using="css selector", value=css))[ELEMENT])

    async def _text_now(self) -> str:
        try:
            return await self.text()
        except WebDriverError:  # the page went away while it was read
            return ""


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
            made = await _call(http, "POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
            session = f"{address}/session/{made['sessionId']}"
            try:
                yield Driver(http=http, session=session)
            finally:
                await _call(http, "DELETE", session, None)


@contextmanager
def driver_process(folder: Path) -> Iterator[str]:
    """A chromedriver on a free port; gives its address."""
    with (folder / "driver.log").open("wb") as errors:
        process = subprocess.Popen(
            ["chromedriver", "--port=0"], cwd=folder, stdout=subprocess.PIPE, stderr=errors, text=True,
            start_new_session=True,
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


async def _call(http: aiohttp.ClientSession, method: str, url: str, body: object) -> Any:
    async with http.request(method, url, json=body) as answer:
        value = (await answer.json())["value"]
    if isinstance(value, dict) and "error" in value:
        raise WebDriverError(f"{value['error']}: {value['message'].splitlines()[0]}")
    return value

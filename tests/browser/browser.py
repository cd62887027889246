"""One window of a real browser: what a person does in it and sees, and what the network saw."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from tests.browser.webdriver import ELEMENT, SECONDS, WebDriverError, call

NETWORK: Final = ("http", "https", "ws", "wss")


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

    async def call(self, method: str, path: str, **body: object) -> Any:  # noqa: ANN401 - the protocol's JSON
        """One command of the protocol."""
        return await call(self._http, method, f"{self._session}/{path}", None if method == "GET" else body)

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

    async def ask(self, expression: str) -> Any:  # noqa: ANN401 - any value
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

    async def cdp(self, command: str, **params: object) -> Any:  # noqa: ANN401 - the protocol's JSON
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
        """All answers so far, redirects last."""
        found = [one["response"] for one in await self._told("Network.responseReceived")]
        sent = await self._told("Network.requestWillBeSent")
        found += [one["redirectResponse"] for one in sent if "redirectResponse" in one]
        return [
            Answer(url=one["url"], status=one["status"], headers={n.lower(): v for n, v in one["headers"].items()})
            for one in found
        ]

    async def asked(self) -> set[str]:
        """Every origin that the browser asked something of."""
        sent = [urlsplit(one["request"]["url"]) for one in await self._told("Network.requestWillBeSent")]
        return {f"{url.scheme}://{url.netloc}" for url in sent if url.scheme in NETWORK}

    async def _told(self, method: str) -> list[dict[str, Any]]:
        """All that the network told by one of its messages."""
        entries = await self.call("POST", "se/log", type="performance")
        self._network += [json.loads(one["message"])["message"] for one in entries]
        return [one["params"] for one in self._network if one["method"] == method]

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

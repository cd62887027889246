"""The WebDriver protocol, JSON over HTTP: https://www.w3.org/TR/webdriver2/."""

from __future__ import annotations

from typing import Any, Final

import aiohttp

ELEMENT: Final = "element-6066-11e4-a52e-4f735466cecf"
"""The name under which an element's id travels; the number is the protocol's own."""
SECONDS: Final = 15.0
"""How long a page may take."""


class WebDriverError(Exception):
    """The driver's own error: `no such element`, `timeout`, ..."""


async def call(http: aiohttp.ClientSession, method: str, url: str, body: object) -> Any:  # noqa: ANN401 - the protocol's JSON
    """One command; its answer's value, or its error raised."""
    async with http.request(method, url, json=body) as answer:
        value = (await answer.json())["value"]
    if isinstance(value, dict) and "error" in value:
        raise WebDriverError(f"{value['error']}: {value['message'].splitlines()[0]}")
    return value

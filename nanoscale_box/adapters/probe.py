"""Asks an app one HTTP question, with as little as that takes; no redirect is followed."""

from __future__ import annotations

import asyncio
import re
from enum import StrEnum
from typing import Final

_HEAD_LIMIT: Final = 64 * 1024
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] ([1-5][0-9]{2})(?: |\r?\n)")


class Silence(StrEnum):
    """Why there is no status."""

    REFUSED = "refused"
    """Nobody listens."""
    MUTE = "mute"
    """Somebody accepts and says nothing in time, or hangs up."""
    NOT_HTTP = "not_http"
    """The answer is no HTTP."""


async def status_of(port: int, path: str, *, seconds: float) -> int | Silence:
    """The status with which 127.0.0.1 answers `GET path`, or why there is none within `seconds`."""
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=_HEAD_LIMIT)
    except (TimeoutError, OSError):
        return Silence.REFUSED
    try:
        async with asyncio.timeout(seconds):
            writer.write(_request(port, path))
            return await _final_status(reader)
    except (TimeoutError, OSError):
        return Silence.MUTE
    finally:
        writer.close()


def _request(port: int, path: str) -> bytes:
    # `localhost`, since that is what frameworks accept as a host by default
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: localhost:{port}",
        "User-Agent: nanoscale-box",
        "Accept: */*",
        "Connection: close",
    )
    return "".join(f"{line}\r\n" for line in (*lines, "")).encode()


async def _final_status(reader: asyncio.StreamReader) -> int | Silence:
    """The first status that is not interim (1xx, RFC 9110 15.2)."""
    while True:
        try:
            head = await reader.readuntil(b"\n\r\n")
        except asyncio.IncompleteReadError as error:
            head = error.partial
        except asyncio.LimitOverrunError:
            head = await reader.read(_HEAD_LIMIT)
        if not head:
            return Silence.MUTE
        found = _STATUS_LINE.match(head)
        if found is None:
            return Silence.NOT_HTTP
        status = int(found[1])
        if status >= 200 or status == 101:
            return status

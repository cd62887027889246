"""Looks at the machine for the doctor: its disk, its name service, and itself from outside."""

from __future__ import annotations

import asyncio
import shutil
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import aiohttp

from nanoscale_box.engine.machine import Disk, Outside

_SECONDS: Final = 10.0
_LARGEST: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbedMachine:
    """This machine; `home` says which disk counts."""

    home: Path

    def disk(self) -> Disk:
        """How much room the home's disk has."""
        usage = shutil.disk_usage(self.home)
        return Disk(free=usage.free, total=usage.total)

    async def addresses(self, host: str) -> Sequence[str]:
        """The addresses of a host; none when its name cannot be looked up in time."""
        try:
            async with asyncio.timeout(_SECONDS):
                found = await asyncio.get_running_loop().getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, TimeoutError, UnicodeError):
            return ()
        return tuple(dict.fromkeys(str(address[0]) for *_, address in found))

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Outside:
        """What is answered there; redirects are not followed, so that nothing signed goes elsewhere."""
        timeout = aiohttp.ClientTimeout(total=_SECONDS)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, headers=dict(headers), data=body, allow_redirects=False) as answer,
            ):
                return Outside(status=answer.status, body=await answer.content.read(_LARGEST))
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            return Outside(why=type(error).__name__ if isinstance(error, TimeoutError) else str(error)[:200])

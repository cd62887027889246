"""Tells systemd how the box is: ready, alive, stopping, by the protocol of sd_notify(3)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from typing import Final

_PINGS_PER_LIMIT: Final = 3
"""A loop that stands still for a third of the watchdog's time is late, one that stands for all of it is ended."""


class Notifier:
    """Speaks to who started the box, if that wants to hear it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._path = environ.get("NOTIFY_SOCKET", "")
        microseconds = environ.get("WATCHDOG_USEC", "")
        self._limit = int(microseconds) / 1e6 if microseconds.isdigit() else 0.0

    def tell(self, *words: str) -> None:
        """Send assignments like `READY=1`; nothing happens when nobody listens."""
        if not self._path:
            return
        address = f"\0{self._path[1:]}" if self._path.startswith("@") else self._path
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            try:
                listener.sendto("\n".join(words).encode(), address)
            except OSError:
                return  # it is a courtesy; who does not hear it acts by its own limits

    async def keep_alive(self) -> None:
        """Say from within the event loop that it turns, as often as asked for; without a watchdog, return."""
        while self._limit and self._path:
            self.tell("WATCHDOG=1")
            await asyncio.sleep(self._limit / _PINGS_PER_LIMIT)

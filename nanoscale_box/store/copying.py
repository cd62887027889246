"""Copies what was committed from SQLite's log into the file, beside the writer: while it copied, callers would wait."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

COPY: Final = "PRAGMA wal_checkpoint(PASSIVE)"
"""Waits for nobody, and nobody for it. https://www.sqlite.org/c3ref/wal_checkpoint_v2.html"""
ROWS: Final = 4000
"""Changed rows after which there is enough to copy: about a thousand deliveries, some 10 MiB of log."""


class Copying:
    """Has a connection of its own copy now and then. The writer copies too, but only when the log grew long all the
    same, and finds nearly all of it copied."""

    def __init__(self, copy: Callable[[], Awaitable[object]], changed: Callable[[], int]) -> None:
        self._copy = copy
        self._changed = changed
        self._copied = changed()
        self._task: asyncio.Task[None] | None = None

    def look(self) -> None:
        """Begin to copy if enough was changed since the last time."""
        changed = self._changed()
        if self._task is None and changed - self._copied >= ROWS:
            self._copied = changed
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Let what was begun come to its end."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        try:
            with suppress(sqlite3.Error):  # the next commit meets the same trouble, and has somebody to tell
                await self._copy()
        finally:
            self._task = None

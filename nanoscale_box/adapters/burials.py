"""Ends of apps that a runner comes to know of by itself: noticed, and dealt with while nobody waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import structlog

_log = structlog.stdlib.get_logger(__name__)


class Burials:
    """What has to be done after the ends of apps."""

    def __init__(self) -> None:
        self._under_way: set[asyncio.Task[None]] = set()

    def begin(self, burial: Coroutine[None, None, None]) -> None:
        """Have it done; the log tells of one that fails."""
        task = asyncio.ensure_future(burial)
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    async def close(self) -> None:
        """Go on with none of them."""
        for task in list(self._under_way):
            task.cancel()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("the end of an app could not be dealt with", exc_info=error)

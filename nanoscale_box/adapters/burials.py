"""Ends of apps that a runner comes to know of by itself: noticed, and dealt with while nobody waits for it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine

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


class Watch:
    """Calls back once the process of a descriptor has ended. It owns the descriptor; `None` is one that has ended."""

    def __init__(self, pidfd: int | None) -> None:
        self._pidfd = pidfd

    def begin(self, ended: Callable[[], None]) -> bool:
        """Whether there is an end to wait for."""
        if self._pidfd is None:
            return False
        asyncio.get_running_loop().add_reader(self._pidfd, ended)
        return True

    def close(self) -> None:
        """Wait no more."""
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None

"""Deliveries that come while a commit is under way, gathered so that the next commit takes all of them together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import TracebackType
from typing import Any, Final

from nanoscale_box.core.errors import BoxError, Unavailable
from nanoscale_box.core.github import Delivery
from nanoscale_box.engine.records import Ledger, Records
from nanoscale_box.engine.views import Receipt

MOST: Final = 256
"""Deliveries in one work."""
_PIPELINED: Final = 2
"""Works asked for at a time: while one is being made durable, the next stands behind it and gathers."""

_Waiting = tuple[Delivery, asyncio.Future[Receipt]]
_Record = Callable[[Records, Sequence[Delivery]], Sequence[Receipt | None]]


class Into:
    """What is raised within a block is the future's to tell."""

    __slots__ = ("_future",)

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self._future = future

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception) and not self._future.done():
            self._future.set_exception(error)
        return isinstance(error, Exception)


class Gathering:
    """Turns many callers with a delivery each into few works of the store.

    `record` takes them together; of those that it gives None for nothing was written, and `alone` takes each by itself.
    """

    def __init__(
        self, ledger: Ledger, record: _Record, alone: Callable[[Delivery], Coroutine[None, None, Receipt]]
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._alone = alone
        self._waiting: deque[_Waiting] = deque()
        self._works: set[asyncio.Task[Sequence[Receipt | None]]] = set()
        self._apart: set[asyncio.Task[None]] = set()

    def add(self, delivery: Delivery, future: asyncio.Future[Receipt]) -> None:
        """Record a delivery along with others, and let the future know."""
        self._waiting.append((delivery, future))
        if len(self._works) < _PIPELINED:
            self._begin()

    def _begin(self) -> None:
        batch: list[_Waiting] = []
        work = asyncio.ensure_future(self._ledger.write(partial(self._take, batch)))
        self._works.add(work)
        work.add_done_callback(partial(self._settle, batch))

    def _take(self, batch: list[_Waiting], records: Records) -> Sequence[Receipt | None]:
        """In the store's thread, at its turn: whatever waits by now comes along."""
        while self._waiting and len(batch) < MOST:
            batch.append(self._waiting.popleft())
        return self._record(records, [delivery for delivery, _ in batch]) if batch else ()

    def _settle(self, batch: list[_Waiting], work: asyncio.Task[Sequence[Receipt | None]]) -> None:
        self._works.discard(work)
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if error and not batch:  # the store took no work at all
            batch.extend(self._waiting)
            self._waiting.clear()
        if self._waiting:
            self._begin()
        if isinstance(error, BoxError) and not isinstance(error, Unavailable):
            error = None  # one of them spoiled it for all, and all was undone: each is looked at alone
            receipts: Sequence[Receipt | None] = [None] * len(batch)
        else:
            receipts = [None] * len(batch) if error else work.result()
        for (delivery, future), receipt in zip(batch, receipts, strict=True):
            if future.done():
                continue
            if error:
                future.set_exception(error)
            elif receipt:
                future.set_result(receipt)
            else:
                self._look_alone(delivery, future)

    def _look_alone(self, delivery: Delivery, future: asyncio.Future[Receipt]) -> None:
        task = asyncio.ensure_future(self._let_know(future, self._alone(delivery)))
        self._apart.add(task)
        task.add_done_callback(self._apart.discard)

    async def _let_know(self, future: asyncio.Future[Receipt], alone: Coroutine[None, None, Receipt]) -> None:
        receipt = None
        with Into(future):
            receipt = await alone
        if receipt and not future.done():
            future.set_result(receipt)

"""Deliveries that come while a commit is under way, gathered so that the next commit takes all of them together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from types import TracebackType
from typing import Final, Protocol

from nanoscale_box.core.errors import BoxError, Unavailable
from nanoscale_box.core.github import Delivery
from nanoscale_box.core.model import Receipt
from nanoscale_box.engine.records import Ledger, Records

MOST: Final = 256
"""Deliveries in one work."""


class Hearer(Protocol):
    """Who waits in the event loop for what becomes of a delivery: a future, or somebody who does at once what a future
    would have done when the loop comes round."""

    def done(self) -> bool:
        """Whether nobody listens any more."""

    def set_result(self, receipt: Receipt, /) -> None:
        """It is on disk."""

    def set_exception(self, error: BaseException, /) -> None:
        """It was refused, or the store failed, or the box stops."""


_Waiting = tuple[Delivery, Hearer]
_Record = Callable[[Records, Sequence[Delivery]], Sequence[Receipt | None]]


class Into:
    """What is raised within a block is the hearer's to know."""

    __slots__ = ("_hearer",)

    def __init__(self, hearer: Hearer) -> None:
        self._hearer = hearer

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception) and not self._hearer.done():
            self._hearer.set_exception(error)
        return isinstance(error, Exception)


class Gathering:
    """Turns many callers with a delivery each into few works of the store.

    One work at a time: what comes while it is made durable waits for the next, and few large works cost less than many.
    `record` takes them together; of those that it gives None for nothing was written, and `alone` takes each by itself.
    """

    def __init__(
        self, ledger: Ledger, record: _Record, alone: Callable[[Delivery], Coroutine[None, None, Receipt]]
    ) -> None:
        self._ledger = ledger
        self._record = record
        self._alone = alone
        self._waiting: deque[_Waiting] = deque()
        self._under_way = False
        self._work: asyncio.Future[Sequence[Receipt | None]] | None = None
        """Held, for an event loop holds its tasks but loosely."""
        self._apart: set[asyncio.Task[None]] = set()

    def add(self, delivery: Delivery, hearer: Hearer) -> None:
        """Record a delivery along with others, and let who waits for it know."""
        self._waiting.append((delivery, hearer))
        if not self._under_way:
            self._begin_soon()

    def _begin_soon(self) -> None:
        """Begin when the event loop comes round: all that had arrived by then is there."""
        self._under_way = True
        asyncio.get_running_loop().call_soon(self._begin)

    def _begin(self) -> None:
        batch: list[_Waiting] = []
        self._work = asyncio.ensure_future(self._ledger.write(partial(self._take, batch)))
        self._work.add_done_callback(partial(self._settle, batch))

    def _take(self, batch: list[_Waiting], records: Records) -> Sequence[Receipt | None]:
        """In the store's thread, at its turn: whatever waits by now comes along."""
        while self._waiting and len(batch) < MOST:
            batch.append(self._waiting.popleft())
        return self._record(records, [delivery for delivery, _ in batch]) if batch else ()

    def _settle(self, batch: list[_Waiting], work: asyncio.Future[Sequence[Receipt | None]]) -> None:
        self._under_way = False
        error = asyncio.CancelledError() if work.cancelled() else work.exception()
        if error and not batch:  # the store took no work at all
            batch.extend(self._waiting)
            self._waiting.clear()
        if self._waiting:
            self._begin_soon()
        if isinstance(error, BoxError) and not isinstance(error, Unavailable):
            error = None  # one of them spoiled it for all, and all was undone: each is looked at alone
            receipts: Sequence[Receipt | None] = [None] * len(batch)
        else:
            receipts = [None] * len(batch) if error else work.result()
        self._tell(deque(zip(batch, receipts, strict=True)), error)

    def _tell(self, outcomes: deque[tuple[_Waiting, Receipt | None]], error: BaseException | None) -> None:
        """Let each of them know; that one fails on hearing it keeps no other from hearing."""
        try:
            while outcomes:
                (delivery, hearer), receipt = outcomes.popleft()
                if hearer.done():
                    continue
                if error:
                    hearer.set_exception(error)
                elif receipt:
                    hearer.set_result(receipt)
                else:
                    self._look_alone(delivery, hearer)
        finally:
            if outcomes:
                asyncio.get_running_loop().call_soon(self._tell, outcomes, error)

    def _look_alone(self, delivery: Delivery, hearer: Hearer) -> None:
        task = asyncio.ensure_future(self._let_know(hearer, self._alone(delivery)))
        self._apart.add(task)
        task.add_done_callback(self._apart.discard)

    async def _let_know(self, hearer: Hearer, alone: Coroutine[None, None, Receipt]) -> None:
        receipt = None
        with Into(hearer):
            receipt = await alone
        if receipt and not hearer.done():
            hearer.set_result(receipt)

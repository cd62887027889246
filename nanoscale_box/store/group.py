"""A connection whose commit is a group commit: it takes the work that waits, runs it, and commits once."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.model import EventKind
from nanoscale_box.engine.records import Records
from nanoscale_box.store.failures import told
from nanoscale_box.store.records import StoreRecords
from nanoscale_box.store.sql import Sql

MOST_WORKS: Final = 256
LONGEST_SECONDS: Final = 0.05
"""After this long no further work joins a transaction; what was taken goes back to the head of the line."""


@dataclass(slots=True, kw_only=True, eq=False)
class Waiting:
    """Work with the future of its caller, and what came of it."""

    work: Callable[[Records], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller, unless it went away."""
        if self.future.done():
            return
        match self.error:
            case None:
                self.future.set_result(self.result)
            case StopIteration():
                # A future refuses this one, for a coroutine would take it for its own end.
                self.future.set_exception(RuntimeError("work of the store raised StopIteration"))
            case error:
                self.future.set_exception(error)


@dataclass(slots=True, kw_only=True, eq=False)
class Line:
    """Work that waits for one connection, and whom to tell of commits."""

    loop: asyncio.AbstractEventLoop
    begin: str
    """How a transaction begins: a writer takes the lock at once, a reader takes a snapshot with its first statement."""
    reads_only: bool
    works: deque[Waiting] = field(default_factory=deque)
    notify: list[tuple[EventKind | None, Callable[[], Any]]] = field(default_factory=list)
    """Called in the event loop after each commit that added events, or events of that kind."""

    def settle(self, batch: list[Waiting], events: frozenset[EventKind]) -> None:
        """In the event loop: tell every caller of the batch, then those who follow events."""
        for waiting in batch:
            waiting.settle()
        if events:
            for kind, notify in self.notify:
                if kind is None or kind in events:
                    self.loop.call_soon(notify)


class Savepoint:
    """One work within the batch: undone alone when it raises, and what it raised goes to its caller alone."""

    __slots__ = ("_connection", "_waiting")

    def __init__(self, connection: sqlite3.Connection, waiting: Waiting) -> None:
        self._connection = connection
        self._waiting = waiting

    def __enter__(self) -> None:
        self._connection.execute("SAVEPOINT work")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        self._waiting.error = error
        # A full disk may have ended the whole transaction, and the savepoint with it.
        if error is not None and self._connection.in_transaction:
            self._connection.execute("ROLLBACK TO work")
        if self._connection.in_transaction:
            self._connection.execute("RELEASE work")
        return True


class GroupConnection(sqlite3.Connection):
    """A connection in the store's thread. Its `commit` runs what waits in `line` in one transaction."""

    line: Line
    _sql: Sql
    _records: StoreRecords

    def attend(self, line: Line) -> None:
        """Serve this line from now on."""
        self.line = line
        self._sql = Sql(self)
        self._records = StoreRecords(self._sql, reads_only=line.reads_only)

    def commit(self) -> None:
        """Run all that waits, and what comes meanwhile, batch by batch: each is told of in the event loop, once it is
        on disk or undone."""
        # Taken before the snapshot: work that comes later may follow a write that the snapshot lacks.
        while batch := self._take():
            self._commit(batch)

    def _commit(self, batch: list[Waiting]) -> None:
        self._sql.broken = None
        self._sql.told = frozenset()
        try:
            self.execute(self.line.begin)
            self._run(batch)
            self.execute("COMMIT")
        except (sqlite3.Error, BoxError) as error:
            self._fail(batch, told(error) if isinstance(error, sqlite3.Error) else error)
        self.line.loop.call_soon_threadsafe(self.line.settle, batch, self._sql.told)

    def _take(self) -> list[Waiting]:
        works = self.line.works
        return [works.popleft() for _ in range(min(len(works), MOST_WORKS))]

    def _run(self, batch: list[Waiting]) -> None:
        """Run the batch, or as much of it as fits the time; raise when the database failed, and not the work."""
        late = time.monotonic() + LONGEST_SECONDS
        for place, waiting in enumerate(batch, start=1):
            events = self._sql.told
            with Savepoint(self, waiting):
                waiting.result = waiting.work(self._records)
            if waiting.error is not None:
                self._records.undone()
                self._sql.told = events
            if self._sql.broken or time.monotonic() > late:
                self.line.works.extendleft(reversed(batch[place:]))
                del batch[place:]
            if self._sql.broken:
                raise self._sql.broken

    def _fail(self, batch: list[Waiting], error: Exception) -> None:
        """Undo all: also what a work found or raised may rest on a row that is now undone."""
        if self.in_transaction:
            with suppress(sqlite3.Error):
                self.execute("ROLLBACK")
        self._records.undone()
        self._sql.told = frozenset()
        for waiting in batch:
            waiting.result, waiting.error = None, error

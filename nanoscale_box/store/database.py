"""The database: one writer with group commit, one reader of snapshots, one copier of the log, each in its thread."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import aiosqlite

from nanoscale_box.core.model import EventKind
from nanoscale_box.engine.records import Records
from nanoscale_box.store.copying import COPY, Copying
from nanoscale_box.store.failures import closed, foreign, unopened
from nanoscale_box.store.group import GroupConnection, Line, Waiting
from nanoscale_box.store.opening import HEADER, Header, address, check, migrations, prepare

T = TypeVar("T")

_SETTINGS: Final = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16384",  # KiB: the inner pages of every index of a million rows
    "PRAGMA wal_autocheckpoint = 8000",  # 32 MiB: seldom, since `Copying` comes first; short enough to start at once
    "PRAGMA journal_size_limit = 67108864",
)


class Lane:
    """One connection and the line of work before it."""

    def __init__(self, line: Line, connection: aiosqlite.Connection) -> None:
        self._line = line
        self._connection = connection
        self._flushing: asyncio.Task[None] | None = None

    def run(self, work: Callable[[Records], T]) -> asyncio.Future[T]:
        """Join the line; the answer comes with the batch. A caller that is cancelled leaves its work behind."""
        future: asyncio.Future[T] = self._line.loop.create_future()
        self._line.works.append(Waiting(work=work, future=future))
        if self._flushing is None:
            self._flushing = self._line.loop.create_task(self._flush())
        return future

    async def close(self) -> None:
        """Run what waits, then close."""
        try:
            while self._flushing is not None:
                await asyncio.wait({self._flushing})
        finally:
            await self._connection.close()

    async def _flush(self) -> None:
        try:
            while self._line.works:
                await self._connection.commit()
        finally:
            # In the same breath as the last look at the line: a task that is over, but not yet forgotten, must not keep
            # the next caller from starting one.
            self._flushing = None


class Database:
    """What the box remembers, as `engine.records.Ledger`."""

    def __init__(
        self,
        writer: Lane,
        reader: Lane,
        copying: Copying,
        copier: aiosqlite.Connection,
        notify: list[tuple[EventKind | None, Callable[[], Any]]],
    ) -> None:
        self._writer = writer
        self._reader = reader
        self._copying = copying
        self._copier = copier
        self._notify = notify
        self.on_commit(copying.look)
        self._closed = False

    @classmethod
    async def open(cls, path: Path, *, busy_seconds: float = 2.0) -> Database:
        """Open the file, made and migrated as needed; `ConfigurationError` for one that cannot be ours.

        `busy_seconds` is how long to wait for another program that holds it.
        """
        scripts = migrations()
        await asyncio.to_thread(prepare, path, len(scripts))
        loop = asyncio.get_running_loop()
        writing = Line(loop=loop, begin="BEGIN IMMEDIATE", reads_only=False)
        reading = Line(loop=loop, begin="BEGIN", reads_only=True)
        try:
            async with AsyncExitStack() as opened:
                writer = await _connect(address(path, "mode=rw"), writing, busy_seconds)
                opened.push_async_callback(writer.close)
                await _set_up(writer, path, scripts)
                reader = await _connect(address(path, "mode=ro"), reading, busy_seconds)
                opened.push_async_callback(reader.close)
                copier = await aiosqlite.connect(address(path, "mode=rw"), uri=True, isolation_level=None)
                opened.pop_all()
        except sqlite3.Error as error:
            if error.sqlite_errorname == "SQLITE_NOTADB":
                raise foreign(path) from error
            raise unopened(path, error) from error
        copying = Copying(partial(copier.execute_fetchall, COPY), lambda: writer.total_changes)
        return cls(Lane(writing, writer), Lane(reading, reader), copying, copier, writing.notify)

    def write(self, work: Callable[[Records], T]) -> asyncio.Future[T]:
        """See `engine.records.Ledger`."""
        return self._run(self._writer, work)

    def read(self, work: Callable[[Records], T]) -> asyncio.Future[T]:
        """See `engine.records.Ledger`."""
        return self._run(self._reader, work)

    def on_commit(self, notify: Callable[[], Any], kind: EventKind | None = None) -> None:
        """See `engine.records.Ledger`."""
        self._notify.append((kind, notify))

    async def close(self) -> None:
        """Take no more work, finish what was taken, and close the file."""
        if self._closed:
            return
        self._closed = True
        try:
            await self._reader.close()
            await self._copying.close()
            await self._copier.close()
        finally:
            await self._writer.close()

    def _run(self, lane: Lane, work: Callable[[Records], T]) -> asyncio.Future[T]:
        if not self._closed:
            return lane.run(work)
        refused: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        refused.set_exception(closed())
        return refused


async def _connect(uri: str, line: Line, busy_seconds: float) -> aiosqlite.Connection:
    def attending(*arguments: Any, **options: Any) -> GroupConnection:  # noqa: ANN401 - handed through as they come
        connection = GroupConnection(*arguments, **options)
        connection.attend(line)
        return connection

    return await aiosqlite.connect(
        uri, uri=True, isolation_level=None, timeout=busy_seconds, cached_statements=512, factory=attending
    )


async def _set_up(writer: aiosqlite.Connection, path: Path, scripts: list[str]) -> None:
    """Bring the schema up to date; a database that is refused after all is left as it is."""
    version, application, tables = await _row(writer, HEADER)
    check(path, Header(version=version, application=application, tables=tables), len(scripts))
    (mode,) = await _row(writer, "PRAGMA journal_mode = WAL")
    if mode != "wal":
        raise unopened(path, OSError(0, "its file system has no shared memory; put the home on a local disk"))
    for setting in _SETTINGS:
        await writer.execute_fetchall(setting)
    for number, script in enumerate(scripts[version:], start=version + 1):
        await _migrate(writer, number, script)
    if version < len(scripts):
        # Into the file itself, so that an older program sees the new schema without reading the log.
        await writer.execute_fetchall("PRAGMA wal_checkpoint(TRUNCATE)")


async def _migrate(writer: aiosqlite.Connection, number: int, script: str) -> None:
    try:
        await writer.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;")
    except sqlite3.Error:
        await writer.rollback()
        raise


async def _row(connection: aiosqlite.Connection, statement: str) -> tuple[Any, ...]:
    row = next(iter(await connection.execute_fetchall(statement)))
    return tuple(row)

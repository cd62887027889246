"""Statements on one connection, with SQLite's errors told as the box's own."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import cache
from itertools import chain
from types import NoneType
from typing import Any, Final

from nanoscale_box.core.errors import BoxError, Code, Invalid
from nanoscale_box.core.model import EventKind
from nanoscale_box.store.failures import told, unfit

MOST_AT_ONCE: Final = 32
"""Rows of one INSERT; each number up to this is a statement of its own, which the connection keeps."""

# For every value that is no plain text or number the driver looks for an adapter, and in vain that takes twice as long.
sqlite3.register_adapter(NoneType, {None: None}.get)

Row = tuple[Any, ...]
Value = str | int | float | None


class Sql:
    """Runs statements inside the transaction that is open. `broken` is set once the database itself failed."""

    __slots__ = ("_connection", "broken", "told")

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.broken: BoxError | None = None
        self.told: frozenset[EventKind] = frozenset()
        """The kinds of the events that were added in this transaction."""

    def change(self, statement: str, values: Sequence[Value] = ()) -> int:
        """Run a statement that writes; give the number of rows it touched."""
        try:
            return self._connection.execute(statement, values).rowcount
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._told(error) from error

    def change_each(self, statement: str, rows: Iterable[Sequence[Value]]) -> None:
        """Run a statement once for each row of values."""
        try:
            self._connection.executemany(statement, rows)
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._told(error) from error

    def insert_all(self, table: str, names: Sequence[str], rows: Sequence[Sequence[Value]]) -> None:
        """Insert many rows with few statements: each one hands the interpreter over to other threads and back."""
        place = 0
        while place < len(rows):
            together = rows[place : place + MOST_AT_ONCE]
            self.change(_inserting_many(table, tuple(names), len(together)), [*chain.from_iterable(together)])
            place += MOST_AT_ONCE

    def insert(self, statement: str, values: Sequence[Value]) -> int:
        """Run an INSERT; give the row's number."""
        try:
            return self._connection.execute(statement, values).lastrowid or 0
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._told(error) from error

    def one(self, statement: str, values: Sequence[Value] = ()) -> Row | None:
        """The first row of the answer, or None."""
        try:
            row: Row | None = self._connection.execute(statement, values).fetchone()
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._told(error) from error
        return row

    def all(self, statement: str, values: Sequence[Value] = ()) -> list[Row]:
        """Every row of the answer."""
        try:
            return self._connection.execute(statement, values).fetchall()
        except (sqlite3.Error, OverflowError, UnicodeEncodeError) as error:
            raise self._told(error) from error

    def _told(self, error: sqlite3.Error | OverflowError | UnicodeEncodeError) -> Exception:
        """What to raise; remembers when it is the database that failed and not the work."""
        match error:
            case sqlite3.Error():
                meaning = told(error)
                if unfit(error) and isinstance(meaning, BoxError):
                    self.broken = meaning
                return meaning
            case OverflowError():
                return Invalid(Code.INVALID, "a number is too large to be kept: use at most 63 bits")
            case UnicodeEncodeError():
                return Invalid(Code.INVALID, "a text holds half of a character pair, which is not text: remove it")


def columns(table: str, names: Sequence[str]) -> str:
    """The names as a list for SELECT, each with its table."""
    return ", ".join(f'{table}."{name}"' for name in names)


def selecting(source: str, *lists: str) -> str:
    """A SELECT of columns; `source` is one table, or a join."""
    return f"SELECT {', '.join(lists)} FROM {source}"  # noqa: S608 - names are constants of this room


def inserting(table: str, names: Sequence[str]) -> str:
    """An INSERT of one row; every name comes from this program."""
    listed, marks = ", ".join(f'"{name}"' for name in names), ", ".join("?" for _ in names)
    return f"INSERT INTO {table} ({listed}) VALUES ({marks})"  # noqa: S608 - names are constants of this room


@cache
def _inserting_many(table: str, names: tuple[str, ...], count: int) -> str:
    return inserting(table, names) + f", ({', '.join('?' for _ in names)})" * (count - 1)


def upserting(table: str, names: Sequence[str], key: str, *, keep: Sequence[str] = ()) -> str:
    """An INSERT that updates the row with the same `key` instead, all but the columns in `keep`."""
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in {key, *keep})
    return f"{inserting(table, names)} ON CONFLICT ({key}) DO UPDATE SET {changes}"


def updating(table: str, names: Sequence[str], key: str) -> str:
    """An UPDATE of every named column of the row with this key, which is the last value."""
    changes = ", ".join(f'"{name}" = ?' for name in names)
    return f'UPDATE {table} SET {changes} WHERE "{key}" = ?'  # noqa: S608 - names are constants of this room

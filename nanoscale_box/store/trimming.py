"""Forgetting rows that are old, in the order they came: no index is needed, and what is young is not looked at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from nanoscale_box.store.rows import time_text
from nanoscale_box.store.sql import Sql


@dataclass(frozen=True, slots=True)
class Old:
    """Which rows of a table may be forgotten; every text comes from this program."""

    table: str
    at: str
    """The column with a row's time."""
    keep: str = "0"
    """The condition under which a row stays however old it is; `row` is the row."""

    def trim(self, sql: Sql, after: int, before: datetime, limit: int) -> int | None:
        """Of the next `limit` rows after a number forget those older than a time; give the number to go on after, or
        None when none was old."""
        window = f"SELECT rowid, {self.at} AS at FROM {self.table} WHERE rowid > ? ORDER BY rowid LIMIT ?"  # noqa: S608 - constants
        last = sql.one(f"SELECT max(rowid) FROM ({window}) WHERE at < ?", (after, limit, time_text(before)))  # noqa: S608 - constants
        if last is None or last[0] is None:
            return None
        old = f"rowid > ? AND rowid <= ? AND {self.at} < ? AND NOT ({self.keep})"
        sql.change(f"DELETE FROM {self.table} AS row WHERE {old}", (after, last[0], time_text(before)))  # noqa: S608 - constants
        return int(last[0])

"""Every sealed text and where it rests, so that all can be sealed anew and a missing key's loss can be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nanoscale_box.engine.ports import Place
from nanoscale_box.engine.records import SealAfter, Sealed, SealUse
from nanoscale_box.store.sql import Sql

# `v1.`, the key's eight digits, a dot: what the vault writes before every sealed text.
_SEALED: Final = "v1.????????.*"


@dataclass(frozen=True, slots=True)
class _Source:
    """A column with sealed texts; `row` is the expression that names a row in its seal, and every text comes from this
    program."""

    table: str
    row: str
    column: str
    within: str = ""
    """Where in the column's JSON the text stands; empty: it is the column."""

    @property
    def text(self) -> str:
        if not self.within:
            return self.column
        return f"CASE WHEN json_valid({self.column}) THEN json_extract({self.column}, '{self.within}') END"

    @property
    def change(self) -> str:
        new = f"json_set({self.column}, '{self.within}', ?)" if self.within else "?"
        return f"UPDATE {self.table} SET {self.column} = {new} WHERE rowid = ?"  # noqa: S608 - constants


_SOURCES: Final = (
    _Source("project_env", "project_id || '/' || key", "value_encrypted"),
    _Source("project_github_links", "project_id", "webhook_secret_encrypted"),
    _Source("deployments", "id", "env_encrypted"),
    _Source("github_user_links", "id", "access_token_encrypted"),
    _Source("github_user_links", "id", "refresh_token_encrypted"),
    _Source("keeper", "name", "text"),
    _Source("oauth_states", "digest", "payload"),
    _Source("jobs", "id", "payload", "$.sealed"),
)


class Seals:
    """All sealed texts; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def uses(self) -> list[SealUse]:
        """How many texts each key sealed, by table."""
        found = []
        for source in _SOURCES:
            rows = self._sql.all(
                f"SELECT substr({source.text}, 4, 8), count(*) FROM {source.table}"  # noqa: S608 - constants
                f" WHERE {source.text} GLOB ? GROUP BY 1",
                (_SEALED,),
            )
            found += [SealUse(key_id=key, table=source.table, count=count) for key, count in rows]
        return found

    def not_by(self, key_id: str, after: SealAfter | None, limit: int) -> list[Sealed]:
        """At most `limit` texts that another key sealed, in an order of their own after one of them."""
        begin, last = after or (0, 0)
        found: list[Sealed] = []
        for place, source in enumerate(_SOURCES[begin:], begin):
            rows = self._sql.all(
                f"SELECT rowid, {source.row}, {source.text} AS text FROM {source.table}"  # noqa: S608 - constants
                " WHERE rowid > ? AND text GLOB ? AND substr(text, 4, 8) <> ? ORDER BY rowid LIMIT ?",
                (last if place == begin else 0, _SEALED, key_id, limit - len(found)),
            )
            found += [
                Sealed(
                    at=(place, number), place=Place(table=source.table, row=str(row), column=source.column), text=text
                )
                for number, row, text in rows
            ]
            if len(found) >= limit:
                break
        return found

    def replace(self, at: SealAfter, text: str) -> None:
        """Put another text where one of `not_by` rests."""
        place, number = at
        self._sql.change(_SOURCES[place].change, (text, number))

"""The audit: entries that are only ever added, each with a digest that follows from the one before."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.audit import BEGINNING, Act, AuditCheck, Entry, chained
from nanoscale_box.core.model import DeliveryId, Sha
from nanoscale_box.engine.records import AuditFilter, Page
from nanoscale_box.store.rows import cursor_of, number_after, rows_wanted, time_of, time_text
from nanoscale_box.store.sql import Row, Sql, columns, inserting, selecting

_NAMES: Final = ("id", "at", "who", "action", "outcome", "target", "delivery_id", "sha", "detail", "digest")
_ADD: Final = inserting("audit", _NAMES)
_SELECT: Final = selecting("audit", columns("audit", _NAMES))
_NEWEST: Final = "SELECT id, digest FROM audit ORDER BY id DESC LIMIT 1"
_GIVEN: Final = "SELECT seq FROM sqlite_sequence WHERE name = 'audit'"
# `ifnull` leaves out what is not asked for; an action is asked for by how it begins.
_WANTED: Final = (
    f"{_SELECT} WHERE id < ? AND who = ifnull(?, who) AND substr(action, 1, length(?)) = ?"
    " AND (? IS NULL OR target = ?) ORDER BY id DESC LIMIT ?"
)
_NEXT: Final = f"{_SELECT} WHERE id > ? ORDER BY id LIMIT ?"
_AT_ONCE: Final = 1000


class Audit:
    """The audit; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def add(self, act: Act, at: datetime) -> Entry:
        """Chain an act to the newest entry."""
        row = self._sql.one(_NEWEST)
        given = self._sql.one(_GIVEN)
        number, before = (given[0] if given else 0) + 1, row[1] if row else BEGINNING
        entry = Entry(id=number, at=at, act=act, digest=chained(before, number, at, act))
        self._sql.change(
            _ADD,
            (
                entry.id,
                time_text(at),
                act.who,
                act.action,
                act.outcome,
                act.target,
                act.delivery_id,
                act.sha,
                act.detail,
                entry.digest,
            ),
        )
        return entry

    def list(self, wanted: AuditFilter, page: Page) -> tuple[Sequence[Entry], str | None]:
        """Entries that fit, newest first."""
        action = wanted.action or ""
        values = (number_after(page, "audit"), wanted.who, action, action, wanted.target, wanted.target)
        rows = self._sql.all(_WANTED, (*values, rows_wanted(page)))
        found = [_entry(row) for row in rows[: page.limit]]
        return found, cursor_of("audit", found[-1].id) if len(rows) > page.limit else None

    def check(self) -> AuditCheck:
        """Follow the chain from its beginning to the newest number that was ever given."""
        digest, number = BEGINNING, 0
        while entries := [_entry(row) for row in self._sql.all(_NEXT, (number, _AT_ONCE))]:
            for entry in entries:
                if entry.id != number + 1 or entry.digest != chained(digest, entry.id, entry.at, entry.act):
                    return AuditCheck(entries=number, newest_digest=digest, broken_at=entry.id)
                digest, number = entry.digest, entry.id
        given = self._sql.one(_GIVEN)
        missing = given is not None and given[0] > number
        return AuditCheck(entries=number, newest_digest=digest, broken_at=number + 1 if missing else None)


def _entry(row: Row) -> Entry:
    act = Act(
        who=row[2],
        action=row[3],
        outcome=row[4],
        target=row[5],
        delivery_id=DeliveryId(row[6]) if row[6] is not None else None,
        sha=Sha(row[7]) if row[7] is not None else None,
        detail=row[8],
    )
    return Entry(id=row[0], at=time_of(row[1]), act=act, digest=row[9])

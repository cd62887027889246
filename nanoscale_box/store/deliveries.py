"""Deliveries: one row for each id that GitHub gave."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.errors import Code, NotFound
from nanoscale_box.core.model import DeliveryId, DeliveryRow, RepoId, Sha
from nanoscale_box.engine.records import Page
from nanoscale_box.store.rows import cursor_of, json_text, number_after, rows_wanted, time_of, time_text
from nanoscale_box.store.sql import Row, Sql, Value, columns, inserting, selecting, updating
from nanoscale_box.store.trimming import Old

_TABLE: Final = "github_webhook_deliveries"
_NAMES: Final = (
    "id", "delivery_id", "event_type", "body_digest", "hook_id", "created_at", "repo_id", "ref", "before_commit",
    "head_commit", "handled", "status_code", "error_message",
)  # fmt: skip
_SELECT: Final = selecting(_TABLE, columns(_TABLE, _NAMES), "rowid")
_BY_ID: Final = f"{_SELECT} WHERE delivery_id = ?"
# Rows are numbered as they come: newest first holds whatever the clock does.
_LIST: Final = f"{_SELECT} WHERE rowid < ? ORDER BY rowid DESC LIMIT ?"
# The list leads, so that each id is one look into the index.
_KNOWN: Final = selecting(f"json_each(?) CROSS JOIN {_TABLE} ON delivery_id = json_each.value", "delivery_id")
_OPEN: Final = "SELECT 1 FROM verdicts WHERE verdicts.delivery_id = row.delivery_id AND outcome = 'queued'"
_OLD: Final = Old(_TABLE, "created_at", keep=f"row.handled = 0 OR EXISTS ({_OPEN})")
_ADD: Final = inserting(_TABLE, _NAMES)
_UPDATE: Final = updating(_TABLE, _NAMES, "id")


class Deliveries:
    """The deliveries; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def get(self, delivery_id: DeliveryId) -> DeliveryRow | None:
        """The delivery, or None."""
        row = self._sql.one(_BY_ID, (delivery_id,))
        return _delivery(row) if row else None

    def add(self, row: DeliveryRow) -> None:
        """`Conflict` `delivery_conflict` when the delivery id is recorded already."""
        self._sql.change(_ADD, _values(row))

    def known(self, delivery_ids: Sequence[DeliveryId]) -> frozenset[DeliveryId]:
        """Those of the ids that are recorded already."""
        rows = self._sql.all(_KNOWN, (json_text(delivery_ids),))
        return frozenset(DeliveryId(row[0]) for row in rows)

    def add_all(self, rows: Sequence[DeliveryRow]) -> None:
        """Record many at once; none of them may be recorded already."""
        self._sql.insert_all(_TABLE, _NAMES, [_values(row) for row in rows])

    def update(self, row: DeliveryRow) -> None:
        """Write every field."""
        if not self._sql.change(_UPDATE, (*_values(row), row.id)):
            raise NotFound(Code.NOT_FOUND, f"the delivery {row.delivery_id} is not recorded")

    def count_same_push(self, repo_id: RepoId, ref: str, before: Sha, after: Sha) -> dict[str, int]:
        """How many deliveries told of this push, by hook."""
        rows = self._sql.all(
            "SELECT hook_id, count(*) FROM github_webhook_deliveries"
            " WHERE repo_id = ? AND head_commit = ? AND ref = ? AND before_commit = ? GROUP BY hook_id",
            (repo_id, after, ref, before),
        )
        return dict(rows)

    def trim(self, after: int, before: datetime, limit: int) -> int | None:
        """Forget what is old; see `engine.records`."""
        return _OLD.trim(self._sql, after, before, limit)

    def list(self, page: Page) -> tuple[list[DeliveryRow], str | None]:
        """All deliveries, newest first."""
        rows = self._sql.all(_LIST, (number_after(page, "deliveries"), rows_wanted(page)))
        found = rows[: page.limit]
        following = cursor_of("deliveries", found[-1][-1]) if len(rows) > page.limit else None
        return [_delivery(row) for row in found], following


def _values(row: DeliveryRow) -> tuple[Value, ...]:
    return (
        row.id,
        row.delivery_id,
        row.event_type,
        row.body_digest,
        row.hook_id,
        time_text(row.created_at),
        row.repo_id,
        row.ref,
        row.before,
        row.head_commit,
        int(row.handled),
        row.status_code,
        row.error_message,
    )


def _delivery(row: Row) -> DeliveryRow:
    return DeliveryRow(
        id=row[0],
        delivery_id=DeliveryId(row[1]),
        event_type=row[2],
        body_digest=row[3],
        hook_id=row[4],
        created_at=time_of(row[5]),
        repo_id=RepoId(row[6]) if row[6] is not None else None,
        ref=row[7],
        before=Sha(row[8]) if row[8] is not None else None,
        head_commit=Sha(row[9]) if row[9] is not None else None,
        handled=bool(row[10]),
        status_code=row[11],
        error_message=row[12],
    )

"""Verdicts: what became of each push, with its reason."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.model import (
    DeliveryId,
    DeploymentId,
    Outcome,
    ProjectId,
    Sha,
    Trigger,
    Verdict,
    VerdictId,
)
from nanoscale_box.engine.records import Page
from nanoscale_box.store.rows import cursor_of, number_after, rows_wanted, time_of, time_text, word
from nanoscale_box.store.sql import Row, Sql, Value, columns, inserting, selecting
from nanoscale_box.store.trimming import Old

_NAMES: Final = (
    "id", "source", "outcome", "code", "reason", "at", "project_id", "delivery_id", "ref", "sha", "deployment_id",
)  # fmt: skip
_SELECT: Final = selecting("verdicts", columns("verdicts", _NAMES), "seq")
_ALL: Final = f"{_SELECT} WHERE seq < ? ORDER BY seq DESC LIMIT ?"
_OF_PROJECT: Final = f"{_SELECT} WHERE project_id = ? AND seq < ? ORDER BY seq DESC LIMIT ?"
_OF_DELIVERY: Final = f"{_SELECT} WHERE delivery_id = ? ORDER BY seq"
_NEWEST: Final = f"{_SELECT} WHERE project_id = ? AND source = ? ORDER BY seq DESC LIMIT 1"
# The condition on `outcome` repeats that of the partial index, which holds only what is still open.
_OPEN: Final = f"{_SELECT} WHERE deployment_id = ? AND outcome = 'queued' ORDER BY seq"
_NEWER: Final = "SELECT max(seq) FROM verdicts WHERE verdicts.project_id = row.project_id"
_OLD: Final = Old("verdicts", "at", keep=f"row.outcome = 'queued' OR row.seq = ifnull(({_NEWER}), 0)")
_ADD: Final = inserting("verdicts", _NAMES)
_AGAIN: Final = f"{_SELECT} WHERE seq = ?"


class Verdicts:
    """The verdicts; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def add(self, verdict: Verdict) -> None:
        """Record a verdict."""
        self._sql.change(_ADD, _values(verdict))

    def add_all(self, verdicts: Sequence[Verdict]) -> None:
        """Record many at once."""
        self._sql.insert_all("verdicts", _NAMES, [_values(verdict) for verdict in verdicts])

    def conclude(
        self, deployment_id: DeploymentId, outcome: Outcome, code: str, reason: str, at: datetime
    ) -> list[Verdict]:
        """Give those still queued for the deployment their end; the answer holds them as they are now."""
        numbers = [row[-1] for row in self._sql.all(_OPEN, (deployment_id,))]
        self._sql.change_each(
            "UPDATE verdicts SET outcome = ?, code = ?, reason = ?, at = ? WHERE seq = ?",
            [(outcome, code, reason, time_text(at), number) for number in numbers],
        )
        return [_verdict(row) for number in numbers for row in self._sql.all(_AGAIN, (number,))]

    def of_delivery(self, delivery_id: DeliveryId) -> list[Verdict]:
        """What a delivery led to, in the order it was decided."""
        return [_verdict(row) for row in self._sql.all(_OF_DELIVERY, (delivery_id,))]

    def newest(self, project_id: ProjectId, source: Trigger) -> Verdict | None:
        """The verdict recorded last for the project from this source, or None."""
        row = self._sql.one(_NEWEST, (project_id, source))
        return _verdict(row) if row else None

    def trim(self, after: int, before: datetime, limit: int) -> int | None:
        """Forget what is old; see `engine.records`."""
        return _OLD.trim(self._sql, after, before, limit)

    def list(self, project_id: ProjectId | None, page: Page) -> tuple[list[Verdict], str | None]:
        """The project's verdicts, or all, newest first."""
        after, wanted = number_after(page, "verdicts"), rows_wanted(page)
        if project_id is None:
            rows = self._sql.all(_ALL, (after, wanted))
        else:
            rows = self._sql.all(_OF_PROJECT, (project_id, after, wanted))
        found = rows[: page.limit]
        following = cursor_of("verdicts", found[-1][-1]) if len(rows) > page.limit else None
        return [_verdict(row) for row in found], following


def _values(verdict: Verdict) -> tuple[Value, ...]:
    return (
        verdict.id,
        word(verdict.source),
        word(verdict.outcome),
        verdict.code,
        verdict.reason,
        time_text(verdict.at),
        verdict.project_id,
        verdict.delivery_id,
        verdict.ref,
        verdict.sha,
        verdict.deployment_id,
    )


def _verdict(row: Row) -> Verdict:
    return Verdict(
        id=VerdictId(row[0]),
        source=Trigger(row[1]),
        outcome=Outcome(row[2]),
        code=row[3],
        reason=row[4],
        at=time_of(row[5]),
        project_id=ProjectId(row[6]) if row[6] is not None else None,
        delivery_id=DeliveryId(row[7]) if row[7] is not None else None,
        ref=row[8],
        sha=Sha(row[9]) if row[9] is not None else None,
        deployment_id=DeploymentId(row[10]) if row[10] is not None else None,
    )

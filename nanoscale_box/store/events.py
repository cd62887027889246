"""Events: everything that changed, by number, for those who follow."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.model import DeploymentId, Event, EventKind, News, ProjectId
from nanoscale_box.store.rows import LAST, fast_json_text, json_of, json_text, time_of, time_text, word
from nanoscale_box.store.sql import Row, Sql, Value, inserting
from nanoscale_box.store.trimming import Old

_NAMES: Final = ("kind", "at", "data", "project_id", "deployment_id")
_ADD: Final = inserting("events", _NAMES)
_OLD: Final = Old("events", "at")
_AFTER: Final = (
    "SELECT id, kind, at, data, project_id, deployment_id FROM events"
    " WHERE id > ?1 AND (?2 IS NULL OR kind = ?2) ORDER BY id LIMIT ?3"
)
_OUTCOMES: Final = (
    "SELECT json_extract(data, '$.outcome'), count(*) FROM events WHERE id > ? AND kind = 'verdict' GROUP BY 1"
)


class Events:
    """The events; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def add(
        self,
        kind: EventKind,
        at: datetime,
        data: dict[str, object],
        *,
        project_id: ProjectId | None = None,
        deployment_id: DeploymentId | None = None,
    ) -> Event:
        """Record an event and give it with its number."""
        number = self._sql.insert(_ADD, (kind, time_text(at), json_text(data), project_id, deployment_id))
        self._sql.told |= {kind}
        return Event(id=number, kind=kind, at=at, data=data, project_id=project_id, deployment_id=deployment_id)

    def add_all(self, news: Sequence[News]) -> None:
        """Record many events at once, numbered in their order."""
        self._sql.insert_all("events", _NAMES, [_values(one) for one in news])
        self._sql.told |= {one.kind for one in news}

    def after(self, last_id: int, limit: int, kind: EventKind | None = None) -> list[Event]:
        """At most `limit` events with a greater number, oldest first; of one kind, if that is given."""
        if limit < 1:
            raise Invalid(Code.INVALID, "ask for at least one event")
        rows = self._sql.all(_AFTER, (last_id, kind, min(limit, LAST)))
        return [_event(row) for row in rows]

    def trim(self, after: int, before: datetime, limit: int) -> int | None:
        """Forget what is old; see `engine.records`."""
        return _OLD.trim(self._sql, after, before, limit)

    def outcomes_after(self, last_id: int) -> tuple[dict[str, int], int]:
        """How many verdicts of each outcome were told after a number, counted where they rest; and the newest."""
        return dict(self._sql.all(_OUTCOMES, (last_id,))), self.last_id()

    def last_id(self) -> int:
        """The number given last, also when its event was trimmed since; 0 before the first."""
        row = self._sql.one("SELECT seq FROM sqlite_sequence WHERE name = 'events'")
        return int(row[0]) if row else 0


def _values(one: News) -> tuple[Value, ...]:
    return word(one.kind), time_text(one.at), fast_json_text(one.data), one.project_id, one.deployment_id


def _event(row: Row) -> Event:
    return Event(
        id=row[0],
        kind=EventKind(row[1]),
        at=time_of(row[2]),
        data=json_of(row[3]),
        project_id=ProjectId(row[4]) if row[4] is not None else None,
        deployment_id=DeploymentId(row[5]) if row[5] is not None else None,
    )

"""Small things by name, pending sign-in states, and durable jobs."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from nanoscale_box.core.errors import Code, Invalid, NotFound
from nanoscale_box.engine.records import Job
from nanoscale_box.store.rows import LAST, time_of, time_text
from nanoscale_box.store.sql import Row, Sql, Value, inserting, updating

_JOB: Final = ("id", "kind", "payload", "due_at", "attempt", "last_error")
_ADD_JOB: Final = inserting("jobs", _JOB)
_UPDATE_JOB: Final = updating("jobs", _JOB, "id")


class Keeper:
    """The keeper; engine.records says what each method promises."""

    __slots__ = ("_sql",)

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def get(self, name: str) -> str | None:
        """The text kept under the name, or None."""
        row = self._sql.one("SELECT text FROM keeper WHERE name = ?", (name,))
        return row[0] if row else None

    def put(self, name: str, text: str) -> None:
        """Keep a text under the name, in place of any other."""
        self._sql.change(
            "INSERT INTO keeper (name, text) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET text = excluded.text",
            (name, text),
        )

    def drop(self, name: str) -> None:
        """Forget what is kept under the name."""
        self._sql.change("DELETE FROM keeper WHERE name = ?", (name,))

    def put_state(self, digest: str, flow: str, payload: str, expires_at: datetime) -> None:
        """Keep a sign-in state until it is taken or expires."""
        self._sql.change(
            "INSERT OR REPLACE INTO oauth_states (digest, flow, payload, expires_at) VALUES (?, ?, ?, ?)",
            (digest, flow, payload, time_text(expires_at)),
        )

    def take_state(self, digest: str, flow: str, now: datetime) -> str | None:
        """Spend a state; one of another flow stays unspent. What has expired is swept on the way."""
        self._sql.change("DELETE FROM oauth_states WHERE expires_at <= ?", (time_text(now),))
        row = self._sql.one("SELECT payload FROM oauth_states WHERE digest = ? AND flow = ?", (digest, flow))
        if row is None:
            return None
        self._sql.change("DELETE FROM oauth_states WHERE digest = ?", (digest,))
        return str(row[0])

    def add_job(self, job: Job) -> None:
        """Record a job."""
        self._sql.change(_ADD_JOB, _values(job))

    def due_jobs(self, now: datetime, limit: int) -> list[Job]:
        """Jobs whose time has come, oldest due first."""
        if limit < 1:
            raise Invalid(Code.INVALID, "ask for at least one job")
        rows = self._sql.all(
            "SELECT id, kind, payload, due_at, attempt, last_error FROM jobs WHERE due_at <= ? ORDER BY due_at LIMIT ?",
            (time_text(now), min(limit, LAST)),
        )
        return [_job(row) for row in rows]

    def next_job_due(self) -> datetime | None:
        """When the next job is due, or None without jobs."""
        row = self._sql.one("SELECT min(due_at) FROM jobs")
        return time_of(row[0]) if row and row[0] is not None else None

    def update_job(self, job: Job) -> None:
        """Write every field."""
        if not self._sql.change(_UPDATE_JOB, (*_values(job), job.id)):
            raise NotFound(Code.NOT_FOUND, f"the job {job.id} is done or was never recorded")

    def finish_job(self, job_id: str) -> None:
        """Forget a job that is done."""
        self._sql.change("DELETE FROM jobs WHERE id = ?", (job_id,))


def _values(job: Job) -> tuple[Value, ...]:
    return (job.id, job.kind, job.payload, time_text(job.due_at), job.attempt, job.last_error)


def _job(row: Row) -> Job:
    return Job(id=row[0], kind=row[1], payload=row[2], due_at=time_of(row[3]), attempt=row[4], last_error=row[5])

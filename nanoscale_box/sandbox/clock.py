"""The sandbox's own time: the real clock plus an offset that tests may move."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def real_now() -> datetime:
    """The machine's time, aware and in UTC."""
    return datetime.now(UTC)


@dataclass(slots=True, kw_only=True)
class Clock:
    """A clock whose hands can be moved; everything in the sandbox that expires asks it."""

    source: Callable[[], datetime] = real_now
    offset: timedelta = timedelta(0)

    def now(self) -> datetime:
        return self.source() + self.offset

    def timestamp(self) -> int:
        return int(self.now().timestamp())

    def advance(self, seconds: float) -> datetime:
        self.offset += timedelta(seconds=seconds)
        return self.now()


def iso(moment: datetime) -> str:
    """RFC 3339 in whole seconds, as GitHub writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

"""GitHub's limits, kept: who must wait and how long, a second between writes, how far the clocks are apart.

The rules: https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api and
https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from gidgethub import sansio

from nanoscale_box.adapters.github_http import Answer
from nanoscale_box.core.errors import TRIED_AGAIN, Code, Fault, Unavailable
from nanoscale_box.core.github_model import RateBudget
from nanoscale_box.engine.ports import Clock

LONGEST_WAIT: Final = 10.0
"""Seconds a call may wait by itself for a limit to pass; what takes longer is refused with `retry_after`."""
_BETWEEN_WRITES: Final = 1.0
# "Otherwise, wait for at least one minute before retrying": a secondary limit that names no time.
_UNNAMED_WAIT: Final = 60.0
_SECONDARY_WORDS: Final = ("secondary rate limit", "abuse detection")

Pause = Callable[[float], Awaitable[object]]


@dataclass(slots=True, kw_only=True)
class _Lane:
    """One installation's writes."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    last: float = float("-inf")


class Limits:
    """What GitHub said of its limits. `caller` is whose budget counts: an installation, the App, a user."""

    def __init__(self, clock: Clock, monotonic: Callable[[], float], pause: Pause) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._pause = pause
        self._holds: dict[str, float] = {}
        self._lanes: dict[str, _Lane] = {}
        self.budget: RateBudget | None = None
        self.skew: timedelta | None = None
        """How far this machine's clock is ahead of GitHub's, to a second or two; None before the first answer."""

    def observe(self, caller: str, answer: Answer) -> float | None:
        """Note what an answer says; the seconds to wait if it is a refusal for a limit.

        A good answer that used up the budget holds the next call.
        """
        now = self._clock.now()
        if (date := _date(answer.headers)) is not None:
            self.skew = now - date
        budget = budget_of(answer.headers)
        if budget is not None:
            self.budget = budget
        seconds = seconds_to_wait(answer, budget, date or now)
        if seconds is None:
            return None
        self._holds[caller] = self._monotonic() + seconds
        return seconds if answer.status in (403, 429) else None

    async def admit(self, caller: str) -> None:
        """Return when the caller may ask: at once, after a short wait, or `github_rate_limited`."""
        until = self._holds.get(caller)
        if until is None:
            return
        seconds = until - self._monotonic()
        if seconds > LONGEST_WAIT:
            raise limited(seconds)
        if seconds > 0:
            await self._pause(seconds)
        if self._holds.get(caller) == until:
            del self._holds[caller]

    @asynccontextmanager
    async def writing(self, caller: str) -> AsyncIterator[None]:
        """The caller's turn to write: one at a time, a second after the last."""
        lane = self._lanes.setdefault(caller, _Lane())
        async with lane.lock:
            rest = lane.last + _BETWEEN_WRITES - self._monotonic()
            if rest > 0:
                await self._pause(rest)
            try:
                yield
            finally:
                lane.last = self._monotonic()


def limited(seconds: float) -> Unavailable:
    """The refusal for a limit that passes in so many seconds."""
    return Unavailable(
        Code.GITHUB_RATE_LIMITED,
        f"GitHub's limit on requests is reached; it opens again in {_spoken(seconds)}.",
        hint=f"Nothing is lost. {TRIED_AGAIN}",
        fault=Fault.GITHUB,
        retry_after=seconds,
    )


def busy(seconds: float) -> Unavailable:
    """GitHub has trouble of its own and named the time it wants."""
    return Unavailable(
        Code.GITHUB_UNREACHABLE,
        f"GitHub has trouble of its own and asks to come back in {_spoken(seconds)}.",
        hint=f"Nothing is lost. {TRIED_AGAIN}",
        fault=Fault.GITHUB,
        retry_after=seconds,
    )


def budget_of(headers: Mapping[str, str]) -> RateBudget | None:
    """What the headers say of the primary limit."""
    try:
        found = sansio.RateLimit.from_http(headers)
        if found is None:
            return None
        return RateBudget(limit=found.limit, remaining=found.remaining, reset_at=found.reset_datetime)
    except (ValueError, OverflowError, OSError):
        return None


def seconds_to_wait(answer: Answer, budget: RateBudget | None, now: datetime) -> float | None:
    """How long to stay away after this answer; None if it says nothing of a limit. `now` is on GitHub's clock."""
    refused = answer.status in (403, 429)
    named = _seconds(answer.headers.get("retry-after"))
    if refused and named is not None:
        return named
    if budget is not None and budget.remaining <= 0 and (refused or answer.status < 400):
        return max(0.0, (budget.reset_at - now).total_seconds()) + 1.0  # both sides speak in whole seconds
    if answer.status == 429 or (refused and _speaks_of_secondary(answer.body)):
        return _UNNAMED_WAIT
    return None


def _speaks_of_secondary(body: bytes) -> bool:
    text = body[:2000].decode("utf-8", "replace").lower()
    return any(words in text for words in _SECONDARY_WORDS)


def retry_after(answer: Answer) -> float | None:
    """The seconds an answer asks to wait, if it names them."""
    return _seconds(answer.headers.get("retry-after"))


def _seconds(text: str | None) -> float | None:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    return float(text)


def _date(headers: Mapping[str, str]) -> datetime | None:
    try:
        found = parsedate_to_datetime(headers["date"])
    except (KeyError, ValueError, TypeError):
        return None
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _spoken(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} seconds"
    return f"{round(seconds / 60)} minutes"

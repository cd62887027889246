"""What the webhook takes in: body size and time, bytes in flight, refusals; nothing a sender can forge is looked at."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from nanoscale_box.core.errors import Code, Fault, Invalid, Unavailable
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.settings import PublicSettings

_SIGNATURE: Final = re.compile(r"sha256=[0-9a-fA-F]{64}\Z")
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


class Refusals:
    """A token bucket for refused requests, one for all senders: behind a tunnel every sender looks alike."""

    def __init__(self, *, burst: int, per_second: float, now: Callable[[], float]) -> None:
        self._burst = float(burst)
        self._per_second = per_second
        self._now = now
        self._tokens = self._burst
        self._at = now()

    def take(self) -> bool:
        """Whether one more refusal may be spelled out."""
        self._fill()
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    @property
    def empty(self) -> bool:
        """Whether the next refusal will not be spelled out."""
        self._fill()
        return self._tokens < 1

    @property
    def wait_seconds(self) -> float:
        """How long until the next one may."""
        return max(0.0, (1 - self._tokens) / self._per_second)

    def _fill(self) -> None:
        now = self._now()
        self._tokens = min(self._burst, self._tokens + (now - self._at) * self._per_second)
        self._at = now


@dataclass(eq=False, slots=True)
class _Reading:
    """One body being held: `deadline` while it is still arriving, None when it is whole."""

    held: int = 0
    deadline: asyncio.Timeout | None = None
    evicted: bool = False


@dataclass(slots=True)
class BodyBudget:
    """Bounds the bytes of all bodies held at once. When they do not fit, the body that has been arriving for longest is
    given up: an honest one is there within moments, so slow senders cannot crowd it out."""

    limit: int
    counters: IntakeCounters
    _readings: dict[_Reading, None] = field(default_factory=dict)
    _held: int = 0

    @contextmanager
    def reading(self) -> Iterator[_Reading]:
        """Account for one body until it has been dealt with."""
        reading = _Reading()
        self._readings[reading] = None
        try:
            yield reading
        finally:
            self._held -= reading.held
            del self._readings[reading]

    def hold(self, reading: _Reading, count: int) -> None:
        """Make room for `count` bytes more; `Unavailable` when all that is held is whole already."""
        self.take(count, reading)
        reading.held += count

    def take(self, count: int, reading: _Reading | None = None) -> None:
        """As `hold`, for a body that came whole: whoever takes gives back."""
        while self._held + count > self.limit:
            victim = next((one for one in self._readings if one.deadline and not one.evicted), None)
            if victim is None or victim is reading:
                raise _too_busy()
            self._evict(victim)
        self._held += count

    def give_back(self, count: int) -> None:
        """A body that was taken has been dealt with."""
        self._held -= count

    def _evict(self, victim: _Reading) -> None:
        victim.evicted = True
        self._held -= victim.held
        victim.held = 0
        self.counters.evicted += 1
        if victim.deadline is not None:
            victim.deadline.reschedule(asyncio.get_running_loop().time())


def plausibly_signed(headers: Sequence[tuple[str, str]]) -> bool:
    """Whether the signature has the right form, so that the body is worth holding."""
    given = [value for name, value in headers if name.lower() == "x-hub-signature-256"]
    return len(given) == 1 and _SIGNATURE.match(given[0]) is not None


def check_declared(request: web.Request, limit: int) -> None:
    """Refuse by the headers alone what is too large or encoded."""
    if request.content_length is not None and request.content_length > limit:
        raise too_large()
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise Invalid(Code.UNSUPPORTED_MEDIA_TYPE, "the body is compressed", hint="send it as it is, as GitHub does")


async def read_body(
    request: web.Request, reading: _Reading, budget: BodyBudget, settings: PublicSettings, *, keep: bool
) -> bytes:
    """The whole body in time and within bounds; with `keep=False` it is only counted and nothing of it is held."""
    if request.headers.get("Expect", "").lower() == "100-continue":
        await request.writer.write(_CONTINUE)
        request.writer.output_size = 0
    if request.content.is_eof():  # it came along with its headers, as most do: there is nothing to wait for
        return _arrived(request, reading, budget, settings, keep=keep)
    body = bytearray()
    size = 0
    try:
        async with asyncio.timeout(settings.body_seconds) as deadline:
            reading.deadline = deadline
            while chunk := await request.content.readany():
                size += len(chunk)
                if size > settings.body_limit:
                    raise too_large()
                if keep:
                    budget.hold(reading, len(chunk))
                    body += chunk
    except TimeoutError:
        if reading.evicted:
            raise _too_busy() from None
        budget.counters.stalled += 1
        raise web.HTTPRequestTimeout from None
    except web.RequestPayloadError:
        raise _broken() from None
    finally:
        reading.deadline = None
    return bytes(body)


def _arrived(
    request: web.Request, reading: _Reading, budget: BodyBudget, settings: PublicSettings, *, keep: bool
) -> bytes:
    try:
        body = request.content.read_nowait()
    except web.RequestPayloadError:
        raise _broken() from None
    if len(body) > settings.body_limit:
        raise too_large()
    if not keep:
        return b""
    budget.hold(reading, len(body))
    return body


def _broken() -> Invalid:
    return Invalid(Code.INVALID, "the body ended before it was whole, or its framing is broken")


def too_large() -> Invalid:
    """The refusal of a body over GitHub's own limit."""
    return Invalid(Code.TOO_LARGE, "the body is larger than any delivery of GitHub's")


def too_many(wait_seconds: float) -> Unavailable:
    """The refusal that is not spelled out."""
    return Unavailable(
        Code.TOO_MANY_REQUESTS,
        "too many requests were refused lately",
        hint="sign it with the webhook's secret: rightly signed deliveries are always taken",
        retry_after=wait_seconds,
    )


def _too_busy() -> Unavailable:
    return Unavailable(
        Code.STORE_UNAVAILABLE, "too many large bodies are arriving at once", fault=Fault.BOX, retry_after=5
    )

"""A call to GitHub's API from start to end: whose turn it is, with which credentials, how often, what is kept."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, Generic, TypeVar

import msgspec
from gidgethub import sansio

from nanoscale_box.adapters import github_limits
from nanoscale_box.adapters.github_http import Answer, Exchange, Http, NoAnswer, followed, refused_answer
from nanoscale_box.adapters.github_limits import Limits, Pause
from nanoscale_box.adapters.github_refusals import Kind, is_unknown_app, message_of, refusal, unreachable
from nanoscale_box.adapters.github_shapes import Reader

T = TypeVar("T")

USER_AGENT: Final = "nanoscale-box"
_API_VERSION: Final = "2022-11-28"
GONE: Final = frozenset({404})
_GOOD: Final = frozenset({200, 201, 202, 204})
_ATTEMPTS: Final = 3
_NO_NEW_ATTEMPT_AFTER: Final = 25.0
_FIRST_PAUSE: Final = 0.5
_MOST_PAGES: Final = 1000
_MOST_KEPT: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """As whom a call is made. `name` is whose limits count.

    `renew` drops credentials that were refused and says whether others can be had.
    """

    kind: Kind
    name: str
    authorize: Callable[[], Awaitable[str]] = field(repr=False)
    """The `Authorization` header, or nothing."""
    renew: Callable[[], bool] = field(default=lambda: False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply(Generic[T]):
    """A good answer, read; `value` is None only for a status the call was ready to take instead."""

    status: int
    value: T | None = None
    next: str | None = None
    words: str = ""
    """What GitHub said with a status that was taken, made inert."""

    def sure(self) -> T:
        """The value, where the call took no bad status."""
        if self.value is None:
            raise refused_answer("GitHub's answer is empty where it must not be.")
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Call(Generic[T]):
    """What is asked. `take`: bad statuses the asker deals with itself; `again`: repeating does no harm."""

    method: str
    url: str
    read: Reader[T]
    body: Any = None
    take: frozenset[int] = frozenset()
    again: bool = False
    paced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    etag: str
    reply: Reply[Any]


_Key = tuple[bytes, str]


class Calls:
    """Makes calls, obeys limits, tries again where that is safe, and asks conditionally for what it knows."""

    def __init__(
        self,
        api_url: str,
        http: Http,
        limits: Limits,
        *,
        monotonic: Callable[[], float],
        pause: Pause,
        jitter: Callable[[], float],
    ) -> None:
        self._base = api_url.rstrip("/")
        self._http = http
        self.limits = limits
        self._monotonic = monotonic
        self._pause = pause
        self._jitter = jitter
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()

    async def get(self, caller: Caller, path: str, read: Reader[T]) -> T:
        """Ask for something; an answer of 304 is the value from before, which no caller may change."""
        reply = await self._make(caller, Call(method="GET", url=self._base + path, read=read, again=True))
        return reply.sure()

    async def find(self, caller: Caller, path: str, read: Reader[T], take: frozenset[int] = GONE) -> T | None:
        """Ask for what may not be there."""
        reply = await self._make(caller, Call(method="GET", url=self._base + path, read=read, take=take, again=True))
        return reply.value

    async def pages(self, caller: Caller, path: str, read: Reader[T]) -> AsyncIterator[T]:
        """Every page, as it arrives."""
        url = self._base + path
        for _ in range(_MOST_PAGES):
            reply = await self._make(caller, Call(method="GET", url=url, read=read, again=True))
            yield reply.sure()
            if reply.next is None:
                return
            url = reply.next
        raise refused_answer("GitHub's list has no end, so the box stopped reading it.")

    async def write(
        self,
        caller: Caller,
        method: str,
        path: str,
        body: object = None,
        *,
        read: Reader[T],
        take: frozenset[int] = frozenset(),
        again: bool = False,
        paced: bool = True,
    ) -> Reply[T]:
        """Change something. `paced` False is for credentials, which change nothing that GitHub shows to anyone."""
        call = Call(method=method, url=self._base + path, read=read, body=body, take=take, again=again, paced=paced)
        if not paced:
            return await self._make(caller, call)
        async with self.limits.writing(caller.name):
            return await self._make(caller, call)

    def forget(self, authorization: str) -> None:
        """Drop what was kept for credentials that are no longer used: an ETag holds for one token only."""
        digest = _digest(authorization)
        for key in [key for key in self._kept if key[0] == digest]:
            del self._kept[key]

    async def _make(self, caller: Caller, call: Call[T]) -> Reply[T]:
        answer, key = await self._authorised(caller, call)
        if answer.status == 401 and caller.renew():
            answer, key = await self._authorised(caller, call)
        if answer.status == 304 and key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key].reply
        if answer.status in _GOOD:
            reply = self._read(call, answer)
            if call.method == "GET":
                self._keep(key, answer, reply)
            return reply
        if answer.status in call.take and not is_unknown_app(answer):
            return Reply(status=answer.status, words=message_of(answer))
        raise refusal(caller.kind, answer, self.limits.skew)

    async def _authorised(self, caller: Caller, call: Call[Any]) -> tuple[Answer, _Key]:
        await self.limits.admit(caller.name)
        authorization = await caller.authorize()
        key = (_digest(authorization), call.url)
        headers = sansio.create_headers(USER_AGENT) | {"x-github-api-version": _API_VERSION}
        if authorization:
            headers["authorization"] = authorization
        body = None
        if call.body is not None:
            body = msgspec.json.encode(call.body)
            headers["content-type"] = "application/json"
        if call.method == "GET" and (kept := self._kept.get(key)) is not None:
            headers["if-none-match"] = kept.etag
        exchange = Exchange(method=call.method, url=call.url, headers=headers, body=body)
        return await self._persist(caller.name, exchange, call.again), key

    async def _persist(self, name: str, exchange: Exchange, again: bool) -> Answer:
        """Send until there is an answer to go by. A refusal for a limit may always be repeated: nothing was done."""
        began = self._monotonic()
        for attempt in range(1, _ATTEMPTS + 1):
            await self.limits.admit(name)
            answer = await self._http.send(exchange)
            last = attempt == _ATTEMPTS or self._monotonic() - began > _NO_NEW_ATTEMPT_AFTER
            if isinstance(answer, NoAnswer):
                if last or (answer.sent and not again):
                    raise unreachable(answer)
                await self._pause(self._growing(attempt))
                continue
            held = self.limits.observe(name, answer)
            if held is not None:
                if last:
                    raise github_limits.limited(held)
            elif answer.status < 500 or last or not again:
                return answer
            else:
                await self._pause(self._pause_for(answer, attempt))
        raise AssertionError("the last attempt returns or raises")

    def _pause_for(self, answer: Answer, attempt: int) -> float:
        named = github_limits.retry_after(answer) or 0.0
        if named > github_limits.LONGEST_WAIT:
            raise github_limits.busy(named)
        return max(named, self._growing(attempt))

    def _growing(self, attempt: int) -> float:
        return float(_FIRST_PAUSE * 3 ** (attempt - 1) * (0.5 + self._jitter()))

    def _read(self, call: Call[T], answer: Answer) -> Reply[T]:
        try:
            value = call.read(answer.body)
        except (msgspec.MsgspecError, ValueError, RecursionError):
            value = None
        if value is None:  # the reason may quote the answer, so it is not kept
            raise refused_answer("GitHub's answer is not of the form its documentation promises.")
        _, _, link = sansio.decipher_response(200, {"link": answer.headers.get("link", "")}, b"")
        return Reply(status=answer.status, value=value, next=followed(call.url, link) if link else None)

    def _keep(self, key: _Key, answer: Answer, reply: Reply[Any]) -> None:
        etag = answer.headers.get("etag", "")
        if not etag or answer.status != 200:
            return
        self._kept[key] = _Kept(etag=etag, reply=reply)
        self._kept.move_to_end(key)
        while len(self._kept) > _MOST_KEPT:
            self._kept.popitem(last=False)


def nothing(_: bytes) -> bool:
    """Reads an answer whose body does not matter."""
    return True


def _digest(authorization: str) -> bytes:
    return hashlib.sha256(authorization.encode()).digest()

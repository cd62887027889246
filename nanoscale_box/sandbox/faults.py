"""Trouble on demand: rules that say which request or delivery goes wrong, how, and how often."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from aiohttp import web

from .ids import Counters

TRUNCATE_AFTER: web.RequestKey[int] = web.RequestKey("truncate_after")


class FaultKind(StrEnum):
    """What goes wrong. The last three are for deliveries, `delay` is for both."""

    STATUS = "status"
    DELAY = "delay"
    CLOSE = "close"
    RATE_LIMIT = "rate_limit"
    SECONDARY_LIMIT = "secondary_limit"
    STALE_DATE = "stale_date"
    TRUNCATE = "truncate"
    DROP = "drop"
    DUPLICATE = "duplicate"
    CORRUPT = "corrupt"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One rule. `times` counts down, None is for ever; `skip` lets the first so many matches pass.

    With `after`, the request is carried out first and only its answer is lost or replaced.
    """

    id: int
    kind: FaultKind
    path: re.Pattern[str]
    method: str | None = None
    event: re.Pattern[str] | None = None
    times: int | None = 1
    skip: int = 0
    after: bool = False
    seconds: float = 0.0
    status: int = 500
    body: str | None = None
    bytes: int = 0
    hits: int = 0

    def facts(self) -> dict[str, Any]:
        return {"id": self.id, "kind": self.kind, "times": self.times, "hits": self.hits, "path": self.path.pattern}


def parse(number: int, data: dict[str, Any]) -> Fault:
    """A rule from its JSON form; ValueError, with a sentence, for what makes no sense."""
    match = data.get("match") or {}
    known = {"match", "kind", "times", "skip", "when", "seconds", "status", "body", "bytes"}
    if unknown := data.keys() - known:
        raise ValueError(f"unknown fields {sorted(unknown)}; a fault has {sorted(known)}")
    event = match.get("event")
    return Fault(
        id=number,
        kind=FaultKind(data.get("kind", "")),
        path=re.compile(match.get("path", "")),
        method=str(match["method"]).upper() if match.get("method") else None,
        event=re.compile(event) if event is not None else None,
        times=data.get("times", 1),
        skip=int(data.get("skip", 0)),
        after=data.get("when", "before") == "after",
        seconds=float(data.get("seconds", 0)),
        status=int(data.get("status", 500)),
        body=data.get("body"),
        bytes=int(data.get("bytes", 0)),
    )


@dataclass(slots=True, kw_only=True)
class FaultBook:
    """All rules in force, oldest first; the first that matches is taken."""

    ids: Counters
    rules: list[Fault] = field(default_factory=list)
    _forgotten: asyncio.Event = field(default_factory=asyncio.Event)

    def add(self, data: dict[str, Any]) -> Fault:
        fault = parse(self.ids.next("fault"), data)
        self.rules.append(fault)
        return fault

    def clear(self) -> None:
        self.rules.clear()
        self._forgotten.set()
        self._forgotten = asyncio.Event()

    async def delay(self, fault: Fault) -> None:
        """Let the time of a `delay` pass, or end it once all rules are forgotten."""
        with suppress(TimeoutError):
            async with asyncio.timeout(fault.seconds):
                await self._forgotten.wait()

    def for_request(self, method: str, path_and_query: str) -> Fault | None:
        for fault in self.rules:
            fits = fault.event is None and fault.method in (None, method) and fault.path.search(path_and_query)
            if fits and self._take(fault):
                return fault
        return None

    def for_delivery(self, event: str, url: str) -> Fault | None:
        for fault in self.rules:
            fits = fault.event is not None and fault.event.search(event) and fault.path.search(url)
            if fits and self._take(fault):
                return fault
        return None

    def _take(self, fault: Fault) -> bool:
        fault.hits += 1
        if fault.hits <= fault.skip:
            return False
        if fault.times is not None:
            if fault.hits - fault.skip > fault.times:
                return False
            if fault.hits - fault.skip == fault.times:
                self.rules.remove(fault)
        return True

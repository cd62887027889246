"""Follows streams across broken connections: each goes on after the last thing seen."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from nanoscale_box.client.calls import Calls
from nanoscale_box.client.errors import Unreachable
from nanoscale_box.client.sse import Message, Parser
from nanoscale_box.wire.shapes import Event, LogLine

_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0

Query = Mapping[str, str | int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Disconnected:
    """The box is gone for now; the stream goes on by itself once it is back."""

    sentence: str
    hint: str


@dataclass(frozen=True, slots=True)
class Reconnected:
    """The box is back; what was missed follows."""


async def follow(
    calls: Calls, path: str, query: Query, *, again: bool
) -> AsyncIterator[Message | Disconnected | Reconnected]:
    """The messages of a stream; one that breaks off is taken up after the last message, or raises `Unreachable`.

    Ends when the box ends the stream after a message `end`, or, without `again`, when it ends it at all."""
    last_id, pause, lost = "", _FIRST_PAUSE, False
    while True:
        parser = Parser()
        parser.last_id = last_id
        sentence, hint = "the box ended the stream", "wait a moment: it may be restarting"
        try:
            async with calls.stream(path, query, last_id) as chunks:
                if lost:
                    lost = False
                    yield Reconnected()
                async for chunk in chunks:
                    pause = _FIRST_PAUSE
                    for message in parser.feed(chunk):
                        last_id = message.id
                        yield message
                        if message.event == "end":
                            return
                    last_id = parser.last_id
            if not again:
                return
        except Unreachable as gone:
            if not again:
                raise
            sentence, hint = gone.sentence, gone.hint
        if not lost:
            lost = True
            yield Disconnected(sentence=sentence, hint=hint)
        await asyncio.sleep(pause)
        pause = min(pause * 2, _LONGEST_PAUSE)


async def follow_events(
    calls: Calls, path: str, *, after: int | None, again: bool
) -> AsyncIterator[Event | Disconnected | Reconnected]:
    """Events, typed."""
    query: Query = {"after": after, "follow": "true" if again else "false"}
    async for message in follow(calls, path, query, again=again):
        if isinstance(message, Message):
            yield msgspec.json.decode(message.data, type=Event)
        else:
            yield message


async def follow_log(
    calls: Calls, path: str, *, kind: str, again: bool, tail: int | None
) -> AsyncIterator[LogLine | Disconnected | Reconnected]:
    """Log lines, typed; ends when the log is complete."""
    query: Query = {"kind": kind, "follow": "true" if again else "false", "tail": tail}
    async for message in follow(calls, path, query, again=again):
        if not isinstance(message, Message):
            yield message
        elif message.event == "line":
            yield msgspec.json.decode(message.data, type=LogLine)

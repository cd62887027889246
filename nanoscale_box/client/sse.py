"""Takes a stream of bytes apart into server-sent events; no input or output of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

# No line of a stream of ours comes near; beyond it the other end is not a box.
_MAX_LINE: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One event as it was sent."""

    id: str
    event: str
    data: str


class Parser:
    """Feeds on bytes as they come, gives whole events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._searched = 0
        self._event = ""
        self._data: list[str] = []
        self.last_id = ""
        """Where the stream stands; sent back as `Last-Event-ID` it goes on from there."""

    def feed(self, chunk: bytes) -> Iterator[Message]:
        """The events that `chunk` completes."""
        self._rest += chunk
        while (end := self._rest.find(b"\n", self._searched)) >= 0:
            line = self._rest[:end].removesuffix(b"\r").decode("utf-8", "replace")
            del self._rest[: end + 1]
            self._searched = 0
            message = self._line(line)
            if message is not None:
                yield message
        self._searched = len(self._rest)
        if self._searched > _MAX_LINE:
            raise ValueError("a line of the stream is longer than any that a box sends")

    def _line(self, line: str) -> Message | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match field:
            case "id":
                self.last_id = value
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case _:
                pass  # a comment, or a field of no use here
        return None

    def _dispatch(self) -> Message | None:
        event, data = self._event, self._data
        self._event, self._data = "", []
        return Message(id=self.last_id, event=event or "message", data="\n".join(data)) if data else None

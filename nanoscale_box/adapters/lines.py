"""Bytes of any kind, cut into lines of bounded length."""

from __future__ import annotations

from typing import Final

MAX_LINE_BYTES: Final = 16 * 1024
CUT: Final = " … (line cut)"


class Lines:
    """Turns chunks of a stream into lines; what is beyond the limit of a line is dropped as it comes, so memory stays
    bounded."""

    def __init__(self, limit: int = MAX_LINE_BYTES) -> None:
        self._limit = limit
        self._begun = bytearray()
        self._is_cut = False

    def feed(self, chunk: bytes) -> list[str]:
        """The lines that the chunk completes."""
        *complete, rest = chunk.split(b"\n")
        lines = []
        for part in complete:
            self._keep(part)
            lines.append(self._take())
        self._keep(rest)
        return lines

    def end(self) -> list[str]:
        """The last line, if the stream did not end with a line end."""
        return [self._take()] if self._begun or self._is_cut else []

    def _keep(self, part: bytes) -> None:
        room = self._limit - len(self._begun)
        self._is_cut = self._is_cut or len(part) > room
        self._begun += part[:room]

    def _take(self) -> str:
        text = text_of(bytes(self._begun)) + (CUT if self._is_cut else "")
        self._begun.clear()
        self._is_cut = False
        return text


def text_of(line: bytes) -> str:
    """What a terminal would be left showing of a line that was redrawn in place with carriage returns."""
    return line.rstrip(b"\r").rpartition(b"\r")[2].decode("utf-8", errors="replace")

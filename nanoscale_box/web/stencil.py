"""The head of a delivery laid over the one before: a sender writes the same lines each time, but for three values."""

from __future__ import annotations

import re
from typing import Final

Headers = list[tuple[str, str]]

_GAPS: Final = re.compile(rb"\r\n(X-GitHub-Delivery|X-Hub-Signature-256|Content-Length): (?=[!-~])", re.IGNORECASE)
_PLAIN: Final = re.compile(rb"[!-~]+")


class Stencil:
    """A head that was read, with gaps where the next may differ. What is laid under it and fits reads the same but for
    what shows in the gaps, and that holds no space, no line end and nothing else that could end a value."""

    __slots__ = ("_gaps", "_headers", "_places", "_solid", "length")

    def __init__(self, head: bytes, headers: Headers) -> None:
        self.length = len(head)
        self._headers = headers
        names = [name for name, _ in headers]
        self._gaps: list[tuple[int, int]] = []
        self._places: list[int | None] = []
        """For each gap which of the headers shows in it, None: it is the length."""
        self._solid: list[tuple[int, int, bytes]] = []
        begin = 0
        for gap in _GAPS.finditer(head):
            name, end = gap[1].decode().lower(), head.index(b"\r\n", gap.end())
            self._gaps.append((gap.end(), end))
            self._places.append(names.index(name) if name in names else None)
            self._solid.append((begin, gap.end(), head[begin : gap.end()]))
            begin = end
        self._solid.append((begin, len(head), head[begin:]))
        if None not in self._places:  # where the length does not show, nothing fits
            self._gaps, self._places = [], []

    def read(self, data: bytes) -> Headers | None:
        """The headers of the delivery that `data` is; None: it has to be read line by line."""
        for begin, end, solid in self._solid:
            if data[begin:end] != solid:
                return None
        shown = [data[begin:end] for begin, end in self._gaps]
        if not _PLAIN.fullmatch(b"".join(shown)):
            return None
        headers = self._headers.copy()
        for place, value in zip(self._places, shown, strict=True):
            if place is not None:
                headers[place] = (headers[place][0], value.decode("ascii"))
            elif value != b"%d" % (len(data) - self.length):
                return None
        return headers

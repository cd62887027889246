"""The head of a delivery laid over the one before: a sender writes the same lines each time, but for three values."""

from __future__ import annotations

import re
from typing import Final

Headers = list[tuple[str, str]]

_GAPS: Final = re.compile(rb"\r\n(X-GitHub-Delivery|X-Hub-Signature-256|Content-Length): (?=[!-~])", re.IGNORECASE)
_NOTHING: Final = re.compile(rb"(?!)")


class Stencil:
    """A head that was read, with gaps where the next may differ. What is laid under it and fits reads the same but for
    what shows in the gaps, and that holds no space, no line end and nothing else that could end a value."""

    __slots__ = ("_headers", "_pattern", "_places")

    def __init__(self, head: bytes, headers: Headers) -> None:
        self._headers = headers
        names = [name for name, _ in headers]
        self._places: list[int | None] = []
        """For each gap which of the headers shows in it, None: it is the length."""
        pattern, begin = b"", 0
        for gap in _GAPS.finditer(head):
            name = gap[1].decode().lower()
            self._places.append(names.index(name) if name in names else None)
            pattern += re.escape(head[begin : gap.end()]) + b"([!-~]+)"
            begin = head.index(b"\r\n", gap.end())
        # where the length does not show, nothing fits
        self._pattern = re.compile(pattern + re.escape(head[begin:])) if None in self._places else _NOTHING

    def read(self, data: bytes) -> tuple[Headers, int] | None:
        """The headers of the delivery that `data` is, and where its body begins; None: it has to be read line by
        line."""
        laid = self._pattern.match(data)
        if laid is None:
            return None
        end, headers = laid.end(), self._headers.copy()
        for place, value in zip(self._places, laid.groups(), strict=True):
            if place is not None:
                headers[place] = (headers[place][0], value.decode("ascii"))
            elif value != b"%d" % (len(data) - end):
                return None
        return headers, end

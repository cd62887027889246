"""The short way of a delivery that came whole, in one piece and written plainly: no request is built around it.

Only what nobody can read in two ways is read here. Whatever else a head may hold is left to aiohttp, which then gets
the bytes as they came."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp.helpers import rfc822_formatted_time

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github_headers import DELIVERY_HEADERS
from nanoscale_box.web.problems import MEDIA_TYPE, problem_of, retry_seconds
from nanoscale_box.web.stencil import Headers, Stencil
from nanoscale_box.wire.routes import WEBHOOK
from nanoscale_box.wire.shapes import Shape

_BEGIN: Final = f"POST {WEBHOOK} HTTP/1.1\r\n".encode()
_LONGEST_HEAD: Final = 8192
_LONGEST: Final = 256 * 1024
_FIELDS: Final = re.compile(rb"(?:[A-Za-z0-9-]{1,64}: ?[\x21-\x7e][\x20-\x7e]*\r\n)+")
# Each of these changes how the rest is to be read, or what is to be answered.
_OTHERS: Final = frozenset({
    "transfer-encoding", "content-encoding", "connection", "keep-alive", "proxy-connection", "expect", "upgrade", "te",
    "trailer",
})  # fmt: skip
SEAL: Final = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff"}
"""What every answer of the public door says to browsers and caches."""
_SEAL: Final = "".join(f"{name}: {value}\r\n" for name, value in SEAL.items())
_BEGINNINGS: Final = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n{_SEAL}Content-Type: " for status in HTTPStatus
}


class Whole(msgspec.Struct, frozen=True):
    """A delivery as it came; that it is signed rightly is not known yet."""

    headers: Headers
    body: bytes


def read(data: bytes) -> Whole | None:
    """The delivery that these bytes are, from the first to the last; None: let aiohttp read them."""
    if not data.startswith(_BEGIN) or len(data) > _LONGEST:
        return None
    end = data.find(b"\r\n\r\n", 0, _LONGEST_HEAD) + 2
    if end < len(_BEGIN) or not _FIELDS.fullmatch(data, len(_BEGIN), end):
        return None
    lines = data[len(_BEGIN) : end - 2].decode("ascii").split("\r\n")
    values: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(":")
        values[name.lower()] = value.strip(" ")
    if len(values) < len(lines) or not _OTHERS.isdisjoint(values) or "host" not in values:
        return None
    length = len(data) - end - 2
    if not length or values.get("content-length") != str(length) or values.get("content-type") != "application/json":
        return None
    headers = [(name, values[name]) for name in DELIVERY_HEADERS if name in values]
    return Whole(headers, data[end + 2 :])


class Reader:
    """Reads deliveries as `read` does, and those that look like the one before at a glance."""

    def __init__(self) -> None:
        self._stencil = Stencil(b"", [])

    def read(self, data: bytes) -> Whole | None:
        """See `read`."""
        laid = self._stencil.read(data) if len(data) <= _LONGEST else None
        if laid is not None and laid[1] <= _LONGEST_HEAD:
            return Whole(laid[0], data[laid[1] :])
        whole = read(data)
        if whole is not None:
            self._stencil = Stencil(data[: -len(whole.body)], whole.headers)
        return whole


def written(shape: Shape, status: int, media: str = "application/json", retry_after: int | None = None) -> bytes:
    """The answer as it goes over the wire, with what every answer of the public door says."""
    content = msgspec.json.encode(shape)
    retry = f"Retry-After: {retry_after}\r\n" if retry_after is not None else ""
    head = (
        f"{_BEGINNINGS[status]}{media}\r\nContent-Length: {len(content)}\r\n"
        f"Date: {rfc822_formatted_time()}\r\n{retry}\r\n"
    )
    return head.encode("ascii") + content


def refusal(error: BoxError) -> bytes:
    """The problem document that tells of an error, as it goes over the wire."""
    problem = problem_of(error)
    return written(problem, problem.status, MEDIA_TYPE, retry_seconds(error))

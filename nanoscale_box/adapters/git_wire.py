"""Git's protocol v2 spoken straight: the one request that is meant, without asking first what the server can do.

Over HTTP every request stands alone (git: gitprotocol-v2), so a server that knows version 2 answers it at once; one
that does not says something else, which is `Otherwise`, and is asked the long way round."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Final

from nanoscale_box.adapters.git_http import GitResponse, Transport
from nanoscale_box.core.errors import Code, DeployFailed

_AGENT: Final = b"agent=git/2.0-nanoscale-box\n"
_REF: Final = re.compile(rb"([0-9a-f]{40}) (\S+)")
_PEELED: Final = re.compile(rb" peeled:([0-9a-f]{40})")
_MAX_LINE: Final = 65520
_GATHERED: Final = 1 << 17
"""Bytes of a pack that are handed on at once: git sends it in small parts, and each costs."""
_DELIMITER: Final = b"0001"
_FLUSH: Final = b"0000"


class _Band(IntEnum):
    """What a part of a pack's answer is (git: gitprotocol-pack)."""

    PACK = 1
    WORDS = 2


class Otherwise(Exception):
    """The server does not answer like this."""


def direct_head(transport: Transport, url: str, token: str | None, ref: bytes) -> bytes | None:
    """The commit (hex) that `ref` points to, or None. Raises `Otherwise`, `BoxError`."""
    answer = _ask(transport, url, token, b"ls-refs", [b"ref-prefix " + ref])
    found = None
    for line in _lines(answer):
        if line is None:
            return found
        match = _REF.match(line)
        if match is None:
            raise Otherwise
        if match.group(2) == ref:
            found = match.group(1)
    raise Otherwise


def direct_tags(transport: Transport, url: str, token: str | None) -> dict[bytes, bytes]:
    """Every tag and what it points to (hex); with `^{}` behind its name, the commit of an annotated one, as version 1
    writes it. Raises `Otherwise`, `BoxError`."""
    found: dict[bytes, bytes] = {}
    for line in _lines(_ask(transport, url, token, b"ls-refs", [b"peel", b"ref-prefix refs/tags/"])):
        if line is None:
            return found
        match = _REF.match(line)
        if match is None:
            raise Otherwise
        found[match.group(2)] = match.group(1)
        if (peeled := _PEELED.search(line)) is not None:
            found[match.group(2) + b"^{}"] = peeled.group(1)
    raise Otherwise


def direct_fetch(
    transport: Transport,
    url: str,
    token: str | None,
    sha: bytes,
    haves: Sequence[bytes],
    take: Callable[[bytes], object],
    words: Callable[[bytes], None],
) -> None:
    """Hand `take` the pack of `sha` alone, without what `haves` hold. Raises `Otherwise` as long as no byte of a pack
    came, `BoxError`."""
    shallow = [b"shallow " + one for one in haves]
    known = [b"have " + one for one in reversed(haves)]
    asked = [b"thin-pack", b"ofs-delta", *shallow, b"deepen 1", b"want " + sha, *known, b"done"]
    transport.expect_pack()
    lines = _lines(_ask(transport, url, token, b"fetch", asked))
    for line in lines:
        if line is not None and line.rstrip(b"\n") == b"packfile":
            try:
                return _sort_out(lines, take, words)
            except Otherwise as wrong:  # too late to ask anew: a part of the pack is here
                raise EOFError from wrong
        if line is not None and line.startswith(b"ERR "):
            raise Otherwise
    raise Otherwise


def _sort_out(lines: Iterator[bytes | None], take: Callable[[bytes], object], words: Callable[[bytes], None]) -> None:
    gathered: list[bytes] = []
    size = 0
    for line in lines:
        if line is None or size > _GATHERED:
            take(b"".join(gathered))
            gathered, size = [], 0
        if line is None:
            return
        match line[0] if line else 0:
            case _Band.PACK:
                gathered.append(line[1:])
                size += len(line)
            case _Band.WORDS:
                words(line[1:])
            case _:
                raise ValueError("a band that there is not, or the server's last words")
    raise EOFError


def _ask(transport: Transport, url: str, token: str | None, command: bytes, arguments: Sequence[bytes]) -> GitResponse:
    lines = [b"command=" + command + b"\n", _AGENT, b"object-format=sha1\n"]
    asked = b"".join(map(_line, lines)) + _DELIMITER + b"".join(_line(one + b"\n") for one in arguments) + _FLUSH
    headers = {
        **transport.headers,
        "Git-Protocol": "version=2",
        "Content-Type": "application/x-git-upload-pack-request",
        "Accept": "application/x-git-upload-pack-result",
    }
    if token is not None:
        headers["Authorization"] = basic(token)
    try:
        return transport.request("POST", f"{url.rstrip('/')}/git-upload-pack", headers=headers, body=asked)
    except DeployFailed as wrong:
        if wrong.code is Code.SOURCE_REFUSED:
            raise Otherwise from wrong
        raise


def basic(token: str) -> str:
    """How an installation's token is shown to a git server."""
    return "Basic " + base64.b64encode(f"x-access-token:{token}".encode()).decode("ascii")


def _line(data: bytes) -> bytes:
    return b"%04x" % (len(data) + 4) + data


def _lines(answer: GitResponse) -> Iterator[bytes | None]:
    """The answer's pkt-lines; None for a flush, delimiters left out. Ends early where the answer does."""
    while len(head := answer.read(4)) == 4:
        try:
            length = int(head, 16)
        except ValueError as wrong:
            raise Otherwise from wrong
        if length == 0:
            yield None
        elif length >= 4:
            if length > _MAX_LINE + 4:
                raise Otherwise
            data = answer.read(length - 4)
            if len(data) < length - 4:
                return
            yield data

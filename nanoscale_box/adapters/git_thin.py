"""Completes a thin pack: appends the objects that its deltas need and the server knew to be here already."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Final

_SUM: Final = 20
_COUNT_AT: Final = 8
_PIECE: Final = 1 << 20


def append_objects(fd: int, objects: Iterator[tuple[bytes, int, bytes]], count: int) -> list[tuple[bytes, int, int]]:
    """Append objects (name, kind, content) to the finished pack of `count` objects; then its checksum is wrong.

    Gives name, offset and CRC of each, as an index wants them."""
    at = os.fstat(fd).st_size - _SUM
    added = []
    for name, kind, content in objects:
        raw = _header(kind, len(content)) + zlib.compress(content, 1)
        os.pwrite(fd, raw, at)
        added.append((name, at, zlib.crc32(raw)))
        at += len(raw)
    os.ftruncate(fd, at)
    os.pwrite(fd, struct.pack(">L", count + len(added)), _COUNT_AT)
    return added


def reseal(fd: int) -> bytes:
    """Write the pack's checksum at its end, and give it."""
    total = hashlib.sha1(usedforsecurity=False)
    at = 0
    while piece := os.pread(fd, _PIECE, at):
        total.update(piece)
        at += len(piece)
    os.pwrite(fd, total.digest(), at)
    return total.digest()


def _header(kind: int, size: int) -> bytes:
    first, size = kind << 4 | size & 15, size >> 4
    raw = bytearray()
    while size:
        raw.append(first | 0x80)
        first, size = size & 0x7F, size >> 7
    raw.append(first)
    return bytes(raw)

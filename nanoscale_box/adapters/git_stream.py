"""Takes a pack as it arrives: writes it down, names its objects, and hands each on as soon as it is whole."""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Callable
from typing import Final

from nanoscale_box.adapters.git_limits import MIB, GitLimits
from nanoscale_box.adapters.git_pack import (
    BIG,
    BLOB,
    OFS_DELTA,
    TYPE_NAMES,
    Entry,
    Outside,
    PackDamaged,
    PackReader,
    parse_entry,
    patch,
    too_large,
)
from nanoscale_box.adapters.git_thin import append_objects, reseal
from nanoscale_box.core.errors import Code, DeployFailed

_PIECE: Final = MIB
_SUM: Final = 20
Seen = Callable[[bytes, int, bytes | None], None]
"""Takes name, kind and content of an object; the content of a big blob is None: read it from the pack."""


class PackStream:
    """One pack on its way in. Every size is checked against the budget before anything is inflated or built."""

    def __init__(self, fd: int, limits: GitLimits, seen: Seen, outside: Outside) -> None:
        self.total = 0
        """Objects the pack announces."""
        self.done = 0
        self.received = 0
        self.offsets: dict[bytes, int] = {}
        self.entries: list[tuple[bytes, int, int]] = []
        """Name, offset and CRC of each object, as an index wants them."""
        self.checksum = b""
        self._fd = fd
        self._limits = limits
        self._seen = seen
        self._ends: dict[int, int] = {}
        self._outside = outside
        self._borrowed: set[bytes] = set()
        self.reader = PackReader(fd, self._ends, self.offsets, limits.max_object_bytes, outside)
        self._waiting: dict[bytes, list[tuple[int, int]]] = {}
        self._declared = 0
        self._hash = hashlib.sha1(usedforsecurity=False)
        self._rest = b""
        self._rest_at = 0
        self._left = -1  # objects still to come; -1: the pack's own header has not come yet
        self._entry: Entry | None = None
        self._begin()

    def _begin(self) -> None:
        self._offset = 0
        self._crc = 0
        self._size = 0
        self._parts: list[bytes] = []
        self._inflating = zlib.decompressobj()
        self._naming = hashlib.sha1(usedforsecurity=False)

    def feed(self, data: bytes) -> int:
        """Take the next bytes. Raises `PackDamaged`; `DeployFailed` when a budget is spent."""
        self.received += len(data)
        if self.received > self._limits.max_pack_bytes:
            raise too_large("its pack is larger", self._limits.max_pack_bytes)
        unwritten = memoryview(data)
        while unwritten:
            unwritten = unwritten[os.write(self._fd, unwritten) :]
        buffer = memoryview(self._rest + data if self._rest else data)
        position = 0
        while (following := self._step(buffer, position)) > position:
            position = following
        self._hash.update(buffer[:position])
        self._rest, self._rest_at = bytes(buffer[position:]), self._rest_at + position
        return len(data)

    def finish(self) -> None:
        """The connection has given everything: see that the pack is whole and that its checksum is right."""
        if self._left or self._entry is not None or len(self._rest) < _SUM:
            raise PackDamaged("it ends too early")
        if self._rest != self._hash.digest():
            raise PackDamaged("its checksum is wrong")
        if self._waiting:
            raise PackDamaged("a delta whose base is missing")
        self.checksum = self._complete() or self._rest

    def _complete(self) -> bytes | None:
        """Add the bases a thin pack left out, so that the pack can be read by itself from now on."""
        missing = self._borrowed - self.offsets.keys()
        if not missing:
            return None
        added = append_objects(self._fd, ((name, *self._borrow(name)) for name in missing), len(self.entries))
        self.entries += added
        return reseal(self._fd)

    def _borrow(self, name: bytes) -> tuple[int, bytes]:
        found = self._outside(name)
        if found is None:
            raise PackDamaged("a delta whose base is missing")
        self._borrowed.add(name)
        return found

    def _step(self, buffer: memoryview, position: int) -> int:
        """Work off the next part; gives the position behind it, or the same one if more bytes are needed."""
        if self._entry is not None:
            return self._inflate(self._entry, buffer, position)
        if self._left > 0:
            return self._open(buffer, position)
        if self._left < 0 and len(buffer) - position >= 12:
            magic, version, count = struct.unpack_from(">4sLL", buffer, position)
            if magic != b"PACK" or version not in (2, 3):
                raise PackDamaged("it is no pack")
            if count > 2 * self._limits.max_files + 1000:
                raise DeployFailed(
                    Code.SOURCE_TOO_LARGE,
                    f"the repository was refused: it has {count:,} objects, more than {2 * self._limits.max_files:,}",
                    hint="deploy a smaller repository, or a branch with fewer files",
                )
            self.total = self._left = count
            return position + 12
        if self._left == 0 and len(buffer) - position > _SUM:
            raise PackDamaged("something follows its end")
        return position

    def _open(self, buffer: memoryview, position: int) -> int:
        entry = parse_entry(buffer, position)
        if entry is None:
            return position
        if entry.size > self._limits.max_object_bytes:
            raise too_large(f"one of its files has {entry.size // MIB:,} MiB, more", self._limits.max_object_bytes)
        self._begin()
        self._entry, self._offset = entry, self._rest_at + position
        body = position + entry.body
        self._crc = zlib.crc32(buffer[position:body])
        if entry.kind in TYPE_NAMES:
            self._declare(entry.size)
            self._naming.update(b"%s %d\0" % (TYPE_NAMES[entry.kind], entry.size))
        return body

    def _declare(self, size: int) -> None:
        self._declared += size
        if self._declared > self._limits.max_bytes:
            raise too_large("unpacked it is larger", self._limits.max_bytes)

    def _inflate(self, entry: Entry, buffer: memoryview, position: int) -> int:
        # no more input than the object can need: what is left over is copied each time
        most = entry.size - self._size + entry.size // 500 + 64
        feed: bytes | memoryview = buffer[position : position + most]
        given = len(feed)
        keep = entry.kind != BLOB or entry.size <= BIG
        try:
            while True:
                room = min(entry.size - self._size + 1, _PIECE)
                out = self._inflating.decompress(feed, room)
                self._size += len(out)
                self._naming.update(out)
                if keep:
                    self._parts.append(out)
                feed = self._inflating.unconsumed_tail
                if self._size > entry.size or self._inflating.eof or not (feed or len(out) == room):
                    break
        except zlib.error as wrong:
            raise PackDamaged("an object that cannot be inflated") from wrong
        if self._size > entry.size:
            raise PackDamaged("an object of another size than it says")
        used = position + given - len(self._inflating.unused_data)
        self._crc = zlib.crc32(buffer[position:used], self._crc)
        if self._inflating.eof:
            self._close(entry, self._rest_at + used, keep)
        return used

    def _close(self, entry: Entry, end: int, keep: bool) -> None:
        if self._size != entry.size:
            raise PackDamaged("an object of another size than it says")
        self._entry = None
        self._left -= 1
        self._ends[self._offset] = end
        if entry.kind in TYPE_NAMES:
            content = (self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)) if keep else None
            self._name(self._naming.digest(), entry.kind, content, self._offset, self._crc)
            return
        base = self._base(entry)
        if base is None:
            self._waiting.setdefault(entry.base_name, []).append((self._offset, self._crc))
            return
        kind, content = base[0], patch(base[1], b"".join(self._parts), self._limits.max_object_bytes)
        self._declare(len(content))
        self._name(object_name(kind, content), kind, content, self._offset, self._crc)

    def _base(self, entry: Entry) -> tuple[int, bytes] | None:
        """What an entry is a delta of: an earlier object of the pack, or one that is here already; None if not yet."""
        at = self._offset - entry.base_distance if entry.kind == OFS_DELTA else self.offsets.get(entry.base_name)
        if at is not None:
            return self.reader.get(at)
        found = self._outside(entry.base_name)
        if found is not None:
            self._borrowed.add(entry.base_name)
        return found

    def _name(self, name: bytes, kind: int, content: bytes | None, offset: int, crc: int) -> None:
        """An object has its name now; those that waited for it as their base get theirs too."""
        self._note(name, kind, content, offset, crc)
        ready = [name] if self._waiting else []
        while ready:
            for waiting, waiting_crc in self._waiting.pop(ready.pop(), ()):
                kind_of, built = self.reader.get(waiting)
                self._declare(len(built))
                ready.append(object_name(kind_of, built))
                self._note(ready[-1], kind_of, built, waiting, waiting_crc)

    def _note(self, name: bytes, kind: int, content: bytes | None, offset: int, crc: int) -> None:
        self.done += 1
        self.offsets[name] = offset
        self.entries.append((name, offset, crc))
        if content is not None:
            self.reader.remember(offset, kind, content)
        self._seen(name, kind, content)


def object_name(kind: int, content: bytes) -> bytes:
    """The SHA-1 that git gives an object."""
    naming = hashlib.sha1(b"%s %d\0" % (TYPE_NAMES[kind], len(content)), usedforsecurity=False)
    naming.update(content)
    return naming.digest()

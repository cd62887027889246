"""Reads single objects out of a pack, never trusting a size it has not checked (git: gitformat-pack)."""

from __future__ import annotations

import os
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from typing import Final, NamedTuple

from dulwich.errors import ApplyDeltaError
from dulwich.pack import apply_delta

from nanoscale_box.adapters.git_limits import MIB
from nanoscale_box.core.errors import Code, DeployFailed

COMMIT: Final = 1
TREE: Final = 2
BLOB: Final = 3
TAG: Final = 4
OFS_DELTA: Final = 6
REF_DELTA: Final = 7
TYPE_NAMES: Final = {COMMIT: b"commit", TREE: b"tree", BLOB: b"blob", TAG: b"tag"}

BIG: Final = 8 * MIB
"""A blob above this is never held in memory unless something is a delta of it."""
_PIECE: Final = MIB
_CACHE: Final = MIB // 2
_LEAST_CACHED: Final = 8
"""Objects that are kept at hand however large they are."""
_MAX_CHAIN: Final = 4096


class PackDamaged(Exception):
    """A pack, or a mirror made of packs, is not what it should be; the text says how, in a few words."""


class Entry(NamedTuple):
    """The header of an object in a pack. Positions are counted from the header's first byte."""

    kind: int
    size: int
    """Of what is inflated: the object, or the delta."""
    body: int
    base_distance: int = 0
    base_name: bytes = b""


def parse_entry(raw: bytes | memoryview, start: int = 0) -> Entry | None:
    """The header that begins at `start`, or None if it is not complete yet. Raises `PackDamaged`."""
    end = len(raw)
    position = start
    if position >= end:
        return None
    byte = raw[position]
    kind, size, shift = (byte >> 4) & 7, byte & 15, 4
    while byte & 0x80:
        position += 1
        if position >= end:
            return None
        byte = raw[position]
        size |= (byte & 0x7F) << shift
        shift += 7
        if shift > 63:
            raise PackDamaged("an object with an impossible size")
    position += 1
    if kind in TYPE_NAMES:
        return Entry(kind, size, position - start)
    if kind == REF_DELTA:
        name = bytes(raw[position : position + 20])
        return Entry(kind, size, position + 20 - start, base_name=name) if len(name) == 20 else None
    if kind == OFS_DELTA:
        return _parse_distance(raw, start, position, size)
    raise PackDamaged("an object of an unknown kind")


def _parse_distance(raw: bytes | memoryview, start: int, position: int, size: int) -> Entry | None:
    distance = -1
    for at, byte in enumerate(raw[position : position + 10], position + 1):
        distance = ((distance + 1) << 7) | (byte & 0x7F)
        if not byte & 0x80:
            return Entry(OFS_DELTA, size, at - start, base_distance=distance)
    if position + 10 <= len(raw):
        raise PackDamaged("a delta with an impossible base")
    return None


def delta_sizes(delta: bytes) -> tuple[int, int]:
    """What a delta says about the size of its base and of its result."""
    sizes = []
    position = 0
    for _ in range(2):
        size = shift = 0
        while True:
            if position >= len(delta) or shift > 63:
                raise PackDamaged("a delta without its sizes")
            byte = delta[position]
            position += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if not byte & 0x80:
                break
        sizes.append(size)
    return sizes[0], sizes[1]


def patch(base: bytes, delta: bytes, max_size: int) -> bytes:
    """The object that `delta` makes of `base`; its declared size is checked before anything is built."""
    base_size, size = delta_sizes(delta)
    if size > max_size:
        raise too_large(f"one of its files has {size // MIB:,} MiB, more", max_size)
    if base_size != len(base):
        raise PackDamaged("a delta for another base")
    try:
        result = b"".join(apply_delta(base, delta))
    except (ApplyDeltaError, ValueError, IndexError, AssertionError) as wrong:
        raise PackDamaged("a delta that does not apply") from wrong
    if len(result) != size:
        raise PackDamaged("a delta that does not apply")
    return result


def too_large(what: str, limit: int) -> DeployFailed:
    """The refusal of a repository that is over a budget."""
    return DeployFailed(
        Code.SOURCE_TOO_LARGE,
        f"the repository was refused: {what} than {limit // MIB:,} MiB",
        hint="keep large files out of the repository",
    )


Outside = Callable[[bytes], tuple[int, bytes] | None]
"""Gives kind and content of an object that is not in the pack, or None."""


class PackReader:
    """Reads objects of one pack by their offset; the pack may still be growing, and so may the two maps.

    `ends` gives for each offset where its object ends; `offsets` leads from names to offsets; `outside` finds the bases
    that a thin pack leaves out."""

    def __init__(
        self,
        fd: int,
        ends: Mapping[int, int],
        offsets: Mapping[bytes, int],
        max_size: int,
        outside: Outside = lambda name: None,
    ) -> None:
        self._fd = fd
        self._ends = ends
        self._offsets = offsets
        self._max_size = max_size
        self._outside = outside
        self._cache: OrderedDict[int, tuple[int, bytes]] = OrderedDict()
        self._cached = 0

    def get(self, offset: int) -> tuple[int, bytes]:
        """Kind and content of an object. Raises `PackDamaged`, `DeployFailed` when it is over the budget."""
        deltas: list[tuple[int, bytes]] = []
        while (found := self._at_hand(offset)) is None:
            entry, raw = self._entry(offset)
            content = self._inflate(entry, raw)
            if entry.kind in TYPE_NAMES:
                found = (entry.kind, content)
                self.remember(offset, *found)
                break
            deltas.append((offset, content))
            if len(deltas) > _MAX_CHAIN:
                raise PackDamaged("a chain of deltas without an end")
            base = self._base(offset, entry)
            if base is None:
                found = self._borrow(entry.base_name)
                break
            offset = base
        kind, content = found
        for at, delta in reversed(deltas):
            content = patch(content, delta, self._max_size)
            self.remember(at, kind, content)
        return kind, content

    def pieces(self, offset: int) -> Iterator[bytes]:
        """The content of an object piece by piece, so that a big one need not be in memory whole."""
        entry = parse_entry(os.pread(self._fd, 64, offset))
        if entry is None or entry.kind not in TYPE_NAMES:
            yield self.get(offset)[1]
            return
        inflating = zlib.decompressobj()
        position, end = offset + entry.body, self._end(offset)
        left = entry.size
        while not inflating.eof and position < end:
            feed = os.pread(self._fd, min(_PIECE, end - position), position)
            if not feed:
                break
            position += len(feed)
            full = True
            while full:
                try:
                    piece = inflating.decompress(feed, _PIECE)
                except zlib.error as wrong:
                    raise PackDamaged("an object that cannot be inflated") from wrong
                feed = inflating.unconsumed_tail
                full = bool(feed) or len(piece) == _PIECE
                left -= len(piece)
                yield piece
        if left:
            raise PackDamaged("an object of another size than it says")

    def blob(self, offset: int) -> bytes | None:
        """The content of a blob; None for a big one, which should be read by `pieces`."""
        found = self._cache.get(offset)
        if found is None:
            end = self._end(offset)
            raw = os.pread(self._fd, min(end - offset, BIG + MIB), offset)
            entry = parse_entry(raw)
            if entry is None or entry.kind not in TYPE_NAMES:
                found = self.get(offset)
            elif entry.size > BIG:
                return None
            else:
                found = (entry.kind, self._inflate(entry, raw))
        if found[0] != BLOB:
            raise PackDamaged("an object is of another kind than its place says")
        return found[1]

    def length(self, offset: int) -> int:
        """How many bytes of the pack an object takes."""
        return self._end(offset) - offset

    def _at_hand(self, offset: int) -> tuple[int, bytes] | None:
        found = self._cache.get(offset)
        if found is not None:
            self._cache.move_to_end(offset)
        return found

    def remember(self, offset: int, kind: int, content: bytes) -> None:
        """Keep an object at hand, since others are likely deltas of it."""
        if offset in self._cache or len(content) > BIG:
            return
        self._cache[offset] = (kind, content)
        self._cached += len(content)
        while self._cached > _CACHE and len(self._cache) > _LEAST_CACHED:
            self._cached -= len(self._cache.popitem(last=False)[1][1])

    def _end(self, offset: int) -> int:
        try:
            return self._ends[offset]
        except KeyError:
            raise PackDamaged("a delta whose base is no object") from None

    def _entry(self, offset: int) -> tuple[Entry, bytes]:
        raw = os.pread(self._fd, self._end(offset) - offset, offset)
        entry = parse_entry(raw)
        if entry is None:
            raise PackDamaged("an object without its header")
        if entry.size > self._max_size:
            raise too_large(f"one of its files has {entry.size // MIB:,} MiB, more", self._max_size)
        return entry, raw

    def _base(self, offset: int, entry: Entry) -> int | None:
        if entry.kind == OFS_DELTA:
            if not 0 < entry.base_distance < offset:
                raise PackDamaged("a delta whose base is no object")
            return offset - entry.base_distance
        return self._offsets.get(entry.base_name)

    def _borrow(self, name: bytes) -> tuple[int, bytes]:
        found = self._outside(name)
        if found is None:
            raise PackDamaged("a delta whose base is missing")
        return found

    @staticmethod
    def _inflate(entry: Entry, raw: bytes) -> bytes:
        # room of the right size from the start saves copying; the size was held against the budget as the pack came
        try:
            content = zlib.decompress(memoryview(raw)[entry.body :], bufsize=max(entry.size, 1))
        except zlib.error as wrong:
            raise PackDamaged("an object that cannot be inflated") from wrong
        if len(content) != entry.size:
            raise PackDamaged("an object of another size than it says")
        return content

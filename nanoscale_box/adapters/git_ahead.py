"""Writes the files of the commit that is here already while the server is asked for the next one: most of them stay.

Other processes do it, in pieces that they and this one take from a pipe. What the next commit changes is removed again
before it is written, and no link is made meanwhile, so the folder ends as if it had been written in one go."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from nanoscale_box.adapters.git_lfs import ATTRIBUTES, Pointers
from nanoscale_box.adapters.git_limits import MIB
from nanoscale_box.adapters.git_pack import PackReader
from nanoscale_box.adapters.git_process import Helpers
from nanoscale_box.adapters.git_tree import Listing
from nanoscale_box.adapters.git_write import TreeWriter
from nanoscale_box.core.errors import DeployFailed

Found = tuple[PackReader, int, bytes]
"""Where a blob is, and its name."""
_TOKEN: Final = struct.Struct("<H")
_WROTE: Final = struct.Struct("<20sQ")
_MAKING: Final = MIB // 64
"""Bytes that could be written while a file is made."""
_MOST_PIECES: Final = 2000


class Ahead:
    """The files of one commit on their way to the folder of the next. End it with `settle` or `stop`."""

    def __init__(self, listing: Listing, found: Sequence[Found], writer: TreeWriter, helpers: int) -> None:
        self._listing = listing
        self._writer = writer
        self._found = [one for one in found if not _is_attributes(listing, one[2])]
        self._pieces = _pieces(self._found)
        writer.folders(listing.folders)
        self._queue, filling = os.pipe()
        os.write(filling, b"".join(_TOKEN.pack(number) for number in range(len(self._pieces))))
        os.close(filling)
        self._helpers = Helpers(self._work, helpers)

    def stop(self) -> None:
        """End the other processes; nothing happens when they have ended."""
        if self._queue >= 0:
            os.close(self._queue)
            self._queue = -1
        self._helpers.kill()

    def settle(self, listing: Listing) -> set[bytes] | None:
        """Turn the folder into the one that `listing` begins with: its folders, and those files that stay. Gives the
        blobs that are written wherever they belong, or None when a process failed."""
        before, after = self._listing, listing
        staying = {name for name, places in before.files.items() if after.files.get(name) == places}
        done: dict[bytes, int] = {}
        if 2 * len(staying) > len(before.files):
            try:
                mine = self._work()
            except DeployFailed:  # the commit before is over a budget that this one may keep
                return None
            for told in (mine, *self._helpers.told()):
                if told is None:
                    return None
                done.update(_WROTE.iter_unpack(told))
        self.stop()
        placed = staying & done.keys()
        gone = [path for name in before.files.keys() - placed for path, _ in before.files[name]]
        kept = set(after.folders)
        self._writer.undo(gone, [folder for folder in reversed(before.folders) if folder not in kept])
        had = set(before.folders)
        self._writer.folders(folder for folder in after.folders if folder not in had)
        self._writer.written = self._writer.files = 0  # what stays counts, whoever wrote it
        for name in placed:
            places = len(after.files[name])
            self._writer.add(done[name] * places, places)
        return placed

    def _work(self) -> bytes:
        """Write pieces as long as there are any; gives the names of the blobs and their sizes. What may be a pointer of
        Git LFS is left out: what becomes of it is decided by the next commit."""
        wrote = []
        while token := os.read(self._queue, _TOKEN.size):
            begin, end = self._pieces[_TOKEN.unpack(token)[0]]
            for reader, offset, name in self._found[begin:end]:
                places, content = self._listing.files[name], reader.blob(offset)
                if content is None:
                    size = 0
                    for path, program in places:
                        size = self._writer.place_pieces(path, program, reader.pieces(offset))
                elif Pointers().keeps(places, content):
                    continue
                else:
                    size = len(content)
                    self._writer.place_now(places, content)
                wrote.append(_WROTE.pack(name, size))
        return b"".join(wrote)


def _is_attributes(listing: Listing, name: bytes) -> bool:
    return any(path.rpartition(b"/")[2] == ATTRIBUTES for path, _ in listing.files[name])


def _pieces(found: Sequence[Found]) -> list[tuple[int, int]]:
    """Where the pieces of the work begin and end: about equal in cost, so that nobody waits long at the end."""
    costs = list(accumulate(reader.length(offset) + _MAKING for reader, offset, _ in found))
    most = max(MIB, costs[-1] // _MOST_PIECES + 1) if costs else MIB
    ends = [at + 1 for at, cost in enumerate(costs) if at + 1 == len(costs) or cost // most != costs[at + 1] // most]
    return list(zip([0, *ends], ends, strict=False))

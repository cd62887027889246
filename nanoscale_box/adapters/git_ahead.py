"""Writes the files of the commit that is here already while the server is asked for the next one: most of them stay.

Other processes do it, in pieces that they and this one take from a pipe."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence
from itertools import accumulate
from typing import Final

from nanoscale_box.adapters.git_begun import may_stay, read_wrote, write_plain
from nanoscale_box.adapters.git_limits import MIB
from nanoscale_box.adapters.git_mirror import Kept
from nanoscale_box.adapters.git_process import Helpers
from nanoscale_box.adapters.git_tree import Listing
from nanoscale_box.adapters.git_write import TreeWriter
from nanoscale_box.core.errors import DeployFailed

_TOKEN: Final = struct.Struct("<H")
_MAKING: Final = MIB // 64
"""Bytes that could be written while a file is made."""
_MOST_PIECES: Final = 2000


class Ahead:
    """The files of one commit on their way to the folder of the next: a `Begun`."""

    def __init__(self, listing: Listing, found: Sequence[Kept], writer: TreeWriter, helpers: int) -> None:
        self.listing = listing
        self._writer = writer
        self._found = may_stay(listing, found)
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

    def wrote(self, *, much: bool) -> dict[bytes, int] | None:
        """Help to the end if much of it is of use; what was written, or None when a process failed."""
        if not much:
            return {}
        try:
            mine = self._work()
        except DeployFailed:  # the commit before is over a budget that this one may keep
            return None
        done: dict[bytes, int] = {}
        for told in (mine, *self._helpers.told()):
            if told is None:
                return None
            done.update(read_wrote(told))
        return done

    def _work(self) -> bytes:
        """Write pieces as long as there are any."""
        wrote = []
        while token := os.read(self._queue, _TOKEN.size):
            begin, end = self._pieces[_TOKEN.unpack(token)[0]]
            wrote.append(write_plain(self.listing, self._found[begin:end], self._writer))
        return b"".join(wrote)


def _pieces(found: Sequence[Kept]) -> list[tuple[int, int]]:
    """Where the pieces of the work begin and end: about equal in cost, so that nobody waits long at the end."""
    costs = list(accumulate(reader.length(offset) + _MAKING for reader, offset, _ in found))
    most = max(MIB, costs[-1] // _MOST_PIECES + 1) if costs else MIB
    ends = [at + 1 for at, cost in enumerate(costs) if at + 1 == len(costs) or cost // most != costs[at + 1] // most]
    return list(zip([0, *ends], ends, strict=False))

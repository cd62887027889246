"""Turns the files of one commit into those of another: what stays is kept, what differs goes, nothing is read."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final, Protocol

from nanoscale_box.adapters.git_lfs import ATTRIBUTES, Pointers
from nanoscale_box.adapters.git_mirror import Kept
from nanoscale_box.adapters.git_tree import Listing
from nanoscale_box.adapters.git_write import TreeWriter

_WROTE: Final = struct.Struct("<20sQ")


class Begun(Protocol):
    """A folder that holds the files of a commit, all or some, and no links."""

    @property
    def listing(self) -> Listing:
        """Of that commit."""

    def wrote(self, *, much: bool) -> Mapping[bytes, int] | None:
        """The blobs that are written wherever they belong, and their sizes (bytes); `much` tells whether most of them
        are of use. None when that cannot be told."""

    def stop(self) -> None:
        """End whatever still writes."""


def settle(begun: Begun, listing: Listing, writer: TreeWriter) -> set[bytes] | None:
    """Turn the folder into the one that `listing` begins with: its folders, and those files that stay. Gives the blobs
    that are written wherever they belong, or None when that cannot be told."""
    before, after = begun.listing, listing
    staying = {name for name, places in before.files.items() if after.files.get(name) == places}
    done = begun.wrote(much=2 * len(staying) > len(before.files))
    if done is None:
        return None
    begun.stop()
    placed = staying & done.keys()
    gone = [path for name in before.files.keys() - placed for path, _ in before.files[name]]
    kept = set(after.folders)
    writer.undo(gone, [folder for folder in reversed(before.folders) if folder not in kept])
    had = set(before.folders)
    writer.folders(folder for folder in after.folders if folder not in had)
    writer.written = writer.files = 0  # what stays counts, whoever wrote it
    for name in placed:
        places = len(after.files[name])
        writer.add(done[name] * places, places)
    return placed


def may_stay(listing: Listing, found: Iterable[Kept]) -> list[Kept]:
    """Those that can be written before the next commit is known: not the attributes, which decide about others."""
    return [one for one in found if not any(_is_attributes(path) for path, _ in listing.files[one[2]])]


def write_plain(listing: Listing, found: Iterable[Kept], writer: TreeWriter) -> bytes:
    """Write these files; gives what `read_wrote` reads. What may be a pointer of Git LFS is left out: what becomes of
    it is decided by the next commit."""
    wrote = []
    for reader, offset, name in found:
        places, content = listing.files[name], reader.blob(offset)
        if content is None:
            size = 0
            for path, program in places:
                size = writer.place_pieces(path, program, reader.pieces(offset))
        elif Pointers().keeps(places, content):
            continue
        else:
            size = len(content)
            writer.place_now(places, content)
        wrote.append(_WROTE.pack(name, size))
    return b"".join(wrote)


def read_wrote(told: bytes) -> dict[bytes, int]:
    """The names and sizes that `write_plain` told."""
    return dict(_WROTE.iter_unpack(told))


def _is_attributes(path: bytes) -> bool:
    return path.rpartition(b"/")[2] == ATTRIBUTES

"""A checkout in story order: fetch the difference, list the tree, write it, keep the pack, put the folder in place."""

from __future__ import annotations

import os
import re
import shutil
import struct
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from nanoscale_box.adapters.git_ahead import Ahead
from nanoscale_box.adapters.git_begun import Begun, settle
from nanoscale_box.adapters.git_commit import CommitWords, commit_words
from nanoscale_box.adapters.git_fetch import fetch_commit
from nanoscale_box.adapters.git_gitmodules import submodules_of
from nanoscale_box.adapters.git_lfs import LfsFile, Pointers
from nanoscale_box.adapters.git_lfs_fetch import LfsStore
from nanoscale_box.adapters.git_limits import MIB
from nanoscale_box.adapters.git_messages import Checkout, Placed, Submodule
from nanoscale_box.adapters.git_mirror import Kept, Mirror, content_at, in_order, lfs_folder
from nanoscale_box.adapters.git_pack import BLOB, COMMIT, TREE, PackDamaged, PackReader, too_large
from nanoscale_box.adapters.git_process import shared
from nanoscale_box.adapters.git_scribe import Scribe
from nanoscale_box.adapters.git_spare import take_spare
from nanoscale_box.adapters.git_stream import PackStream
from nanoscale_box.adapters.git_tree import Listing, Walk, root_of
from nanoscale_box.adapters.git_write import TreeWriter, check_links, put_in_place
from nanoscale_box.core.errors import Code, DeployFailed

_PROCESSES: Final = 4
_WORTH_SHARING: Final = 400
"""Files; below that another process costs more than it gives."""
_WORTH_A_THREAD: Final = MIB // 32
"""Bytes of a file; a smaller one goes to another process, since a thread takes turns with this one."""
_SHARE: Final = struct.Struct("<QQ?")
_NAME: Final = 20
_PAUSE: Final = 0.3
"""Seconds between two lines of progress."""
_MAX_REMOTE: Final = 400
Say = Callable[[str], None]


def checkout(request: Checkout, say: Say) -> list[Submodule | Placed]:
    """Write the tree of the commit; give its submodules and what the commit says. Raises `BoxError`, `OSError`,
    `MemoryError`."""
    mirror = Mirror(Path(request.mirror), request.limits)
    mirror.open()
    empty = not mirror.commits()
    try:
        return _attempt(request, mirror, say)
    except PackDamaged as damage:
        if empty:
            raise _damaged(damage) from damage
        say("The mirror is damaged and is fetched again.")
        mirror.drop()
        mirror.open()
        try:
            return _attempt(request, mirror, say)
        except PackDamaged as again:
            raise _damaged(again) from again
    finally:
        mirror.close()


def _attempt(request: Checkout, mirror: Mirror, say: Say, *, alone: bool = False) -> list[Submodule | Placed]:
    shutil.rmtree(request.stage, ignore_errors=True)
    spare = None if alone else take_spare(mirror, request.mirror, request.stage)
    writer = TreeWriter(request.stage, request.limits, made=spare is not None)
    arrival = _Arrival(request, mirror, writer, say, spare)
    known = mirror.commits()
    try:
        if request.sha.encode("ascii") not in known:
            if known and not alone and spare is None:
                arrival.begin_ahead(known[-1])
            arrival.receive(known)
        submodules = arrival.complete(alone=alone)
    except _Unshared:
        arrival.stop()
        if arrival.stream is not None:
            mirror.keep(arrival.stream, request.sha.encode("ascii"))
        mirror.close()
        return _attempt(request, mirror, say, alone=True)
    finally:
        arrival.stop()
    mirror.keep(arrival.stream, request.sha.encode("ascii"))
    writer.finish()
    if request.folder is not None and not submodules:
        put_in_place(request.stage, request.folder)
    say(f"Checked out {request.sha[:10]}: {writer.files:,} files, {writer.written / MIB:.1f} MiB.")
    placed = Placed(
        job=request.job,
        subject=arrival.words.subject,
        author=arrival.words.author,
        files=arrival.count,
        size=writer.written,
    )
    return [*submodules, placed]


def _damaged(damage: PackDamaged) -> DeployFailed:
    return DeployFailed(
        Code.SOURCE_REFUSED,
        f"what the server sent is not a usable pack: {damage}",
        hint="check the repository with `git fsck`, then deploy again",
    )


class _Unshared(Exception):
    """One of the processes that shared the writing failed; alone it will be seen why."""


class _Arrival:
    """One commit on its way from the server or the mirror to the disk. Files of a first checkout are placed while the
    pack still arrives: git sends folders before files, and what comes in another order is placed afterwards."""

    def __init__(
        self, request: Checkout, mirror: Mirror, writer: TreeWriter, say: Say, begun: Begun | None = None
    ) -> None:
        self.stream: PackStream | None = None
        self._request = request
        self._commit = bytes.fromhex(request.sha)
        self._mirror = mirror
        self._writer = writer
        self._say = say
        self._said_at = 0.0
        self._unended = b""
        self._folders: dict[bytes, bytes] = {}
        self._commits: dict[bytes, bytes] = {}
        self._listing: Listing | None = None
        self._begun = begun
        self._streams = False
        self._walk: Walk | None = None
        self._scribe: Scribe | None = None
        self._made = 0
        self._placed: dict[bytes, int] = {}
        self._pointers = Pointers()
        self.words = CommitWords()

    def begin_ahead(self, commit: bytes) -> None:
        """Have other processes write the files of a commit (hex) that is here, where it has many of them. Raises
        `PackDamaged`."""
        helpers = min(len(os.sched_getaffinity(0)), _PROCESSES) - 1
        try:
            listing = self._mirror.listing(commit)
        except DeployFailed:
            return  # a commit that would be refused today
        if helpers and len(listing.files) > _WORTH_SHARING:
            self._begun = Ahead(listing, self._mirror.kept(listing.files), self._writer, helpers)

    def stop(self) -> None:
        """End the processes that help."""
        if self._begun is not None:
            self._begun.stop()
        if self._scribe is not None:
            self._scribe.stop()

    def receive(self, known: list[bytes]) -> None:
        """Fetch what is missing, placing files at once if everything has to come."""
        fd = self._mirror.incoming()
        self._streams = not known
        self.stream = PackStream(fd, self._request.limits, self._seen, self._mirrored)
        fetch_commit(self._request, known, self.stream, self._received, self._remote)
        self._say(f"Received {self.stream.received / MIB:.1f} MiB in {self.stream.done:,} objects.")

    @property
    def count(self) -> int:
        """Files, links and folders together."""
        return self._listing.count if self._listing is not None else 0

    def complete(self, *, alone: bool) -> list[Submodule]:
        """List the tree if that is still to do, refuse what must not be, and write what is not written yet; give the
        submodules, whose places stay empty."""
        listing = self._list()
        targets = {path: self._content(name) for path, name in listing.links.items()}
        check_links(listing, targets)
        if self._begun is not None:
            placed = settle(self._begun, listing, self._writer)
            if placed is None:
                raise _Unshared
            self._placed = {name: len(listing.files[name]) for name in placed}
        if self._scribe is not None and not self._scribe.end():
            raise _Unshared
        self._write_rest(listing, alone=alone)
        for places, text in self._pointers.texts():
            self._writer.place(places, text)
        files = self._pointers.files(self._request.limits.max_object_bytes)
        self._writer.drain()
        self._add_lfs(files)
        self._writer.link(targets)
        return submodules_of(self._request.job, listing, self._content)

    def _write_rest(self, listing: Listing, *, alone: bool) -> None:
        """Write what did not come as the pack arrived: where it is much, with the help of other processes, since making
        files takes the time."""
        rest = in_order((*self._find(name), name) for name in listing.files if self._places(listing, name))
        helpers = min(len(os.sched_getaffinity(0)), _PROCESSES) if len(rest) > _WORTH_SHARING else 1
        if alone or helpers == 1:
            self._write_run(listing, rest)
            return
        self._writer.drain()  # with threads this process must not be forked

        def work(run: Sequence[Kept]) -> bytes:
            return self._write_run(listing, run)

        told = shared(rest, work, helpers)
        if told is None:
            raise _Unshared
        for one in told[1:]:
            written, files, asked = _SHARE.unpack_from(one)
            self._writer.add(written, files)
            if asked:
                self._pointers.asks()
            for at in range(_SHARE.size, len(one), _NAME):
                name = one[at : at + _NAME]
                self._pointers.keeps(self._places(listing, name), self._content(name))

    def _write_run(self, listing: Listing, run: Sequence[Kept]) -> bytes:
        """Write some of the files; gives what another process must know of it, at the end the names of pointers."""
        writer, before, kept = self._writer, (self._writer.written, self._writer.files), []
        for reader, offset, name in run:
            places, content = self._places(listing, name), reader.blob(offset)
            if content is None:
                for path, program in places:
                    writer.place_pieces(path, program, reader.pieces(offset))
            elif self._pointers.keeps(places, content):
                kept.append(name)
            else:
                writer.place_now(places, content)
            if not writer.files & 63:
                percent = 100 * writer.files // max(listing.count, 1)
                self._tell(f"Writing files: {writer.files:,} of {listing.count:,}, {percent} %.")
        told = _SHARE.pack(writer.written - before[0], writer.files - before[1], self._pointers.asked)
        return told + b"".join(kept)

    def _add_lfs(self, files: list[LfsFile]) -> None:
        request = self._request
        store = LfsStore(request, lfs_folder(request.mirror), self._tell)
        if self._writer.written + sum(file.size * len(file.places) for file in files) > request.limits.max_bytes:
            raise too_large("with its files in Git LFS it is larger", request.limits.max_bytes)
        if files:
            store.fetch(files)
            self._say(f"Git LFS: {len(files):,} files, {sum(file.size for file in files) / MIB:.1f} MiB.")
        for file in files:
            for path, program in file.places:
                self._writer.place_pieces(path, program, store.pieces(file))
        store.keep_only(files)

    def _seen(self, name: bytes, kind: int, content: bytes | None) -> None:
        if kind == BLOB:
            if self._walk is not None and content is not None and name in self._walk.listing.files:
                self._write(name, self._walk.listing.files[name], content)
        elif kind == TREE and content is not None:
            self._folders[name] = content
            if self._walk is not None and self._walk.take(name, content):
                self._make_folders(self._walk.listing)
        elif kind == COMMIT and content is not None:
            self._commits[name] = content
            if self._streams and name == self._commit:
                self._walk = Walk(root_of(content), self._request.limits)
                self._scribe = Scribe(self._writer)

    def _list(self) -> Listing:
        """List the whole tree, or what of it is not listed yet."""
        commit = self._commits.get(self._commit) or self._content_of(COMMIT, self._commit)
        self.words = commit_words(commit)
        walk = self._walk or Walk(root_of(commit), self._request.limits)
        walk.go(self._read_folder)
        if self._begun is None:
            self._make_folders(walk.listing)
        self._listing = walk.listing
        return walk.listing

    def _make_folders(self, listing: Listing) -> None:
        """Those that were listed since."""
        self._writer.folders(listing.folders[self._made :])
        self._made = len(listing.folders)

    def _write(self, name: bytes, places: list[tuple[bytes, bool]], content: bytes) -> None:
        """Write a file where it is known to go by now; folders that come later may have it too."""
        if name not in self._placed:
            known = places[:]
            self._placed[name] = len(known)
            if self._pointers.keeps(known, content):
                return
            if self._scribe is not None and len(content) <= _WORTH_A_THREAD:
                self._scribe.place(known, content)
            else:
                self._writer.place(known, content)

    def _places(self, listing: Listing, name: bytes) -> list[tuple[bytes, bool]]:
        """Where a blob is still to be written."""
        return listing.files[name][self._placed.get(name, 0) :]

    def _read_folder(self, name: bytes) -> bytes:
        content = self._folders.get(name)
        return content if content is not None else self._content_of(TREE, name)

    def _content(self, name: bytes) -> bytes:
        return self._content_of(BLOB, name)

    def _content_of(self, kind: int, name: bytes) -> bytes:
        return content_at(kind, *self._find(name))

    def _find(self, name: bytes) -> tuple[PackReader, int]:
        if self.stream is not None and name in self.stream.offsets:
            return self.stream.reader, self.stream.offsets[name]
        found = self._mirror.find(name)
        if found is None:
            raise PackDamaged(f"the object {name.hex()[:10]} is missing")
        return found

    def _mirrored(self, name: bytes) -> tuple[int, bytes] | None:
        found = self._mirror.find(name)
        return None if found is None else found[0].get(found[1])

    def _received(self) -> None:
        stream = self.stream
        if stream is not None and stream.total:
            self._tell(f"Receiving {stream.received / MIB:.1f} MiB, {100 * stream.done // stream.total} %.")

    def _remote(self, text: bytes) -> None:
        *lines, self._unended = re.split(rb"[\r\n]+", (self._unended + text)[-_MAX_REMOTE:])
        if lines and lines[-1]:
            self._tell(f"remote: {lines[-1].decode('utf-8', 'replace')}")

    def _tell(self, text: str) -> None:
        now = time.monotonic()
        if now - self._said_at >= _PAUSE:
            self._said_at = now
            self._say(text)

"""Writes a checkout into a folder of its own; creating files is what takes the time, so several threads do it.

No link exists below the folder until every file is written, names have no slash, and folders and files are only ever
made new: so no path can lead out, whatever the repository says."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterable
from contextlib import suppress
from queue import SimpleQueue
from typing import Final

from nanoscale_box.adapters.git_limits import MIB, GitLimits
from nanoscale_box.adapters.git_names import link_flaw
from nanoscale_box.adapters.git_pack import too_large
from nanoscale_box.adapters.git_tree import Listing, refusal

_THREADS: Final = 2
_WAITING: Final = 16 * MIB
"""Bytes that may wait for the threads; beyond that the caller writes itself."""
_NEW: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FOLDER: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

Places = list[tuple[bytes, bool]]


class TreeWriter:
    """One checkout being written. The folder must not exist, unless it was `made` by another one that has no links yet;
    it is private until `finish`."""

    def __init__(self, folder: str, limits: GitLimits, *, made: bool = False) -> None:
        self.written = 0
        self.files = 0
        self._folder = folder
        self._limits = limits
        self._queue: SimpleQueue[tuple[Places, bytes] | None] = SimpleQueue()
        self._put = 0
        self._done = [0] * _THREADS
        self._wrong: list[OSError] = []
        self._threads: list[threading.Thread] = []
        if not made:
            make_stage(folder)
        self._root = os.open(folder, _FOLDER)

    def folders(self, paths: Iterable[bytes]) -> None:
        """Make the folders, in this order."""
        for path in paths:
            os.mkdir(path, 0o755, dir_fd=self._root)

    def _start(self) -> None:
        self._threads = [threading.Thread(target=self._work, args=(number,), daemon=True) for number in range(_THREADS)]
        for thread in self._threads:
            thread.start()

    def place_now(self, places: Places, content: bytes) -> None:
        """Write the content to each of the places. Raises `DeployFailed` when the budget is spent."""
        self._count(len(content) * len(places), len(places))
        self._write(places, content)

    def add(self, written: int, files: int) -> None:
        """Others wrote this into the same folder."""
        self._count(written, files)

    def place(self, places: Places, content: bytes) -> None:
        """Write the content to each of the places, soon. Raises `DeployFailed` when the budget is spent."""
        size = len(content)
        self._count(size * len(places), len(places))
        if self._wrong:
            raise self._wrong[0]
        if self._put - sum(self._done) > _WAITING:
            self._write(places, content)
            return
        if not self._threads:
            self._start()
        self._put += size
        self._queue.put((places, content))

    def place_pieces(self, path: bytes, program: bool, pieces: Iterable[bytes]) -> int:
        """Write one file from its pieces, now; gives its size."""
        before = self.written
        fd = os.open(path, _NEW, 0o755 if program else 0o644, dir_fd=self._root)
        try:
            for piece in pieces:
                self._count(len(piece), 0)
                _write_all(fd, piece)
        finally:
            os.close(fd)
        self.files += 1
        return self.written - before

    def undo(self, files: Iterable[bytes], folders: Iterable[bytes]) -> None:
        """Remove these files, written or not, and then these folders, in this order."""
        for path in files:
            with suppress(FileNotFoundError):
                os.unlink(path, dir_fd=self._root)
        for path in folders:
            os.rmdir(path, dir_fd=self._root)

    def drain(self) -> None:
        """Return when all files are written. Raises the first `OSError` of a thread."""
        for _ in self._threads:
            self._queue.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        if self._wrong:
            raise self._wrong[0]

    def link(self, links: dict[bytes, bytes]) -> None:
        """Make the links (path to target) after all files; they were checked, and are looked at again in place."""
        root = os.path.realpath(os.fsencode(self._folder))
        for path, target in links.items():
            os.symlink(target, path, dir_fd=self._root)
        for path in links:
            real = os.path.realpath(os.path.join(root, path))
            if real != root and not real.startswith(root + b"/"):
                raise refusal(path, "is a link that leaves the checkout")

    def finish(self) -> None:
        """The checkout is whole."""
        os.fchmod(self._root, 0o755)
        os.close(self._root)

    def _count(self, size: int, files: int) -> None:
        self.written += size
        self.files += files
        if self.written > self._limits.max_bytes:
            raise too_large("checked out it is larger", self._limits.max_bytes)

    def _work(self, number: int) -> None:
        while (item := self._queue.get()) is not None:
            places, content = item
            if not self._wrong:
                try:
                    self._write(places, content)
                except OSError as wrong:
                    self._wrong.append(wrong)
            self._done[number] += len(content)

    def _write(self, places: Places, content: bytes) -> None:
        for path, program in places:
            fd = os.open(path, _NEW, 0o755 if program else 0o644, dir_fd=self._root)
            try:
                _write_all(fd, content)
            finally:
                os.close(fd)


def make_stage(folder: str) -> None:
    """Make the folder, private, and what is above it."""
    os.makedirs(os.path.dirname(folder), mode=0o700, exist_ok=True)
    os.mkdir(folder, 0o700)


def _write_all(fd: int, content: bytes) -> None:
    written = os.write(fd, content) if content else 0
    while written < len(content):
        written += os.write(fd, memoryview(content)[written:])


def check_links(listing: Listing, targets: dict[bytes, bytes]) -> None:
    """Refuse links that would leave the checkout, also by way of each other. `targets` is path to target."""
    for path in listing.links:
        flaw = link_flaw(path, targets)
        if flaw is not None:
            raise refusal(path, flaw)


def put_in_place(stage: str, folder: str) -> None:
    """Rename a whole checkout to where it belongs; what lay there goes."""
    if os.path.isdir(folder):
        shutil.rmtree(folder)
    os.rename(stage, folder)


def settle(stage: str, folder: str) -> None:
    """Put a checkout in place that was written in parts: a link of one part may lead out by way of another's."""
    root = os.path.realpath(os.fsencode(stage))
    for at, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(at, name)
            real = os.path.realpath(path) if os.path.islink(path) else root
            if real != root and not real.startswith(root + b"/"):
                raise refusal(os.path.relpath(path, root), "is a link that leaves the checkout")
    put_in_place(stage, folder)

"""A bare, shallow repository on disk that makes the next fetch small; it is a cache and may be dropped at any time."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Iterable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

from dulwich.pack import write_pack_index_v2

from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.adapters.git_pack import COMMIT, TREE, PackDamaged, PackReader
from nanoscale_box.adapters.git_stream import PackStream
from nanoscale_box.adapters.git_tree import Listing, list_tree, root_of

Kept = tuple[PackReader, int, bytes]
"""Where an object is, and its name."""
_ARRIVING: Final = "tmp_incoming"
_INCOMING: Final = f"objects/pack/{_ARRIVING}"
_LFS: Final = "lfs"
_CONFIG: Final = "[core]\n\trepositoryformatversion = 0\n\tbare = true\n"
_MAX_COMMITS: Final = 64
_SUM: Final = 20
_NAMES: Final = 8 + 256 * 4


def lfs_folder(mirror: str | Path) -> Path:
    """Where the mirror keeps the LFS files of the newest checkout."""
    return Path(mirror) / _LFS


def arriving(mirror: str) -> list[str]:
    """The files that a fetch which was ended in the middle leaves in the mirror."""
    return [os.path.join(mirror, _INCOMING), os.path.join(mirror, _LFS, _ARRIVING)]


class Mirror:
    """The packs of one repository. One process at a time may use it."""

    def __init__(self, path: Path, limits: GitLimits) -> None:
        self._path = path
        self._limits = limits
        self._packs = path / "objects" / "pack"
        self._files: list[int] = []
        self._objects: dict[bytes, tuple[PackReader, int]] | None = None

    def open(self) -> None:
        """Make the folder if need be, clear what an interrupted fetch left, begin anew after too many packs."""
        if self._packs.is_dir() and sum(1 for _ in self._packs.glob("pack-*.pack")) > self._limits.max_packs:
            self.drop()
        if not (self._path / "config").is_file():
            self.drop()
            self._packs.mkdir(parents=True, mode=0o700)
            self._path.chmod(0o700)
            (self._path / "refs").mkdir()
            (self._path / "HEAD").write_text("ref: refs/heads/main\n")
            (self._path / "config").write_text(_CONFIG)
        for left in self._packs.glob("tmp_*"):
            left.unlink()

    def drop(self) -> None:
        """Remove the mirror from disk."""
        self.close()
        shutil.rmtree(self._path, ignore_errors=True)

    def close(self) -> None:
        """Give the descriptors back."""
        for fd in self._files:
            os.close(fd)
        self._files, self._objects = [], None

    def commits(self) -> list[bytes]:
        """The commits (hex) whose whole tree is here, oldest first; every one of them is shallow."""
        try:
            lines = (self._path / "shallow").read_bytes().split()
        except FileNotFoundError:
            return []
        return [line for line in lines if len(line) == 2 * _SUM]

    def incoming(self) -> int:
        """A new file for a pack on its way in."""
        return os.open(self._path / _INCOMING, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)

    def keep(self, pack: PackStream | None, commit: bytes) -> None:
        """Add the incoming pack, if there is one, and note that all of `commit` (hex) is here."""
        if pack is not None and pack.entries:
            name = f"pack-{pack.checksum.hex()}"
            index = self._packs / "tmp_index"
            with index.open("wb") as file:
                write_pack_index_v2(file, sorted(pack.entries), pack.checksum)
            os.rename(self._path / _INCOMING, self._packs / f"{name}.pack")
            os.rename(index, self._packs / f"{name}.idx")
        (self._path / _INCOMING).unlink(missing_ok=True)
        known = [one for one in self.commits() if one != commit][-_MAX_COMMITS + 1 :]
        temporary = self._path / "shallow.new"
        temporary.write_bytes(b"".join(one + b"\n" for one in [*known, commit]))
        os.rename(temporary, self._path / "shallow")

    def find(self, name: bytes) -> tuple[PackReader, int] | None:
        """Where an object is. Raises `PackDamaged` when the mirror cannot be read."""
        if self._objects is None:
            self._objects = dict(self._load())
        return self._objects.get(name)

    def content(self, kind: int, name: bytes) -> bytes:
        """An object of this kind. Raises `PackDamaged` when it is not here."""
        return content_at(kind, *self._found(name))

    def listing(self, commit: bytes) -> Listing:
        """What a commit (hex) that is here consists of. Raises `PackDamaged`, `DeployFailed`."""
        root = root_of(self.content(COMMIT, bytes.fromhex(commit.decode("ascii"))))
        return list_tree(root, lambda name: self.content(TREE, name), self._limits)

    def kept(self, names: Iterable[bytes]) -> list[Kept]:
        """Where these objects are, in the order in which they are best read. Raises `PackDamaged`."""
        return in_order((*self._found(name), name) for name in names)

    def _found(self, name: bytes) -> tuple[PackReader, int]:
        found = self.find(name)
        if found is None:
            raise PackDamaged(f"the object {name.hex()[:10]} is missing")
        return found

    def _load(self) -> Iterator[tuple[bytes, tuple[PackReader, int]]]:
        for index in sorted(self._packs.glob("pack-*.idx")):
            try:
                fd = os.open(index.with_suffix(".pack"), os.O_RDONLY | os.O_CLOEXEC)
                self._files.append(fd)
                offsets = _read_index(index.read_bytes())
            except (OSError, struct.error) as wrong:
                raise PackDamaged("the mirror cannot be read") from wrong
            starts = [*sorted(offsets.values()), os.fstat(fd).st_size - _SUM]
            reader = PackReader(fd, dict(pairwise(starts)), offsets, self._limits.max_object_bytes)
            for name, offset in offsets.items():
                yield name, (reader, offset)


def in_order(found: Iterable[Kept]) -> list[Kept]:
    """The order in which objects are best read."""
    return sorted(found, key=lambda one: (id(one[0]), one[1]))


def content_at(kind: int, reader: PackReader, offset: int) -> bytes:
    """The object there. Raises `PackDamaged` when it is of another kind."""
    found, content = reader.get(offset)
    if found != kind:
        raise PackDamaged("an object is of another kind than its place says")
    return content


def _read_index(data: bytes) -> dict[bytes, int]:
    """Names and offsets of a version 2 index as `keep` writes it (git: gitformat-pack); packs here are below 2 GiB."""
    if data[:8] != b"\377tOc\0\0\0\2" or hashlib.sha1(data[:-_SUM], usedforsecurity=False).digest() != data[-_SUM:]:
        raise PackDamaged("the mirror's index is damaged")
    (count,) = struct.unpack_from(">L", data, _NAMES - 4)
    names = (data[at : at + _SUM] for at in range(_NAMES, _NAMES + _SUM * count, _SUM))
    return dict(zip(names, struct.unpack_from(f">{count}L", data, _NAMES + (_SUM + 4) * count), strict=True))

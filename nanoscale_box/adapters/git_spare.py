"""Files of a mirror's newest commit that are written when nothing else is to do: the next checkout takes them by one
rename and writes only what differs.

They are trusted only whole, untouched, and in the boot in which they were written, so nothing of it need be synced."""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from msgspec import DecodeError, Struct, msgpack

from nanoscale_box.adapters.git_begun import may_stay, read_wrote, write_plain
from nanoscale_box.adapters.git_limits import GIB, GitLimits
from nanoscale_box.adapters.git_mirror import Mirror
from nanoscale_box.adapters.git_pack import PackDamaged
from nanoscale_box.adapters.git_tree import Listing
from nanoscale_box.adapters.git_write import TreeWriter
from nanoscale_box.core.errors import DeployFailed

_LARGEST: Final = GIB
_FREE: Final = 5 * GIB
_TIMES_FREE: Final = 10
_TREE: Final = "tree"
_MANIFEST: Final = "manifest"
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_SEEN: Final = struct.Struct("<6q")


class _Manifest(Struct, frozen=True, kw_only=True):
    """Written last: what lies beside it is whole."""

    commit: bytes
    boot: bytes
    seal: bytes
    wrote: bytes


class Spare:
    """Such files, taken: a `Begun`."""

    def __init__(self, listing: Listing, wrote: Mapping[bytes, int]) -> None:
        self.listing = listing
        self._wrote = wrote

    def wrote(self, *, much: bool) -> Mapping[bytes, int]:
        """All that was written; what is of no use is removed again."""
        return self._wrote

    def stop(self) -> None:
        """Nobody writes any more."""


def spare_folder(mirror: str) -> str:
    """Where they lie; whole, unless something is missing in it."""
    return os.path.join(mirror, "spare")


def unfinished_spare(mirror: str) -> str:
    """Where they are being written, or removed."""
    return os.path.join(mirror, "spare.part")


def prepare(folder: str, size: int, limits: GitLimits) -> None:
    """Write the files of the newest commit of the mirror in `folder`, of about `size` bytes, if they are not there and
    the disk has plenty of room. Raises `OSError`, `DeployFailed`."""
    whole, part = spare_folder(folder), unfinished_spare(folder)
    shutil.rmtree(part, ignore_errors=True)
    mirror = Mirror(Path(folder), limits)
    commits = mirror.commits()
    manifest = _read_manifest(whole)
    if not commits or (manifest is not None and (manifest.commit, manifest.boot) == (commits[-1], _BOOT.read_bytes())):
        return
    with suppress(FileNotFoundError):
        os.rename(whole, part)  # whoever takes it now has it, or has nothing
    shutil.rmtree(part, ignore_errors=True)
    if size > _LARGEST or shutil.disk_usage(folder).free < max(_FREE, _TIMES_FREE * size):
        return
    with suppress(PackDamaged):  # the next checkout says so
        _write(mirror, commits[-1], part, replace(limits, max_bytes=min(limits.max_bytes, _LARGEST)))
        os.rename(part, whole)


def _write(mirror: Mirror, commit: bytes, part: str, limits: GitLimits) -> None:
    tree = os.path.join(part, _TREE)
    listing = mirror.listing(commit)
    writer = TreeWriter(tree, limits)
    writer.folders(listing.folders)
    wrote = write_plain(listing, may_stay(listing, mirror.kept(listing.files)), writer)
    seal = _seal(tree, listing, read_wrote(wrote))
    manifest = _Manifest(commit=commit, boot=_BOOT.read_bytes(), seal=seal, wrote=wrote)
    Path(part, _MANIFEST).write_bytes(msgpack.encode(manifest))


def take_spare(mirror: Mirror, folder: str, stage: str) -> Spare | None:
    """Make the files that lie ready in the mirror's `folder` the folder `stage`; None when there are none that can be
    trusted. Nothing lies ready afterwards. Raises `PackDamaged`."""
    whole = spare_folder(folder)
    manifest = _read_manifest(whole)
    try:
        if manifest is None or manifest.commit not in mirror.commits() or manifest.boot != _BOOT.read_bytes():
            return None
        listing, wrote = mirror.listing(manifest.commit), read_wrote(manifest.wrote)
        tree = os.path.join(whole, _TREE)
        if _seal(tree, listing, wrote) != manifest.seal:
            return None
        os.makedirs(os.path.dirname(stage), mode=0o700, exist_ok=True)
        os.rename(tree, stage)
        return Spare(listing, wrote)
    except (OSError, DeployFailed, KeyError):
        return None
    finally:
        shutil.rmtree(whole, ignore_errors=True)


def _read_manifest(whole: str) -> _Manifest | None:
    try:
        manifest: _Manifest = msgpack.decode(Path(whole, _MANIFEST).read_bytes(), type=_Manifest)
    except (OSError, DecodeError):
        return None
    return manifest if len(manifest.wrote) % 28 == 0 else None


def _seal(tree: str, listing: Listing, wrote: Mapping[bytes, int]) -> bytes:
    """Changes when any of the files or folders is touched after it was written, by the times that the kernel keeps and
    nobody can set; a rename of the whole tree changes nothing."""
    root = os.open(tree, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        seen = [b"%d" % os.fstat(root).st_mtime_ns]
        paths = [*listing.folders, *(path for name in wrote for path, _ in listing.files[name])]
        for path in paths:
            now = os.stat(path, dir_fd=root, follow_symlinks=False)
            seen.append(_SEEN.pack(now.st_mode, now.st_uid, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns))
    finally:
        os.close(root)
    return hashlib.sha256(b"".join(seen)).digest()

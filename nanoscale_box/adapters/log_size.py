"""Keeps log files bounded without losing a line that is being written, and without moving the lines that stay."""

from __future__ import annotations

import ctypes
import errno
import os
from pathlib import Path
from typing import Final

_KEEP_SIZE: Final = 0x01
_PUNCH_HOLE: Final = 0x02
"""fallocate(2), which the standard library has without its modes."""
_BLOCK: Final = 64 * 1024


def bound(path: Path, *, most: int, keep: int) -> bool:
    """Let go of the beginning of a file that takes more than `most` bytes of the disk, so that its last `keep` bytes
    stay; whether that was needed. Who appends meanwhile notices nothing and no offset changes: the beginning becomes
    a hole, which takes no room. Where the file system knows no holes, all of the file goes."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        seen = os.fstat(descriptor)
        if min(seen.st_size, seen.st_blocks * 512) <= most:
            return False
        end = (seen.st_size - keep) // _BLOCK * _BLOCK
        if end > 0 and not _punched(descriptor, end):
            os.ftruncate(descriptor, 0)
        return True
    finally:
        os.close(descriptor)


def first_byte(descriptor: int) -> int:
    """Where the file begins that is still there."""
    try:
        return os.lseek(descriptor, 0, os.SEEK_DATA)
    except OSError as error:
        if error.errno == errno.ENXIO:  # nothing but a hole, or nothing at all
            return os.fstat(descriptor).st_size
        raise


def _punched(descriptor: int, length: int) -> bool:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64]
    if libc.fallocate(descriptor, _KEEP_SIZE | _PUNCH_HOLE, 0, length) == 0:
        return True
    number = ctypes.get_errno()
    if number in {errno.EOPNOTSUPP, errno.ENOSYS}:
        return False
    raise OSError(number, os.strerror(number))

"""Holds work to the room it may take on the disk: looked at while it goes on, ended with a sentence when too much."""

from __future__ import annotations

import asyncio
import ctypes
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.adapters.checkouts import measured
from nanoscale_box.core.errors import BoxError, Code, DeployFailed, Fault, Unavailable

_MIB: Final = 1 << 20
_GIB: Final = 1 << 30
_LEAST_PAUSE: Final = 0.5
_SHARE: Final = 20
"""Looking takes at most one part in so many of the time."""


def sync_disk(folder: Path) -> None:
    """Return when all that was written to the disk of `folder` rests there; one call for thousands of files. `OSError`
    when the disk refused. See syncfs(2)."""
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if libc.syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(folder))
    finally:
        os.close(handle)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much a build may take (bytes), and how much of the disk it must leave to everybody else."""

    most: int = 10 * _GIB
    spare: int = 200 * _MIB


@asynccontextmanager
async def within(room: Room, folder: Path) -> AsyncIterator[None]:
    """End what the current task does inside once `folder` holds too much, or the disk has too little left. Raises
    `DeployFailed` `build_failed`, `Unavailable` `disk_full`."""
    task = asyncio.current_task()
    if task is None:
        raise RuntimeError("there is no task that could be ended")
    before, found = task.cancelling(), list[BoxError]()

    async def look() -> None:
        while not found:
            began = asyncio.get_running_loop().time()
            flaw = await asyncio.to_thread(_flaw, room, folder)
            if flaw is not None:
                found.append(flaw)
                task.cancel()
                return
            took = asyncio.get_running_loop().time() - began
            await asyncio.sleep(max(_LEAST_PAUSE, _SHARE * took))

    looking = asyncio.create_task(look())
    try:
        yield
    except asyncio.CancelledError:
        if found and task.uncancel() <= before:
            raise found[0] from None
        raise
    finally:
        looking.cancel()


def _flaw(room: Room, folder: Path) -> BoxError | None:
    try:
        space = os.statvfs(folder)
    except OSError:
        return None  # it is being moved or removed just now
    if space.f_bavail * space.f_frsize < room.spare:
        return Unavailable(
            Code.DISK_FULL,
            f"the build was ended: it left less than {room.spare // _MIB:,} MiB free on the disk that holds the box",
            hint="free some space, then deploy again; what runs is not touched",
            fault=Fault.BOX,
        )
    if measured(folder).bytes > room.most:
        return DeployFailed(
            Code.BUILD_FAILED,
            f"the build was ended: its folder grew beyond {room.most / _GIB:.3g} GiB",
            hint="have it write less, or clean up after itself",
        )
    return None

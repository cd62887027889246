"""What /proc tells of the processes a test is to blame for, and how they are ended."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

SECONDS = 45.0


async def until(find: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """What `find` gives, once it gives something."""
    deadline = time.monotonic() + seconds
    while not (found := find()):
        assert time.monotonic() < deadline, f"not seen within {seconds:g} s: {what}"
        await asyncio.sleep(0.01)
    return found


def told_of(pid: int, file: str) -> bytes:
    """A file of /proc/PID, or nothing where the process has ended or is another user's."""
    try:
        return Path(f"/proc/{pid}/{file}").read_bytes()
    except OSError:
        return b""


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    return told_of(pid, "stat").rpartition(b") ")[2][:1] not in {b"", b"Z", b"X"}


def parent_of(pid: int) -> int:
    """The parent's number, 0 for a process that has ended."""
    state, *rest = told_of(pid, "stat").rpartition(b") ")[2].split() or [b"X"]
    return 0 if state in {b"Z", b"X"} else int(rest[0])


def everybody() -> list[int]:
    """All processes."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def family_of(pid: int) -> list[int]:
    """A process and all below it."""
    parents = {one: parent_of(one) for one in everybody()}
    found = {pid}
    while more := {one for one, parent in parents.items() if parent in found and one not in found}:
        found |= more
    return sorted(found)


def at_work_in(folder: Path) -> list[int]:
    """Processes that were started with the folder in their arguments or environment, or work in it; not this one."""
    needle = os.fsencode(folder)
    found = []
    for pid in everybody():
        try:
            where = os.fsencode(os.readlink(f"/proc/{pid}/cwd"))
        except OSError:
            where = b""
        told = told_of(pid, "cmdline") + told_of(pid, "environ") + where
        if needle in told and pid != os.getpid() and is_running(pid):
            found.append(pid)
    return found


def described(pids: list[int]) -> list[str]:
    """What was called, for the message of a test that fails."""
    return [f"{pid}: {told_of(pid, 'cmdline').replace(bytes(1), b' ').decode(errors='replace')}" for pid in pids]


def end_all_in(folder: Path) -> None:
    """Kill whatever works in a folder of the tests' own."""
    deadline = time.monotonic() + 10
    while pids := at_work_in(folder):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        assert time.monotonic() < deadline, described(pids)
        time.sleep(0.02)

"""What the git worker's processes ask of the kernel: to end with their parent, to be read by nobody, to share work."""

from __future__ import annotations

import ctypes
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, NoReturn, TypeVar

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_NO_NEW_PRIVS: Final = 38
_PIECE: Final = 1 << 16

T = TypeVar("T")
Work = Callable[[Sequence[T]], bytes]

_libc: Final = ctypes.CDLL(None, use_errno=True)


def die_with(parent: int, number: signal.Signals) -> None:
    """Ask for a signal when the parent ends; leave at once if it is gone already."""
    _libc.prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def hide() -> None:
    """Let no other process of this user read this one's memory, where tokens are; gain nothing from setuid programs."""
    _libc.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    _libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def idle() -> None:
    """Compute and write only when nobody else wants to, where the system lets a process ask for it."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))


def shared(items: Sequence[T], work: Work[T], processes: int) -> list[bytes] | None:
    """Do the work in several processes, each with its own run of the items; give what each run told, or None when one
    failed. This process does the first run itself and must have no other thread."""
    size = max(1, -(-len(items) // processes))
    runs = [items[start : start + size] for start in range(0, len(items), size)]
    others = [_begin(run, work) for run in runs[1:]]
    try:
        told = [work(run) for run in runs[:1]]
    except BaseException:
        for pid, _ in others:
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        told_by_others = [_all_of(pipe) for _, pipe in others]
        ended = [os.waitpid(pid, 0)[1] for pid, _ in others]
    return None if any(ended) else [*told, *told_by_others]


class Helpers:
    """Forks of this process that do the same work beside it. It must have no other thread when they begin."""

    def __init__(self, work: Callable[[], bytes], processes: int) -> None:
        self._others = [_begin((), lambda _: work()) for _ in range(processes)]

    def told(self) -> list[bytes | None]:
        """Wait for their ends; give what each told, None for one that failed."""
        others, self._others = self._others, []
        told = [_all_of(pipe) for _, pipe in others]
        ended = [os.waitpid(pid, 0)[1] for pid, _ in others]
        return [None if status else one for one, status in zip(told, ended, strict=True)]

    def kill(self) -> None:
        """End those that still work."""
        for pid, _ in self._others:
            os.kill(pid, signal.SIGKILL)
        self.told()


def _begin(run: Sequence[T], work: Work[T]) -> tuple[int, int]:
    """A fork of this process at work, and where to read what it tells."""
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid == 0:
        _become(run, work, parent, writing)
    os.close(writing)
    return pid, reading


def _become(run: Sequence[T], work: Work[T], parent: int, writing: int) -> NoReturn:
    try:
        die_with(parent, signal.SIGKILL)
        told = memoryview(work(run))
        while told:
            told = told[os.write(writing, told) :]
        os._exit(0)
    finally:
        os._exit(1)


def _all_of(pipe: int) -> bytes:
    parts = []
    while piece := os.read(pipe, _PIECE):
        parts.append(piece)
    os.close(pipe)
    return b"".join(parts)

"""Processes that look at heads: begun once and used for many looks, one at a time, since beginning one costs more than
looking, and a connection that is kept spares the next look its handshake."""

from __future__ import annotations

import os
import resource
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from nanoscale_box.adapters.git_job import perform
from nanoscale_box.adapters.git_messages import Ended, Head, decode_request, encode
from nanoscale_box.adapters.git_process import die_with

_LOOKS: Final = 200
"""After so many a looker is replaced, so that nothing grows in it."""
_READ: Final = 1 << 16


@dataclass(slots=True)
class Looker:
    """One such process: where it takes requests, and where it says that a look is over."""

    pid: int
    requests: int
    over: int
    job: int | None = None
    looks: int = 0


class Lookers:
    """All of them. The worker polls `over` of each, and tells of those that ended."""

    def __init__(self, watch: Callable[[int], None], unwatch: Callable[[int], None]) -> None:
        self._watch = watch
        self._unwatch = unwatch
        self._all: dict[int, Looker] = {}

    def begin(self, request: Head) -> int:
        """Give the look to an idle looker, or to a new one; gives its process id."""
        looker = next((one for one in self._all.values() if one.job is None), None) or self._hire()
        looker.job, looker.looks = request.job, looker.looks + 1
        with suppress(BrokenPipeError):  # it ended just now, which the worker is about to hear
            os.write(looker.requests, encode(request))
        return looker.pid

    def heard(self, descriptor: int) -> Ended | None:
        """A looker said that its look is over: how it ended; None if the looker itself has."""
        looker = next((one for one in self._all.values() if one.over == descriptor), None)
        told = os.read(descriptor, _READ).split()
        if looker is None or len(told) < 3 or looker.job is None:
            self._unwatch(descriptor)
            return None
        ended = Ended(job=looker.job, exit_code=int(told[0]), late=False, peak_kib=int(told[1]), cpu_ms=int(told[2]))
        looker.job = None
        if looker.looks >= _LOOKS:
            os.kill(looker.pid, signal.SIGKILL)
        return ended

    def gone(self, pid: int) -> None:
        """The process ended, if it was one of these."""
        looker = self._all.pop(pid, None)
        if looker is not None:
            self._unwatch(looker.over)
            os.close(looker.requests)
            os.close(looker.over)

    def close_in_fork(self) -> None:
        """In another process than the worker: let go of what belongs to the lookers."""
        for looker in self._all.values():
            os.close(looker.requests)
            os.close(looker.over)

    def _hire(self) -> Looker:
        taking, requests = os.pipe()
        over, telling = os.pipe()
        worker = os.getpid()
        pid = os.fork()
        if pid == 0:
            self.close_in_fork()
            os.close(requests)
            os.close(over)
            _become(worker, taking, telling)
        os.close(taking)
        os.close(telling)
        looker = self._all[pid] = Looker(pid, requests, over)
        self._watch(over)
        return looker


def _become(worker: int, taking: int, telling: int) -> NoReturn:
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setpgid(0, 0)
        die_with(worker, signal.SIGKILL)
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        left, before = b"", 0.0
        while data := os.read(taking, _READ):
            *lines, left = (left + data).split(b"\n")
            for line in lines:
                request = decode_request(line)
                code = perform(request) if isinstance(request, Head) else 1
                usage = resource.getrusage(resource.RUSAGE_SELF)
                cpu, before = usage.ru_utime + usage.ru_stime - before, usage.ru_utime + usage.ru_stime
                os.write(telling, b"%d %d %d\n" % (code, usage.ru_maxrss, round(1000 * cpu)))
        os._exit(0)
    finally:
        os._exit(1)

"""The git worker: a small process that has everything loaded, and forks itself for each job.

It is single-threaded, reads requests from stdin, and ends with it. It never does a job's work itself, so nothing a
repository holds can harm it; a job is killed alone, by its process group, and another fork removes what it left."""

from __future__ import annotations

import gc
import os
import resource
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, NoReturn

from nanoscale_box.adapters.git_job import DONE, FAILED, perform, send
from nanoscale_box.adapters.git_lookers import Lookers
from nanoscale_box.adapters.git_messages import (
    Cancel,
    Checkout,
    Ended,
    Failed,
    Head,
    Prepare,
    Remove,
    Request,
    Settle,
    Work,
    decode_request,
)
from nanoscale_box.adapters.git_mirror import arriving
from nanoscale_box.adapters.git_process import die_with, hide
from nanoscale_box.adapters.git_reach import trust
from nanoscale_box.adapters.git_spare import unfinished_spare
from nanoscale_box.core.errors import Code, Fault

_STDIN: Final = 0
_READ: Final = 1 << 16


def main() -> None:
    """Work until stdin ends."""
    os.umask(0o077)
    hide()
    die_with(os.getppid(), signal.SIGTERM)
    trust()
    gc.collect()
    gc.freeze()  # what is loaded is shared with the forks and never looked at again
    _Worker().run()


@dataclass(slots=True)
class _Job:
    request: Work
    pid: int
    deadline: float | None
    late: bool = False
    is_again: bool = False
    """The looker that had it ended by itself; this is the second try."""
    ended: Ended | None = None
    """How it ended; its remains are being removed."""


class _Worker:
    def __init__(self) -> None:
        self._jobs: dict[int, _Job] = {}
        self._buffer = b""
        self._closing = False
        self._poll = select.poll()
        self._lookers = Lookers(lambda fd: self._poll.register(fd, select.POLLIN), self._unwatch)
        self._woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, _noted)
        signal.signal(signal.SIGTERM, _noted)

    def run(self) -> None:
        self._poll.register(_STDIN, select.POLLIN)
        self._poll.register(self._woken, select.POLLIN)
        while not self._closing or self._jobs:
            for fd, _ in self._poll.poll(self._milliseconds_left()):
                if fd == self._woken:
                    if signal.SIGTERM in os.read(self._woken, _READ):
                        self._close()
                elif fd != _STDIN:
                    self._looked(fd)
                elif not self._read():
                    self._poll.unregister(_STDIN)
                    self._close()
            self._kill_late()
            self._reap()

    def _looked(self, fd: int) -> None:
        ended = self._lookers.heard(fd)
        if ended is not None and self._jobs.pop(ended.job, None) is not None and not self._closing:
            send(ended)

    def _unwatch(self, fd: int) -> None:
        with suppress(KeyError):  # it was told already
            self._poll.unregister(fd)

    def _read(self) -> bool:
        data = os.read(_STDIN, _READ)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        for line in lines:
            self._take(decode_request(line))
        return bool(data)

    def _take(self, request: Request) -> None:
        match request:
            case Cancel():
                job = self._jobs.get(request.job)
                if job is not None and job.ended is None:
                    job.is_again = True
                    _kill(job.pid)
            case Checkout() | Prepare():
                self._jobs[request.job] = self._begin(request, request.limits.wall_seconds)
            case Head():
                deadline = time.monotonic() + request.limits.head_seconds
                self._jobs[request.job] = _Job(request, self._lookers.begin(request), deadline)
            case Settle() | Remove():
                self._jobs[request.job] = self._begin(request, None)

    def _begin(self, request: Work, seconds: float | None) -> _Job:
        worker = os.getpid()
        pid = os.fork()
        if pid == 0:
            self._lookers.close_in_fork()
            _become(request, worker)
        with suppress(PermissionError, ProcessLookupError):  # the child did it itself, or is gone already
            os.setpgid(pid, pid)
        return _Job(request, pid, None if seconds is None else time.monotonic() + seconds)

    def _milliseconds_left(self) -> float | None:
        deadlines = [job.deadline for job in self._jobs.values() if job.deadline is not None]
        return max(0.0, min(deadlines) - time.monotonic()) * 1000 + 1 if deadlines else None

    def _kill_late(self) -> None:
        now = time.monotonic()
        for job in self._jobs.values():
            if job.deadline is not None and job.deadline <= now:
                job.deadline, job.late = None, True
                _kill(job.pid)

    def _close(self) -> None:
        self._closing = True
        for job in self._jobs.values():
            if job.ended is None and not isinstance(job.request, Remove):
                _kill(job.pid)

    def _reap(self) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self._lookers.gone(pid)
            for number, job in list(self._jobs.items()):
                if job.pid == pid:
                    self._ended(number, job, os.waitstatus_to_exitcode(status), usage)

    def _ended(self, number: int, job: _Job, exit_code: int, usage: resource.struct_rusage) -> None:
        if isinstance(job.request, Head) and exit_code < 0 and not (job.late or job.is_again or self._closing):
            job.pid, job.is_again = self._lookers.begin(job.request), True
            return
        if job.ended is None:
            cpu = round(1000 * (usage.ru_utime + usage.ru_stime))
            ended = Ended(job=number, exit_code=exit_code, late=job.late, peak_kib=usage.ru_maxrss, cpu_ms=cpu)
            remains = _remains(job.request) if exit_code != DONE else []
            if remains:
                self._jobs[number] = self._begin(Remove(job=number, paths=remains), None)
                self._jobs[number].ended = ended
                return
            job.ended = ended
        del self._jobs[number]
        if not self._closing:
            send(job.ended)


def _remains(request: Work) -> list[str]:
    """What a job that did not get to its end may have left."""
    match request:
        case Checkout():
            return [request.stage, *arriving(request.mirror)]
        case Prepare():
            return [unfinished_spare(request.mirror)]
        case _:
            return []


def _noted(number: int, frame: object) -> None:
    """The wake-up pipe tells the loop; the handler itself has nothing to do."""


def _kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


def _become(request: Work, worker: int) -> NoReturn:
    """Turn the fork into the job's process, and end it whatever happens."""
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.setpgid(0, 0)
        die_with(worker, signal.SIGKILL)
        nothing = os.open(os.devnull, os.O_RDWR)
        os.dup2(nothing, _STDIN)
        os._exit(perform(request))
    finally:
        os._exit(_report_crash(request.job))


def _report_crash(job: int) -> int:
    """Say where in the code an unforeseen error happened, without its text, which may be the repository's."""
    kind, _, trace = sys.exc_info()
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if kind is not None and trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        detail = f"the git worker met an error it does not know: {kind.__name__} in {place}"
        hint = "deploy again; if it stays, report it"
        send(Failed(job=job, code=Code.INTERNAL, detail=detail, hint=hint, fault=Fault.BOX, unavailable=True))
    return FAILED + 1

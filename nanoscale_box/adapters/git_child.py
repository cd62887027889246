"""Keeps the git worker running as a child process of the box, and runs jobs in it."""

from __future__ import annotations

import asyncio
import itertools
import os
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from msgspec import DecodeError

from nanoscale_box.adapters.git_messages import (
    Answer,
    Cancel,
    Ended,
    Failed,
    Found,
    Line,
    Placed,
    Request,
    Submodule,
    Work,
    decode_answer,
    encode,
)
from nanoscale_box.core.errors import Code, Fault, Unavailable

# -I keeps the environment and the user's site-packages out; the box may run from a checkout, so its place is handed on.
_BOOT: Final = "import sys; sys.path.append(sys.argv[1]); from nanoscale_box.adapters.git_worker import main; main()"
_MAX_LINE: Final = 1 << 16
_GOODBYE_SECONDS: Final = 5.0


@dataclass(slots=True, kw_only=True)
class JobReport:
    """What a job said, complete once `ended` is there."""

    progress: Callable[[str], None] | None = None
    found: Found | None = None
    submodules: list[Submodule] = field(default_factory=list)
    placed: Placed | None = None
    failed: Failed | None = None
    ended: asyncio.Future[Ended] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    def take(self, answer: Answer) -> None:
        """Note one answer."""
        match answer:
            case Line(text=text):
                if self.progress is not None:
                    self.progress(text)
            case Found():
                self.found = answer
            case Submodule():
                self.submodules.append(answer)
            case Placed():
                self.placed = answer
            case Failed():
                self.failed = answer
            case Ended():
                self.ended.set_result(answer)


class WorkerGone(Unavailable):
    """The worker process ended while it had a job."""

    def __init__(self) -> None:
        super().__init__(
            Code.INTERNAL, "The git worker ended while it was at work.", hint="Deploy again.", fault=Fault.BOX
        )


class GitChild:
    """The worker process: begun when it is needed, begun again when it died, ended with the box."""

    def __init__(self) -> None:
        self._process: Process | None = None
        self._reader: asyncio.Task[None] | None = None
        self._reports: dict[int, JobReport] = {}
        self._numbers = itertools.count(1)
        self._starting = asyncio.Lock()
        self.last: Ended | None = None

    @property
    def pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._process.pid if self._process is not None else None

    def number(self) -> int:
        """A number for the next job."""
        return next(self._numbers)

    async def start(self) -> None:
        """See that the worker runs."""
        async with self._starting:
            if self._process is None:
                self._process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-I", "-c", _BOOT, str(Path(__file__).parents[2])),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=DEVNULL,
                    env=_environment(),
                    cwd="/",
                    start_new_session=True,
                    limit=_MAX_LINE,
                )
                self._reader = asyncio.create_task(self._read(self._process))

    async def close(self) -> None:
        """End the worker and its jobs; what they were writing is removed before it goes."""
        process, reader = self._process, self._reader
        if process is None or reader is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(reader), _GOODBYE_SECONDS)
        except TimeoutError:
            process.kill()
            await reader

    async def run(self, request: Work, progress: Callable[[str], None] | None = None) -> JobReport:
        """Run a job to its end. Cancelling kills it, and returns when it is gone. Raises `WorkerGone`."""
        await self.start()
        report = self._reports[request.job] = JobReport(progress=progress)
        try:
            await self._send(request)
            await asyncio.shield(report.ended)
        except asyncio.CancelledError:
            report.progress = None
            await self._end(request.job, report)
            raise
        finally:
            self._reports.pop(request.job, None)
        return report

    async def _end(self, job: int, report: JobReport) -> None:
        try:
            await self._send(Cancel(job=job))
            await report.ended
        except WorkerGone:
            return

    async def _send(self, request: Request) -> None:
        process = self._process
        if process is None or process.stdin is None:
            raise WorkerGone
        try:
            process.stdin.write(encode(request))
            await process.stdin.drain()
        except (BrokenPipeError, ConnectionResetError) as gone:
            raise WorkerGone from gone

    async def _read(self, process: Process) -> None:
        try:
            while process.stdout is not None and (line := await process.stdout.readline()):
                answer = decode_answer(line)
                if isinstance(answer, Ended):
                    self.last = answer
                report = self._reports.get(answer.job)
                if report is not None:
                    report.take(answer)
        except (DecodeError, ValueError):
            process.kill()  # what does not speak the protocol is no worker of ours
        await process.wait()
        self._process = self._reader = None
        for report in self._reports.values():
            if not report.ended.done():
                report.ended.set_exception(WorkerGone())


def _environment() -> dict[str, str]:
    """Nothing of the box's own: its variables may hold secrets, and proxies named there are not for the worker."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": os.environ.get("LANG", "C.UTF-8")}

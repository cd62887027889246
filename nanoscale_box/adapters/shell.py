"""Starts child processes, here alone: lists of arguments, an environment given in full, a session of their own."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from subprocess import DEVNULL, PIPE, STDOUT, Popen
from typing import Final

from nanoscale_box.adapters import launch
from nanoscale_box.adapters.lines import Lines
from nanoscale_box.adapters.processes import end_family, identify
from nanoscale_box.core.errors import Code, DeployFailed, Fault, Unavailable

_CHUNK: Final = 16 * 1024
_PLAIN: Final = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8"}
"""What the machine's own programs are given; nothing of the box's."""
_LAUNCHER_SECONDS: Final = 1.4
"""How long the launcher may take to end what it started; the launcher's own grace is 1 s, the promise is 2 s."""


async def run(
    argv: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    line: Callable[[str], None],
    seconds: float | None = None,
    limits: Mapping[str, int] | None = None,
) -> int:
    """Run a command to its end and give its exit status (128 + N for signal N); each line it prints goes to `line`.

    `limits` are names of `RLIMIT_*` and their values. However this ends (`TimeoutError` after `seconds`, cancellation),
    nothing
    the command started is alive afterwards; it takes at most 2 s. `DeployFailed` `start_failed` if it cannot even
    begin.
    """
    starting = asyncio.ensure_future(_start(_launched("watch", "-", limits, argv), folder, env))
    try:
        process = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.shield(_end(await starting))
        raise
    try:
        async with asyncio.timeout(seconds):
            await _read(process, line)
            return await process.wait()
    finally:
        if process.returncode is None:
            await asyncio.shield(_end(process))


def memory_limit(megabytes: int | None) -> dict[str, int]:
    """The limit of one process's memory. RLIMIT_DATA counts what it may write to, and not the address space that Go,
    Node and others reserve without using it: setrlimit(2)."""
    return {} if megabytes is None else {"RLIMIT_DATA": megabytes * 1024 * 1024}


def start_apart(
    argv: Sequence[str],
    *,
    folder: Path,
    env: Mapping[str, str],
    record: Path,
    output: int,
    limits: Mapping[str, int] | None = None,
) -> Popen[bytes]:
    """Start a command that outlives the box and prints to the descriptor `output`.

    `record` + `.new` must hold a JSON object without the member `process`; before the command begins it stands at
    `record`, with that member added.
    """
    try:
        return Popen(
            _launched("become", str(record), limits, argv),
            stdin=DEVNULL, stdout=output, stderr=STDOUT, cwd=folder, env=dict(env), start_new_session=True,
        )  # fmt: skip
    except OSError as error:
        raise _not_started(error) from error


async def ask(
    argv: Sequence[str], *, seconds: float, folder: Path | None = None, stdin: socket.socket | None = None
) -> tuple[int, str]:
    """Run a program of the machine's own to its end; its exit status and what it printed, its errors if it failed.
    `TimeoutError` after `seconds`. What it makes is to be read by everybody; who may reach it, its folder decides."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL if stdin is None else stdin.fileno(), stdout=PIPE, stderr=PIPE, cwd=folder, env=_PLAIN,
        start_new_session=True, umask=0o022,
    )  # fmt: skip
    try:
        async with asyncio.timeout(seconds):
            printed, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode or 0, (errors if process.returncode else printed).decode(errors="replace")


@asynccontextmanager
async def reading(argv: Sequence[str], *, longest: int) -> AsyncIterator[asyncio.StreamReader]:
    """The lines that a program of the machine's own prints as it goes on; it ends with the block."""
    process = await asyncio.create_subprocess_exec(
        *argv, stdin=DEVNULL, stdout=PIPE, stderr=DEVNULL, env=_PLAIN, start_new_session=True, limit=longest
    )
    try:
        yield _output(process)
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _launched(mode: str, record: str, limits: Mapping[str, int] | None, argv: Sequence[str]) -> list[str]:
    """The command behind its launcher, which runs isolated from the command's environment (-I), folder and the box's
    libraries (-S)."""
    told = ",".join(f"{name}={value}" for name, value in (limits or {}).items())
    launcher = [sys.executable, "-I", "-S", "-B", os.path.abspath(launch.__file__)]
    return [*launcher, mode, record, str(os.getpid()), told, "--", *argv]


async def _start(argv: Sequence[str], folder: Path, env: Mapping[str, str]) -> asyncio.subprocess.Process:
    try:
        return await asyncio.create_subprocess_exec(
            *argv,
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            cwd=folder,
            env=dict(env),
            start_new_session=True,
            limit=_CHUNK,
        )
    except OSError as error:
        raise _not_started(error) from error


def _not_started(error: OSError) -> DeployFailed | Unavailable:
    """The sentence for a process that the kernel refused to make."""
    match error.errno:
        case errno.E2BIG:
            hint = "shorten the environment variables: one may hold 128 KiB at most, all together about 2 MiB"
            return DeployFailed(Code.START_FAILED, "the environment variables are too large for a process", hint=hint)
        case errno.EAGAIN | errno.ENOMEM | errno.EMFILE | errno.ENFILE:
            hint = "free memory or processes on this machine, then deploy again"
            return Unavailable(
                Code.START_FAILED,
                f"this machine has no room for another process: {error.strerror}",
                hint=hint,
                fault=Fault.BOX,
            )
        case _:
            return DeployFailed(
                Code.START_FAILED,
                f"the command could not be started: {error.strerror}",
                hint="check the root directory",
            )


async def _read(process: asyncio.subprocess.Process, line: Callable[[str], None]) -> None:
    """Hand on every line; the command waits in its pipe while we are busy, and the loop gets its turn between
    chunks."""
    lines = Lines()
    while chunk := await _output(process).read(_CHUNK):
        for each in lines.feed(chunk):
            line(each)
        await asyncio.sleep(0)
    for each in lines.end():
        line(each)


async def _end(process: asyncio.subprocess.Process) -> None:
    """Have the launcher end what it started; should it not manage, end it with everything below it."""
    leader = identify(process.pid)
    if leader is not None:
        process.terminate()
        if not await _drained(process):
            await end_family(leader, patience=0)
    await _drained(process)


async def _drained(process: asyncio.subprocess.Process) -> bool:
    """Whether the process ended in time. Its pipe is read meanwhile, since a process is not over for asyncio while that
    holds something."""
    try:
        async with asyncio.timeout(_LAUNCHER_SECONDS):
            while await _output(process).read(_CHUNK):
                continue
            await process.wait()
    except TimeoutError:
        return False
    return True


def _output(process: asyncio.subprocess.Process) -> asyncio.StreamReader:
    if process.stdout is None:
        raise TypeError("the process was started without a pipe")
    return process.stdout

"""The demo's child processes: in sessions of their own, so that ctrl-c reaches the demo first, and ended for sure."""

from __future__ import annotations

import asyncio
import ctypes
import os
import random
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 15.0
LEFT_SECONDS = 3.0
PR_SET_CHILD_SUBREAPER = 36  # linux/prctl.h
QUIET_PORTS: Sequence[int] = range(16_000, 20_000)
"""Below those that the kernel gives to outgoing connections, so that none comes in between looking and listening."""


class Child:
    """One child process; its standard error goes to a file, its first line of output can be waited for."""

    def __init__(self, name: str, process: Process) -> None:
        self.name = name
        self._process = process

    @classmethod
    async def start(cls, name: str, argv: Sequence[str], env: Mapping[str, str], errors: Path) -> Child:
        """Start `python -m argv...`."""
        with errors.open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", *argv, env=env, stdout=PIPE, stderr=log, start_new_session=True
            )
        return cls(name, process)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def first_line(self, seconds: float) -> str:
        """What it prints when it is ready; `RuntimeError` when it ends or says nothing in time."""
        if self._process.stdout is None:
            raise RuntimeError(f"{self.name} has no output")
        try:
            line = await asyncio.wait_for(self._process.stdout.readline(), seconds)
        except TimeoutError:
            line = b""
        if not line:
            raise RuntimeError(f"{self.name} did not start")
        return line.decode()

    async def ended(self) -> int:
        """Wait for its end; give its exit status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL to its whole session after 15 s."""
        if self._process.returncode is not None:
            return
        self._process.terminate()
        try:
            await asyncio.wait_for(self._process.wait(), STOP_SECONDS)
        except TimeoutError:
            os.killpg(self._process.pid, signal.SIGKILL)
            await self._process.wait()


def adopt_orphans() -> None:
    """Have whatever outlives its parent below this process become a child of it, so that nothing can be lost sight
    of."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants() -> list[int]:
    """All processes below this one that have not ended."""
    parents = {pid: parent for pid in _pids() if (parent := _parent(pid)) is not None}
    below = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in below and pid not in below}:
        below |= more
    return sorted(below - {os.getpid()})


async def end_descendants() -> list[str]:
    """End every process below this one and give their command lines, so that what should have ended by itself can be
    told."""
    left = [f"process {pid} ({_command(pid)})" for pid in descendants()]
    deadline = asyncio.get_running_loop().time() + LEFT_SECONDS
    number = signal.SIGTERM
    while pids := descendants():
        for pid in pids:
            _end(pid, number)
        await asyncio.sleep(0.05)
        if asyncio.get_running_loop().time() > deadline:
            number = signal.SIGKILL
    return left


def free_ports(number: int) -> list[int]:
    """So many ports on which nobody listens, no two the same."""
    found: list[int] = []
    for port in random.sample(QUIET_PORTS, len(QUIET_PORTS)):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            found.append(port)
        if len(found) == number:
            return found
    raise RuntimeError(f"the ports from {QUIET_PORTS[0]} to {QUIET_PORTS[-1]} are all in use; end what uses them")


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child is given: enough to run and show text, and none of the owner's own box settings."""
    kept = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")
    return {name: environ[name] for name in kept if name in environ}


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _parent(pid: int) -> int | None:
    """The parent of a process; None when it has ended, if only its parent does not know yet."""
    try:
        state, parent = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(") ")[2].split()[:2]
    except (OSError, ValueError):
        return None
    return None if state in {"Z", "X"} else int(parent)


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()[:200]
    except OSError:
        return "ended"


def _end(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return

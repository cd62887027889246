"""The demo's child processes: in sessions of their own, so that ctrl-c reaches the demo first, and ended for sure."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from pathlib import Path

STOP_SECONDS = 15.0


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


def free_port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def clean_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child is given: enough to run and show text, and none of the owner's own box settings."""
    kept = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "TERM", "TZ", "PYTHONPATH", "VIRTUAL_ENV", "TMPDIR")
    return {name: environ[name] for name in kept if name in environ}

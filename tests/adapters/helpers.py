"""What several tests of adapters need."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

STRAY = """
import os, sys, time
if os.fork():
    sys.exit()
os.setsid()
if os.fork():
    sys.exit()
open(sys.argv[1], "w").write(str(os.getpid()))
time.sleep(600)
"""
"""A program whose grandchild leaves its session and writes its number to the file named first."""


async def until(check: Callable[[], bool], seconds: float = 10) -> None:
    """Return once the check holds."""
    deadline = time.monotonic() + seconds
    for _ in count():
        if check():
            return
        assert time.monotonic() < deadline, "it did not come to hold in time"
        await asyncio.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def pid_in(file: Path) -> int:
    """The number that a child writes to the file, once it is there."""
    await until(lambda: file.exists() and bool(file.read_text()))
    return int(file.read_text())

"""What an owner waits for: the pages of lists through the socket, and the terminal UI's first picture."""

from __future__ import annotations

import asyncio
import fcntl
import os
import pty
import select
import signal
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.client.box_client import BoxClient
from tests.bench.boxes import ROOT, Box, environment, project, running, seed
from tests.bench.report import Line, Peer, middle, size
from tests.bench.stores import cpu, filled, memory

_SECONDS: Final = 30.0
_PAGE: Final = 10
_LISTS: Final[dict[str, Callable[[BoxClient], Awaitable[object]]]] = {
    "verdicts": lambda client: client.verdicts(limit=_PAGE),
    "verdicts_of_project": lambda client: client.verdicts("app-00007", limit=_PAGE),
    "deployments": lambda client: client.deployments("app-00007", limit=_PAGE),
    "project": lambda client: client.project("app-00007"),
}
"""Pages as long in the small box as in the large one."""


def lists() -> Iterator[Line]:
    """Pages of lists through the socket of a box with many projects and deliveries, against one with few, in turn."""
    projects, deliveries, rounds = size(20, 1000, 1000), size(500, 100_000, 1_000_000), size(5, 60, 200)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, ExitStack() as stack:
        small = stack.enter_context(running(filled(Path(folder) / "small", 10, _PAGE * 10)))
        large = stack.enter_context(running(filled(Path(folder) / "large", projects, deliveries)))
        for name, (theirs, ours) in asyncio.run(_ask(small, large, rounds)).items():
            yield Line(
                name=f"lists.{name}",
                unit="ms",
                ours=ours,
                peer=Peer(name="the same with 10 projects and 100 deliveries", value=theirs),
                budget=1.5,
                runs=rounds,
                more={"projects": projects, "deliveries": deliveries},
            )


async def _ask(small: Box, large: Box, rounds: int) -> dict[str, tuple[float, float]]:
    took: dict[str, tuple[list[float], list[float]]] = {name: ([], []) for name in _LISTS}
    for box in (small, large):
        while not (box.home / "box.sock").exists():  # noqa: ASYNC110 - opened right after the public door
            await asyncio.sleep(0.01)
    async with BoxClient.dial(small.home / "box.sock") as few, BoxClient.dial(large.home / "box.sock") as many:
        for number in range(rounds + 2):
            for name, ask in _LISTS.items():
                for client, times in zip((few, many), took[name], strict=True):
                    began = time.perf_counter()
                    await ask(client)
                    if number >= 2:  # the first ones open connections and fill caches
                        times.append(1000 * (time.perf_counter() - began))
    return {name: (middle(theirs), middle(ours)) for name, (theirs, ours) in took.items()}


def attach() -> Iterator[Line]:
    """From the start of the terminal UI to a picture with the projects in it, on a box that runs, in a terminal."""
    projects, rounds = size(20, 200, 200), size(1, 5, 15)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "home"
        seed(home, [project(number) for number in range(1, projects + 1)])
        with running(home) as box:
            seen, bare = [], []
            for _ in range(rounds + 1):
                seen.append(_painted(box, "nanoscale_box"))
                bare.append(_painted(box, "tests.bench.peers.bare_textual"))
    seen, bare = seen[1:], bare[1:]  # the first ones compile what they import
    more: dict[str, object] = {
        "projects": projects,
        "slowest": f"{max(one.seconds for one in seen):.2f} s",
        "cpu_s": round(middle([one.cpu_seconds for one in seen]), 2),
        "bare_textual_s": round(middle([one.seconds for one in bare]), 2),
        "bare_textual_cpu_s": round(middle([one.cpu_seconds for one in bare]), 2),
        "rss_mb": max(one.megabytes for one in seen),
        "load_average": round(os.getloadavg()[0], 1),
    }
    yield Line(name="attach", unit="s", ours=middle([one.seconds for one in seen]), budget=1.0, runs=rounds, more=more)


@dataclass(frozen=True, slots=True, kw_only=True)
class Painted:
    """What a terminal UI took up to its first picture."""

    seconds: float
    cpu_seconds: float
    megabytes: float


def _painted(box: Box, module: str) -> Painted:
    """Start a module in a terminal of its own, and wait for the projects on it."""
    env = {**environment(box.home, box.port), "TERM": "xterm-256color", "HOME": str(box.home)}
    began = time.perf_counter()
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        os.execve(sys.executable, [sys.executable, "-m", module], env)
    try:
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        _read_until(terminal, b"app-00002", began)
        return Painted(
            seconds=time.perf_counter() - began, cpu_seconds=cpu(pid), megabytes=float(str(memory(pid)["rss_mb"]))
        )
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


def _read_until(terminal: int, words: bytes, began: float) -> None:
    said = b""
    while words not in said:
        if time.perf_counter() - began > _SECONDS:
            raise RuntimeError(f"the terminal UI showed no project: {said[-500:]!r}")
        if select.select([terminal], [], [], 1.0)[0]:
            said += os.read(terminal, 65536)

"""Deliveries taken in per second at 32 connections, and how long the slowest of a hundred waits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

from tests.bench.boxes import ROOT, pinned, project, running, seed
from tests.bench.deliveries import STRAY_REPO_ID, Pushes
from tests.bench.peers.start import Receiver, bare_aiohttp, debian_webhook, octokit
from tests.bench.report import Line, Peer, middle, size

CONNECTIONS: Final = 32
_BUDGETS: Final = {"ingest.octokit": 0.8, "ingest.webhook": 2.5, "ingest.p99": 2.0}
_Start = Callable[[Path, int | None], AbstractContextManager[Receiver]]


def against_octokit() -> Iterator[Line]:
    """Recorded and decided by us, neither by them: pushes to a branch nobody deploys, then to a repository without
    project."""
    yield _faster("ingest.octokit", octokit, Pushes())
    yield _faster("ingest.octokit", octokit, Pushes(repo_id=STRAY_REPO_ID), suffix=".no_project")


def against_webhook() -> Iterator[Line]:
    """The same pushes, against Debian's receiver."""
    yield _faster("ingest.webhook", debian_webhook, Pushes())


def p99() -> Iterator[Line]:
    """The answer that only one in a hundred is slower than, against aiohttp that does nothing but check."""
    ours, theirs, rounds, name = _rounds(bare_aiohttp, Pushes())
    yield Line(
        name="ingest.p99",
        unit="ms",
        ours=middle([one["p99_ms"] for one in ours]),
        peer=Peer(name=name, value=middle([one["p99_ms"] for one in theirs])),
        budget=_BUDGETS["ingest.p99"],
        runs=rounds,
        more=_where_time_goes(ours, theirs),
    )


def load(
    port: int, count: int, *, pushes: Pushes | None = None, connections: int = CONNECTIONS, rate: float | None = None
) -> dict[str, Any]:
    """Have another process send that many deliveries; give what it saw."""
    wanted = {
        "port": port,
        "count": count,
        "connections": connections,
        "rate": rate,
        "pushes": asdict(pushes or Pushes()),
    }
    argv = pinned(_cores()[1], [sys.executable, "-m", "tests.bench.load", json.dumps(wanted)])
    told = subprocess.run(argv, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=600).stdout
    seen: dict[str, Any] = json.loads(told)
    if seen["answered"] != count:
        raise RuntimeError(f"not every delivery was taken: {seen['statuses']}")
    return seen


def _faster(name: str, start: _Start, pushes: Pushes, suffix: str = "") -> Line:
    ours, theirs, rounds, peer = _rounds(start, pushes)
    return Line(
        name=name + suffix,
        unit="deliveries/s",
        ours=middle([one["per_second"] for one in ours]),
        peer=Peer(name=peer, value=middle([one["per_second"] for one in theirs])),
        budget=_BUDGETS[name],
        at_least=True,
        runs=rounds,
        more=_where_time_goes(ours, theirs),
    )


def _rounds(start: _Start, pushes: Pushes) -> tuple[list[dict[str, Any]], list[dict[str, Any]], int, str]:
    """Ours and theirs in turn, in rounds shorter than a second, so that whatever else the machine does falls on both; a
    first and longer one warms both up."""
    each, rounds = size(300, 2000, 4000), size(1, 25, 45)
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        peer = stack.enter_context(start(folder, _cores()[0]))
        seed(folder / "home", [project()])
        box = stack.enter_context(running(folder / "home", core=_cores()[0]))
        for turn in range(rounds + 1):
            for process, port, seen in ((box.process, box.port, ours), (peer.process, peer.port, theirs)):
                count = each if turn else 4 * each
                before = _cpu_seconds(process.pid)
                told = load(port, count, pushes=pushes)
                told["per_second"] = count / told["seconds"]
                told["cpu_us"] = (_cpu_seconds(process.pid) - before) / count * 1e6
                if turn:
                    seen.append(told)
    return ours, theirs, rounds, peer.name


def _where_time_goes(ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> dict[str, object]:
    def of(seen: list[dict[str, Any]], name: str) -> float:
        return round(middle([one[name] for one in seen]), 1)

    names = ("per_second", "p50_ms", "p99_ms", "cpu_us")
    return {
        "ours_detail": {name: of(ours, name) for name in names},
        "peer_detail": {name: of(theirs, name) for name in names},
        "load_average": round(os.getloadavg()[0], 1),
    }


def _cores() -> tuple[int | None, int | None]:
    """One core for the receiver, one for the sender; where there is one only, the system shares it out."""
    cores = sorted(os.sched_getaffinity(0))
    return (cores[0], cores[1]) if len(cores) > 1 else (None, None)


def _cpu_seconds(pid: int) -> float:
    """What the process used so far, in both modes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

"""The store grown large: decisions and lists with a million deliveries, and how soon a box answers after a crash."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import (
    DeliveryId,
    DeliveryRow,
    Deployment,
    DeploymentId,
    EventKind,
    News,
    Outcome,
    ProjectId,
    RepoId,
    Sha,
    Trigger,
    Verdict,
    VerdictId,
)
from nanoscale_box.engine.records import Page, Records
from nanoscale_box.store.database import Database
from nanoscale_box.store.records import StoreRecords
from nanoscale_box.store.sql import Sql
from tests.bench.boxes import end, project, running, seed
from tests.bench.deliveries import REPO_ID
from tests.bench.ingest import load
from tests.bench.report import Line, Peer, middle, size

_CHUNK: Final = 1000
_PAGE: Final = Page(limit=50)


def million() -> Iterator[Line]:
    """Reads of a store with a thousand projects and a million deliveries, against the same of one with ten."""
    projects, deliveries, rounds = size(20, 1000, 1000), size(2_000, 1_000_000, 1_000_000), size(20, 400, 400)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        small = filled(Path(folder) / "small", 10, 10)
        large = filled(Path(folder) / "large", projects, deliveries)
        for name, work in _READS.items():
            theirs, ours = asyncio.run(_compare(small, large, work, rounds))
            yield Line(
                name=f"store.million.{name}",
                unit="us",
                ours=ours,
                peer=Peer(name="the same with 10 projects and 10 deliveries", value=theirs),
                budget=1.5,
                runs=rounds,
            )


def boot() -> Iterator[Line]:
    """`kill -9` with a row queued for each of so many projects, and as many deliveries recorded: until it answers
    again."""
    projects, deliveries, rounds = size(20, 10_000, 10_000), size(200, 10_000, 10_000), size(1, 3, 5)
    took = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "home"
        filled(home, projects, deliveries, queued=True)
        for _ in range(rounds):
            with ExitStack() as stack:
                box = stack.enter_context(running(home))
                load(box.port, 200)
                os.kill(box.process.pid, signal.SIGKILL)
                box.process.wait()
            with ExitStack() as stack:
                took.append(stack.enter_context(running(home)).ready_seconds)
    more: dict[str, object] = {"deliveries": deliveries, "queued": projects, "slowest": round(max(took), 2)}
    yield Line(name="boot.10k", unit="s", ours=middle(took), budget=2.0, runs=rounds, more=more)


def idle() -> Iterator[Line]:
    """What a box with twenty projects takes while nothing happens."""
    seconds = size(1, 30, 120)
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        home = Path(folder) / "home"
        seed(home, [project(number) for number in range(1, 21)])
        with running(home) as box:
            time.sleep(min(3, seconds))
            before = cpu(box.process.pid)
            time.sleep(seconds)
            share = 100 * (cpu(box.process.pid) - before) / seconds
            yield Line(name="idle", unit="% of a core", ours=share, budget=1.0, runs=1, more=memory(box.process.pid))
            end(box.process)


def filled(home: Path, projects: int, deliveries: int, *, queued: bool = False) -> Path:
    """A home with that many projects, each on a repository of its own, and deliveries spread over them."""
    made = [project(number, REPO_ID + number) for number in range(1, projects + 1)]
    seed(home, made)
    _fill(home, [one.id for one in made], deliveries, queued=queued)
    return home


def _fill(home: Path, projects: Sequence[ProjectId], deliveries: int, *, queued: bool) -> None:
    """Write as fast as SQLite can: what is measured is reading."""
    with closing(sqlite3.connect(home / "box.db", isolation_level=None)) as connection:
        for setting in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -2000000"):
            connection.execute(f"PRAGMA {setting}")
        records = StoreRecords(Sql(connection), reads_only=False)
        connection.execute("BEGIN")
        for first in range(0, deliveries, _CHUNK):
            _add(records, projects=projects, numbers=range(first, min(deliveries, first + _CHUNK)))
        if queued:
            _queue(records, projects=projects)
        connection.execute("COMMIT")


def _add(records: Records, *, projects: Sequence[ProjectId], numbers: range) -> None:
    now = datetime.now(UTC)
    rows, verdicts, news = [], [], []
    for number in numbers:
        project_id = projects[number % len(projects)]
        sha = Sha(f"{number * 2654435761 % 2**64:016x}" * 2 + f"{number:08x}")
        delivery_id = DeliveryId(f"{sha[:8]}-{sha[8:12]}-4{sha[13:16]}-8{sha[17:20]}-{number:012x}")
        verdict = Verdict(
            id=VerdictId(f"ver_{number:026d}"),
            source=Trigger.PUSH,
            outcome=Outcome.IGNORED,
            code="other_branch",
            reason="the push went to feature; this deploys main",
            at=now,
            project_id=project_id,
            delivery_id=delivery_id,
            ref="refs/heads/feature",
            sha=sha,
        )
        rows.append(
            DeliveryRow(
                id=f"dlv_{number:026d}",
                delivery_id=delivery_id,
                event_type="push",
                body_digest=sha,
                hook_id="1",
                created_at=now,
                repo_id=RepoId(REPO_ID + 1 + number % len(projects)),
                ref="refs/heads/feature",
                head_commit=sha,
                handled=True,
                status_code=200,
            )
        )
        verdicts.append(verdict)
        news.append(News(kind=EventKind.VERDICT, at=now, data={"id": verdict.id}, project_id=project_id))
    records.deliveries.add_all(rows)
    records.verdicts.add_all(verdicts)
    records.events.add_all(news)


def _queue(records: Records, *, projects: Sequence[ProjectId]) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    for number, project_id in enumerate(projects):
        row = Deployment(
            id=DeploymentId(f"dep_{number:026d}"),
            project_id=project_id,
            number=records.deployments.next_number(project_id),
            trigger=Trigger.PUSH,
            state=DeploymentState.QUEUED,
            queued_at=later,
            due_at=later,
            burst_since=later,
            sha=Sha(f"{number:040x}"),
            ref="refs/heads/main",
        )
        records.deployments.add(row)


def _decision(records: Records) -> None:
    """What the decision on a push reads."""
    project_id = ProjectId(f"prj_{7:026d}")
    records.deliveries.known([DeliveryId("00000000-0000-4000-8000-000000000000")])
    records.projects.on_repository(RepoId(REPO_ID + 7))
    records.deliveries.count_same_push(RepoId(REPO_ID + 7), "refs/heads/main", Sha("a" * 40), Sha("b" * 40))
    records.deployments.queued(project_id)
    records.deployments.running(project_id)
    records.deployments.latest(project_id)
    records.deployments.last_failed(project_id)


_READS: Final[dict[str, Callable[[Records], object]]] = {
    "decision": _decision,
    "deliveries": lambda records: records.deliveries.list(replace(_PAGE, limit=5)),
    "verdicts": lambda records: records.verdicts.list(None, replace(_PAGE, limit=5)),
    "verdicts_of_project": lambda records: records.verdicts.list(ProjectId(f"prj_{7:026d}"), replace(_PAGE, limit=1)),
    "project": lambda records: records.projects.by_name("app-00007"),
    "events": lambda records: records.events.last_id(),
}
"""Pages as long in the small store as in the large one, so that the same is compared."""


async def _compare(small: Path, large: Path, work: Callable[[Records], object], rounds: int) -> tuple[float, float]:
    """Microseconds of one read in either store, in turn."""
    took: tuple[list[float], list[float]] = ([], [])
    databases = [await Database.open(home / "box.db") for home in (small, large)]
    for _ in range(rounds):
        for database, times in zip(databases, took, strict=True):
            times.append(await database.read(partial(_timed, work)))
    for database in databases:
        await database.close()
    return middle(took[0]), middle(took[1])


def _timed(work: Callable[[Records], object], records: Records) -> float:
    began = time.perf_counter()
    work(records)
    return 1e6 * (time.perf_counter() - began)


def cpu(pid: int) -> float:
    """Seconds of computing a process took so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory(pid: int) -> dict[str, object]:
    """What a process has in memory now, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    resident = next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))
    return {"rss_mb": round(resident / 1024, 1), "projects": 20}

"""Acknowledgements while a 90 MB repository is fetched and built."""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import aiohttp

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.wire import requests, shapes
from tests.adapters.git_fixtures import git_server, make_repository
from tests.bench.boxes import Box, running, seed
from tests.bench.boxes import project as linked
from tests.bench.ingest import load
from tests.bench.report import Line, size

_ENDED = {"live", "failed", "superseded", "cancelled"}
_HASH = "import hashlib, pathlib; [hashlib.sha512(p.read_bytes() * 8) for p in pathlib.Path().rglob('*.bin')]"
_BUILD = f'python3 -c "{_HASH}"'


def while_building() -> Iterator[Line]:
    """The slowest acknowledgement, and how late the event loop answers the simplest question (an upper bound of its
    lag)."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        seen = asyncio.run(_measure(Path(folder)))
    late = sorted(seen["late_ms"])
    more: dict[str, object] = {name: seen[name] for name in ("megabytes", "deploy_seconds", "state", "acknowledged")}
    more["load_average"] = round(os.getloadavg()[0], 1)
    yield Line(name="ack.while_building", unit="ms", ours=seen["slowest_ms"], budget=1000, runs=1, more=more)
    lag = late[min(len(late) - 1, len(late) * 99 // 100)]
    more = {"probes": len(late), "p50_ms": round(late[len(late) // 2], 2), "max_ms": round(late[-1], 1)}
    yield Line(name="ack.while_building.lag_p99", unit="ms", ours=lag, budget=50, runs=1, more=more)


async def _measure(folder: Path) -> dict[str, Any]:
    megabytes = size(2, 90, 90)
    repository = make_repository(folder, "ada/large")
    await asyncio.to_thread(_commit, repository, megabytes)
    home = folder / "home"
    await asyncio.to_thread(seed, home, [linked()])
    async with git_server(folder) as server:
        hosts = server.url.removeprefix("http://")
        waiting = running(home, NANOSCALE_MANUAL_HOSTS=hosts, NANOSCALE_DEBOUNCE_SECONDS="0")
        box = await asyncio.to_thread(waiting.__enter__)
        try:
            return {"megabytes": megabytes, **await _deploy(box, server.address("ada/large"))}
        finally:
            await asyncio.to_thread(waiting.__exit__, None, None, None)


def _commit(repository: Any, megabytes: int) -> None:  # noqa: ANN401 - a repository of the fixtures
    random = Random(90)
    each = 24 * 1024
    count = megabytes * 1024 * 1024 // each
    repository.commit(
        {
            "index.html": b"<h1>large</h1>",
            **{f"data/{number % 64}/{number}.bin": random.randbytes(each) for number in range(count)},
        }
    )


async def _deploy(box: Box, url: str) -> dict[str, Any]:
    asked = requests.CreateProject(repo_url=url, branch="main", name="large", build_command=_BUILD)
    over = asyncio.Event()
    while not (box.home / "box.sock").exists():  # noqa: ASYNC110 - opened right after the public door
        await asyncio.sleep(0.01)
    async with BoxClient.dial(box.home / "box.sock") as client:
        probing = asyncio.create_task(_probe(box, over))
        began = time.perf_counter()
        created = await client.create_project(asked)
        sending = asyncio.create_task(asyncio.to_thread(_send, box, over))
        ended = await _end(client, created.deployment.id)
        took = time.perf_counter() - began
        over.set()
    sent = await sending
    return {
        "deploy_seconds": round(took, 1),
        "state": ended.state if ended.error is None else f"{ended.state}: {ended.error.detail}",
        "late_ms": await probing,
        "slowest_ms": max(one["max_ms"] for one in sent),
        "acknowledged": sum(one["answered"] for one in sent),
    }


async def _end(client: BoxClient, deployment_id: str) -> shapes.Deployment:
    while True:
        found = await client.deployment(deployment_id)
        if found.state in _ENDED:
            return found
        await asyncio.sleep(0.1)


def _send(box: Box, over: asyncio.Event) -> list[dict[str, Any]]:
    """Fifty deliveries a second until it is over."""
    sent: list[dict[str, Any]] = []
    while not sent or not over.is_set():
        sent.append(load(box.port, 50, connections=8, rate=50))
    return sent


async def _probe(box: Box, over: asyncio.Event) -> list[float]:
    """Ask for a sign of life every ten milliseconds."""
    late = []
    async with aiohttp.ClientSession() as session:
        while not over.is_set():
            asked = time.perf_counter()
            async with session.get(box.url("/healthz")) as answer:
                await answer.read()
            late.append(1000 * (time.perf_counter() - asked))
            await asyncio.sleep(0.01)
    return late

"""Kills a box at random while pushes come in, and says afterwards what became of each of them."""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from tests.campaigns.audit import Figures, audit
from tests.campaigns.hub import Hub
from tests.campaigns.sender import Orders
from tests.e2e.harness import CHECKOUT, SERVER, Box, box_in, settings_for

ONCE = """
import fcntl, os, pathlib
data = pathlib.Path(os.environ["DATA_DIR"])
held = open(data / pathlib.Path.cwd().as_posix().replace("/", "_"), "w")
try:
    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
except BlockingIOError:
    (data / "twice").open("a").write(f"{pathlib.Path.cwd()}\\n")
"""
"""An app that notes it when the same release runs a second time beside it."""
SETTINGS = {
    "NANOSCALE_DEBOUNCE_SECONDS": "0.2",
    "NANOSCALE_DEBOUNCE_MAX_SECONDS": "1",
    "NANOSCALE_POLL_SECONDS": "2",
    "NANOSCALE_BUILDS_AT_ONCE": "2",
    "NANOSCALE_KEEP_RELEASES": "2",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How large a campaign is: it ends after so many kills and acknowledged deliveries, or when the time is over."""

    kills: int
    deliveries: int
    seconds: float
    sites: int = 2
    apps: int = 1
    rumours: int = 4
    connections: int = 4
    pause: float = 0.02
    life: float = 0.8
    """Seconds that a box lives on average once it answers; a quarter is killed before."""


@dataclass(slots=True, kw_only=True)
class Campaign:
    """One box, its GitHub and its sender."""

    size: Size
    box: Box
    hub: Hub
    chance: random.Random
    repos: dict[str, int] = field(default_factory=dict)
    kills: int = 0
    kills_in_boot: int = 0
    acknowledged: int = 0
    boot: float = 1.0
    """Seconds that the last boot took."""
    visits: Counter[str] = field(default_factory=Counter)

    async def prepare(self) -> None:
        """A connected box with a live project for each repository."""
        await self.hub.register(self.box)
        await self.box.start()
        await self.hub.connect(self.box)
        first = {"index.html": "0", "page.txt": "0"}
        for number in range(self.size.sites):
            self.repos[f"site{number}"] = await self.hub.repository(f"site{number}", first)
        app = {**first, "app.py": ONCE + SERVER, "nanoscale.toml": 'run_command = "python3 app.py"\n'}
        for number in range(self.size.apps):
            self.repos[f"app{number}"] = await self.hub.repository(f"app{number}", app)
        async with self.box.client() as client:
            made = [await self.hub.create(client, repo_id, name) for name, repo_id in self.repos.items()]
        for one in made:
            assert (await self.box.end_of(one.id)).state == "live"

    async def run(self) -> Figures:
        """Kill and kill again; then let it rest, and look."""
        began = time.monotonic()
        log = self.box.folder / "sent.jsonl"
        visiting = asyncio.create_task(self._visit())
        with self._sender(log) as process:
            while not self._enough(log) and time.monotonic() - began < self.size.seconds:
                assert process.poll() is None, "the sender ended"
                await self._one_life()
        last = {name: await self.hub.push(name, {"index.html": "last", "page.txt": "last"}) for name in self.repos}
        await self.box.start()
        told = time.monotonic() - began
        figures = Figures(
            kills=self.kills,
            kills_in_boot=self.kills_in_boot,
            seconds=round(told, 1),
            acknowledged=self._acknowledged(log),
        )
        heads = {name: str(moved["after"]) for name, moved in last.items()}
        await audit(self.box, heads, log, figures)
        visiting.cancel()
        await asyncio.gather(visiting, return_exceptions=True)
        figures.visits = self.visits["ok"]
        figures.visits_failed = dict(self.visits - Counter(ok=self.visits["ok"]))
        return figures

    def _enough(self, log: Path) -> bool:
        return self.kills >= self.size.kills and self._acknowledged(log) >= self.size.deliveries

    def _acknowledged(self, log: Path) -> int:
        with log.open("rb") as lines:
            return sum(b'"status": 2' in line for line in lines)

    async def _one_life(self) -> None:
        """Start the box, and kill it: while it starts, or some time after it answers."""
        in_boot = self.chance.random() < 0.25
        spawned = time.monotonic()
        if in_boot:
            process = self.box.spawn()
            await asyncio.sleep(self.chance.uniform(0, self.boot))
            assert process.poll() is None, f"the box ended by itself:\n{self.box.log[-3000:]}"
        else:
            await self.box.start()
            self.boot = time.monotonic() - spawned
            await asyncio.sleep(self.chance.expovariate(1 / self.size.life))
        self.box.kill()
        self.kills += 1
        self.kills_in_boot += in_boot

    @contextmanager
    def _sender(self, log: Path) -> Iterator[subprocess.Popen[bytes]]:
        orders = Orders(
            hub=self.hub.url,
            listen=self.box.settings["NANOSCALE_LISTEN"],
            secret=self.hub.secret,
            repos=self.repos,
            log=str(log),
            rumours=self.size.rumours,
            connections=self.size.connections,
            pause=self.size.pause,
            seed=self.chance.getrandbits(32),
        )
        log.touch()
        argv = [sys.executable, "-m", "tests.campaigns.sender", msgspec.json.encode(orders).decode()]
        process = subprocess.Popen(argv, cwd=CHECKOUT, stdin=subprocess.PIPE)
        assert process.stdin is not None
        try:
            yield process
        finally:
            process.stdin.close()
            process.wait(30)

    async def _visit(self) -> None:
        """Look at every page again and again: it must always be there, and never an older one than before."""
        newest: dict[str, int] = {}
        while True:
            for name in self.repos:
                try:
                    status, text = await self.box.page(f"{name}.localhost")
                except (aiohttp.ClientError, TimeoutError) as error:
                    self.visits[type(error).__name__] += 1
                    continue
                page = sys.maxsize if text == "last" else int(text) if text.isdigit() else -1
                seen = "ok" if status == 200 and page >= newest.get(name, 0) else f"{status} {text[:60]}"
                self.visits[seen] += 1
                newest[name] = max(page, newest.get(name, 0))
            await asyncio.sleep(0.1)


async def campaign(folder: Path, size: Size, seed: int) -> Figures:
    """Do all of it in a folder of its own. Nothing runs there afterwards."""
    with sandbox_in(folder / "github") as hub:
        settings = {**settings_for(folder / "box", None), **SETTINGS}
        async with box_in(folder / "box", None, **settings) as box:
            made = Campaign(size=size, box=box, hub=hub, chance=random.Random(seed))
            await made.prepare()
            box.kill()
            return await made.run()


@contextmanager
def sandbox_in(folder: Path) -> Iterator[Hub]:
    """A sandbox as a process of its own."""
    folder.mkdir(parents=True)
    words = ["--home", str(folder), "--die-with-parent", "--rate-limit", "1000000000"]
    argv = [sys.executable, "-m", "nanoscale_box.sandbox", *words]
    process = subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        ready: dict[str, Any] = json.loads(process.stdout.readline())
        yield Hub(url=ready["url"], api_url=ready["api_url"])
    finally:
        process.terminate()
        process.wait(10)
        process.stdout.close()

"""Records what a box writes while deliveries come in, cuts the power at every sync, and looks at what is left."""

from __future__ import annotations

import asyncio
import json
import random
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

import aiohttp

from tests.bench.boxes import environment, project, seed
from tests.bench.deliveries import REPO_ID, SECRET
from tests.campaigns.disk import Disk, Keep, cut_short, kept, lost, torn
from tests.campaigns.postman import Letter, post, push_letter
from tests.campaigns.trace import Event, Said, Sync, read, recorder
from tests.e2e.harness import Box, box_in
from tests.engine.house import fast_folder
from tests.ports import free_port

SHARED_MEMORY: Final = "box.db-shm"
"""No power cut leaves this one: it is a map of memory, made anew by whoever opens the database first."""
_ACKNOWLEDGED: Final = re.compile(rb'^HTTP/1\.1 20[02] .*"delivery_id":"([0-9a-f-]{36})"', re.DOTALL)


@dataclass(slots=True, kw_only=True)
class Recording:
    """What happened, what lay there before, and what was sent."""

    home: Path
    before: dict[str, bytes]
    events: list[Event] = field(default_factory=list)
    letters: dict[str, Letter] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What a power cut may leave, and which deliveries had been acknowledged by then."""

    number: int
    folder: Path
    acknowledged: frozenset[str]


@dataclass(slots=True, kw_only=True)
class Figures:
    """What a campaign comes to. `broken` tells each promise that was not kept, one sentence each."""

    deliveries: int = 0
    syncs: int = 0
    states: int = 0
    boots: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether every promise was kept."""
        return not self.broken

    def as_json(self) -> str:
        return json.dumps(asdict(self))


async def campaign(folder: Path, *, chance: random.Random, deliveries: int, each: int, boots: int) -> Figures:
    """Record, cut the power at every sync, and look at each state; on some of them start a whole box."""
    made = await record(folder / "box", deliveries, chance)
    syncs = sum(isinstance(one, Sync) for one in made.events)
    figures = Figures(syncs=syncs)
    at_least = syncs * (3 + 2 * each)
    boot_on = set(chance.sample(range(1, at_least), boots))
    known: frozenset[str] = frozenset()
    with tempfile.TemporaryDirectory(prefix="powercut-", dir=fast_folder()) as fast:
        for state in states(made, Path(fast) / "left", chance, each):
            figures.states += 1
            known = state.acknowledged
            told = await asyncio.to_thread(wrong_with, state)
            if told is None and state.number in boot_on:
                figures.boots += 1
                told = await boots_on(made, state, folder / f"boot{state.number}")
            if told:
                figures.broken.append(told)
    figures.deliveries = len(known)
    if unseen := set(made.letters) - known:
        figures.broken.append(f"{len(unseen)} acknowledgements are not in the recording")
    return figures


async def record(folder: Path, deliveries: int, chance: random.Random) -> Recording:
    """Run a box on a seeded home; send so many deliveries over some connections; stop it in order, which makes SQLite
    copy its log into the file."""
    home = folder / "home"
    await asyncio.to_thread(seed, home, [project()])
    async with _box(folder, home) as box:
        await box.start()  # a first life, so that keys and all are there
        box.kill()
        made = Recording(home=home, before={file.name: file.read_bytes() for file in home.glob("box.db*")})
        box.prefix = recorder(folder / "trace")
        await box.start()
        await _send(box, made, deliveries, chance)
        await box.stop()
    made.events = [one for one in read(folder / "trace", home) if not getattr(one, "name", "").endswith("-shm")]
    return made


def _box(folder: Path, home: Path) -> AbstractAsyncContextManager[Box]:
    settings = environment(home, free_port())
    return box_in(folder, None, **{name: value for name, value in settings.items() if name.startswith("NANOSCALE_")})


async def _send(box: Box, made: Recording, deliveries: int, chance: random.Random) -> None:
    """Pushes to the project's branch and to others, so that all kinds of rows are written."""
    async with aiohttp.ClientSession() as http, asyncio.TaskGroup() as group:

        async def some(count: int) -> None:
            for _ in range(count):
                moved = {name: f"{chance.getrandbits(160):040x}" for name in ("before", "after")}
                ref = chance.choice(["refs/heads/main", "refs/heads/feature"])
                letter = push_letter(SECRET, REPO_ID, moved, ref=ref)
                made.letters[letter.delivery_id] = letter
                status, _ = await post(http, box.settings["NANOSCALE_LISTEN"], letter)
                assert status in {200, 202}

        for _ in range(8):
            group.create_task(some(deliveries // 8))


def states(made: Recording, folder: Path, chance: random.Random, each: int = 1) -> Iterator[State]:
    """Every state in which the power is cut right before a sync, right after it, and right after an acknowledgement:
    all that was not synced is lost, all of it is kept, it ends somewhere, or is torn, `each` so many times. A state's
    folder is gone with the next state."""
    disk = Disk()
    for name, content in made.before.items():
        if name != SHARED_MEMORY:
            disk.put(name, content)
    acknowledged: set[str] = set()
    number = 0
    ways: list[Callable[[], Keep]] = [lambda: lost, lambda: kept]
    ways += [lambda: torn(chance), lambda: cut_short(chance)] * each

    def cut(ways: list[Callable[[], Keep]]) -> Iterator[State]:
        nonlocal number
        for way in ways:
            number += 1
            yield _left(disk, way(), folder, number, acknowledged)

    for event in made.events:
        if isinstance(event, Sync):
            yield from cut(ways)
        said = {one.decode() for one in _ACKNOWLEDGED.findall(event.data)} if isinstance(event, Said) else set()
        acknowledged |= said
        disk.happen(event)
        if isinstance(event, Sync) or said:
            yield from cut(ways if said else ways[:1])


def _left(disk: Disk, keep: Keep, folder: Path, number: int, acknowledged: set[str]) -> State:
    """The state in a folder of its own."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    disk.cut(folder, keep)
    return State(number=number, folder=folder, acknowledged=frozenset(acknowledged))


def wrong_with(state: State) -> str | None:
    """Which promise this state breaks, in a sentence; None for none."""
    try:
        with closing(sqlite3.connect(state.folder / "box.db")) as database:
            (integrity,) = database.execute("PRAGMA integrity_check").fetchone()
            rows = database.execute(
                "SELECT delivery_id FROM github_webhook_deliveries JOIN verdicts USING (delivery_id) WHERE handled"
            )
            missing = state.acknowledged - {row[0] for row in rows}
    except sqlite3.DatabaseError as error:
        return f"state {state.number}: {error}"
    if integrity != "ok":
        return f"state {state.number}: the database is damaged: {integrity}"
    return f"state {state.number}: acknowledged and gone: {sorted(missing)}" if missing else None


async def boots_on(made: Recording, state: State, folder: Path) -> str | None:
    """Start a box on what is left; why that is not as promised, or None. Every acknowledged delivery is known there."""
    home = folder / "home"
    shutil.copytree(made.home, home, ignore=shutil.ignore_patterns("box.db*", "*.sock", "ingress", "instances"))
    for file in state.folder.iterdir():
        shutil.copy(file, home)
    async with _box(folder, home) as box, aiohttp.ClientSession() as http:
        await box.start()
        for delivery_id in sorted(state.acknowledged)[-5:]:
            status, told = await post(http, box.settings["NANOSCALE_LISTEN"], made.letters[delivery_id])
            if (status, told.get("status")) != (200, "duplicate"):
                return f"state {state.number}: {delivery_id} was acknowledged and is not known: {status} {told}"
        await box.stop()
    shutil.rmtree(folder)
    return None

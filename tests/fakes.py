"""The engine's ports in memory: a small world that outlives the process using it, which can fail, block or die at any
call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.github_model import Commit
from nanoscale_box.core.model import (
    UNLIMITED,
    Address,
    DataFolder,
    DeploymentId,
    EnvVar,
    EventKind,
    Instance,
    Limits,
    ProjectId,
    Release,
    Sha,
)
from nanoscale_box.core.plan import Health, Plan, Tree
from nanoscale_box.core.tags import newest_tag
from nanoscale_box.engine.kit import Hands
from nanoscale_box.engine.machine import Disk, Outside
from nanoscale_box.engine.ports import Errand, Isolation, Progress, Remote, Spent
from nanoscale_box.engine.records import Ledger, Records

T = TypeVar("T")
BEGIN = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


class Killed(BaseException):
    """What code of a killed process meets wherever it reaches out: it ends there, and nothing of it is undone."""


@dataclass
class Calls:
    """Every call that went out, by name, with what is to happen at some of them. Numbers count from one."""

    names: list[str] = field(default_factory=list)
    plans: dict[int, BaseException] = field(default_factory=dict)
    named_plans: dict[str, list[BaseException | None]] = field(default_factory=dict)
    blocks: dict[int, asyncio.Event] = field(default_factory=dict)
    named_blocks: dict[str, tuple[asyncio.Event, asyncio.Event]] = field(default_factory=dict)

    def count(self, name: str) -> int:
        """How often a call of this name went out."""
        return self.names.count(name)

    def clear(self) -> None:
        """Forget what was, so that numbers count from one again."""
        self.names.clear()

    def fail(self, name: str, *errors: BaseException | None) -> None:
        """Fail the next calls of a name, one error each; None lets one pass."""
        self.named_plans.setdefault(name, []).extend(errors)

    def fail_at(self, number: int, error: BaseException) -> None:
        """Fail the call of this number, whatever its name."""
        self.plans[number] = error

    def block(self, name: str) -> tuple[asyncio.Event, asyncio.Event]:
        """Hold every call of a name: the first event says that one came, the second lets them go."""
        self.named_blocks[name] = (asyncio.Event(), asyncio.Event())
        return self.named_blocks[name]

    def release(self) -> None:
        """Let every call go that is held by its name."""
        for _, go in self.named_blocks.values():
            go.set()
        self.named_blocks.clear()

    def block_at(self, number: int) -> asyncio.Event:
        """Hold the call of this number for good; the event says that it came."""
        self.blocks[number] = asyncio.Event()
        return self.blocks[number]

    def note(self, name: str) -> int:
        """Record a call and raise what was planned for it."""
        self.names.append(name)
        number = len(self.names)
        if number in self.plans:
            raise self.plans.pop(number)
        planned = self.named_plans.get(name)
        error = planned.pop(0) if planned else None
        if error is not None:
            raise error
        return number

    async def hold(self, name: str, number: int) -> None:
        """Wait if this call is to wait."""
        if number in self.blocks:
            self.blocks.pop(number).set()
            await asyncio.Event().wait()
        if name in self.named_blocks:
            came, go = self.named_blocks[name]
            came.set()
            await go.wait()


@dataclass
class World:
    """What is there besides the box: repositories, folders, running apps, routes, time."""

    calls: Calls = field(default_factory=Calls)
    now: datetime = BEGIN
    ids: int = 0
    heads: dict[tuple[str, str], Sha] = field(default_factory=dict)
    """By clone URL and branch."""
    tags: dict[tuple[str, str], Sha] = field(default_factory=dict)
    messages: dict[Sha, str] = field(default_factory=dict)
    trees: dict[Sha, Tree] = field(default_factory=dict)
    broken: set[Sha] = field(default_factory=set)
    """Commits that do not build."""
    ill: set[Sha] = field(default_factory=set)
    """Commits whose app never answers."""
    folders: dict[Release, Sha] = field(default_factory=dict)
    built: set[Release] = field(default_factory=set)
    running: dict[Release, Instance] = field(default_factory=dict)
    environments: dict[Release, tuple[EnvVar, ...]] = field(default_factory=dict)
    limits: dict[Release, Limits] = field(default_factory=dict)
    starts: list[Release] = field(default_factory=list)
    gated: list[Health] = field(default_factory=list)
    errands: list[tuple[str, str]] = field(default_factory=list)
    """Commands that ran once: name and line."""
    ports: int = 20000
    spent: dict[Release, Spent] = field(default_factory=dict)
    """What running releases took of the machine, as far as anybody counts it."""
    hosts: set[str] = field(default_factory=set)
    routes: dict[str, Address] = field(default_factory=dict)
    switches: list[tuple[str, Address]] = field(default_factory=list)
    outages: list[str] = field(default_factory=list)
    """Hosts whose instance was stopped while they led to it."""
    lines: dict[Release, list[str]] = field(default_factory=dict)
    forgotten: list[str] = field(default_factory=list)
    prepared: list[str] = field(default_factory=list)
    discarded: list[ProjectId] = field(default_factory=list)
    died: Callable[[Release], Awaitable[None]] | None = None
    disk: Disk = field(default_factory=lambda: Disk(free=50 * 2**30, total=100 * 2**30))
    unknown_names: set[str] = field(default_factory=set)
    outside: Callable[[str, Sequence[tuple[str, str]], bytes], Awaitable[Outside]] = field(default=lambda *_: nobody())

    def serves(self, host: str) -> Sha | None:
        """The commit that visitors of a host see; None when nobody answers."""
        address = self.routes.get(host) if host in self.hosts else None
        return next((self.folders.get(r) for r, one in self.running.items() if one.address == address), None)

    async def end(self, release: Release) -> None:
        """An app ends by itself."""
        del self.running[release]
        if self.died:
            await self.died(release)


@dataclass
class Process:
    """One life of the daemon in the world; once killed, whatever still runs of it can do nothing any more."""

    world: World
    alive: bool = True

    def note(self, name: str) -> int:
        """Record a call, or end here."""
        if not self.alive:
            raise Killed
        try:
            return self.world.calls.note(name)
        except Killed:
            self.alive = False
            raise

    async def call(self, name: str) -> None:
        """Record a call that may be held."""
        await self.world.calls.hold(name, self.note(name))
        if not self.alive:
            raise Killed


class FakeClock:
    """Stands still until the world's time moves."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now


class FakeIds:
    """Counts, and goes on counting in the next life."""

    def __init__(self, world: World) -> None:
        self._world = world

    def new(self, kind: str) -> str:
        self._world.ids += 1
        return f"{kind}_{self._world.ids:06}"


class FakeAlarms:
    """Keeps alarms until a test lets time pass."""

    def __init__(self, clock: FakeClock) -> None:
        self._clock = clock
        self.pending: dict[str, tuple[datetime, Callable[[], Awaitable[None] | None]]] = {}
        self.repeated: dict[str, tuple[float, Callable[[], Awaitable[None]]]] = {}

    def at(self, when: datetime, name: str, wake: Callable[[], None]) -> None:
        if when <= self._clock.now():
            asyncio.get_running_loop().call_soon(wake)
        else:
            self.pending[name] = (when, wake)

    def once(self, when: datetime, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.pending[name] = (when, work)

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.repeated[name] = (seconds, work)

    def next(self) -> datetime | None:
        """When the next alarm rings."""
        return min((when for when, _ in self.pending.values()), default=None)

    async def ring(self) -> None:
        """Ring what is due."""
        for name, (when, work) in list(self.pending.items()):
            if when <= self._clock.now() and self.pending.get(name) == (when, work):
                del self.pending[name]
                ringing = work()
                if ringing is not None:
                    await ringing


class FakeLedger:
    """The real store, whose commits are calls too: one before, one after."""

    def __init__(self, process: Process, ledger: Ledger) -> None:
        self._process = process
        self._ledger = ledger

    async def write(self, work: Callable[[Records], T]) -> T:
        self._process.note("ledger.write")
        done = await self._ledger.write(work)
        self._process.note("ledger.written")
        return done

    async def read(self, work: Callable[[Records], T]) -> T:
        if not self._process.alive:
            raise Killed
        return await self._ledger.read(work)

    def on_commit(self, notify: Callable[[], object], kind: EventKind | None = None) -> None:
        self._ledger.on_commit(notify, kind)


class FakeSource:
    """Hands out the world's commits."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world
        self.remotes: list[Remote] = []

    async def head(self, remote: Remote, branch: str) -> Sha | None:
        self.remotes.append(remote)
        await self._process.call("source.head")
        return self._world.heads.get((remote.url, branch))

    async def newest_tag(self, remote: Remote, pattern: str) -> tuple[str, Sha] | None:
        self.remotes.append(remote)
        await self._process.call("source.newest_tag")
        tags = {name: sha for (url, name), sha in self._world.tags.items() if url == remote.url}
        name = newest_tag(pattern, tags)
        return (name, tags[name]) if name else None

    async def checkout(self, remote: Remote, branch: str, sha: Sha, release: Release, progress: Progress) -> Commit:
        await self._process.call("source.checkout")
        self._world.folders[release] = sha
        progress(f"checked out {sha}")
        return Commit(sha=sha, subject=self._world.messages.get(sha, f"subject of {sha[-4:]}"), author="Ada")

    def prepare(self, cache_key: str) -> None:
        self._world.prepared.append(cache_key)

    async def forget(self, cache_key: str) -> None:
        await self._process.call("source.forget")
        self._world.forgotten.append(cache_key)


PROCFILE = Tree(files=frozenset({"Procfile"}), texts={"Procfile": "web: serve"}, tools=frozenset())


class FakeBuilder:
    """Builds whatever is not broken."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    async def check_room(self) -> None:
        await self._process.call("builder.check_room")

    async def inspect(self, release: Release, root_directory: str | None) -> Tree:
        await self._process.call("builder.inspect")
        return self._world.trees.get(self._world.folders[release], PROCFILE)

    async def build(
        self,
        release: Release,
        root_directory: str | None,
        plan: Plan,
        env: Sequence[EnvVar],
        progress: Progress,
        limits: Limits = UNLIMITED,
    ) -> None:
        await self._process.call("builder.build")
        if self._world.folders[release] in self._world.broken:
            raise DeployFailed(Code.BUILD_FAILED, "the build failed", hint="read its log")
        self._world.built.add(release)

    async def discard(self, release: Release) -> None:
        await self._process.call("builder.discard")
        self._world.folders.pop(release, None)
        self._world.built.discard(release)

    async def kept(self, project_id: ProjectId) -> set[DeploymentId]:
        await self._process.call("builder.kept")
        return {release.deployment_id for release in self._world.built if release.project_id == project_id}

    async def discard_project(self, project_id: ProjectId) -> None:
        await self._process.call("builder.discard_project")
        self._world.discarded.append(project_id)
        for release in [release for release in self._world.folders if release.project_id == project_id]:
            del self._world.folders[release]
            self._world.built.discard(release)

    async def data(self, project_id: ProjectId) -> DataFolder:
        return DataFolder(path=f"/data/{project_id}", bytes=0, files=0)

    async def clear_cache(self, project_id: ProjectId) -> None:
        await self._process.call("builder.clear_cache")


class FakeRunner:
    """Runs releases in the world, where they outlive the process."""

    isolation = Isolation(by="a world of their own")

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    async def start(
        self,
        release: Release,
        plan: Plan,
        root_directory: str | None,
        env: Sequence[EnvVar],
        limits: Limits = UNLIMITED,
    ) -> Instance:
        await self._process.call("runner.start")
        if release in self._world.running:
            return self._world.running[release]
        self._world.ports += 1
        instance = Instance(release=release, address=Address(f"127.0.0.1:{self._world.ports}"))
        self._world.running[release] = instance
        self._world.environments[release] = tuple(env)
        self._world.limits[release] = limits
        self._world.starts.append(release)
        return instance

    async def run_once(
        self, release: Release, errand: Errand, env: Sequence[EnvVar], progress: Progress, limits: Limits = UNLIMITED
    ) -> None:
        await self._process.call(f"runner.{errand.name}")
        self._world.errands.append((errand.name, errand.command.text))

    async def gate(self, instance: Instance, health: Health) -> None:
        await self._process.call("runner.gate")
        self._world.gated.append(health)
        if self._world.folders.get(instance.release) in self._world.ill:
            raise DeployFailed(Code.NEVER_LISTENED, "the app never listened", hint="listen on $PORT")

    async def find(self, release: Release) -> Instance | None:
        await self._process.call("runner.find")
        return self._world.running.get(release)

    async def stop(self, release: Release) -> None:
        await self._process.call("runner.stop")
        stopped = self._world.running.pop(release, None)
        led = [host for host, address in self._world.routes.items() if stopped and address == stopped.address]
        self._world.outages += led

    async def running(self) -> list[Release]:
        await self._process.call("runner.running")
        return list(self._world.running)

    async def watch(self, died: Callable[[Release], Awaitable[None]]) -> None:
        await self._process.call("runner.watch")
        self._world.died = died

    async def spent(self) -> dict[Release, Spent]:
        return {release: self._world.spent[release] for release in self._world.running if release in self._world.spent}


class FakeIngress:
    """The world's table of routes."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    async def start(self, hosts: Sequence[str]) -> None:
        await self._process.call("ingress.start")
        self._world.hosts = set(hosts)

    async def switch(self, host: str, address: Address) -> None:
        await self._process.call("ingress.switch")
        self._world.routes[host] = address
        self._world.switches.append((host, address))

    async def current(self, host: str) -> Address | None:
        await self._process.call("ingress.current")
        return self._world.routes.get(host)

    async def remove(self, host: str) -> None:
        await self._process.call("ingress.remove")
        self._world.routes.pop(host, None)
        self._world.hosts = self._world.hosts - {host}

    async def drain(self, address: Address, seconds: float) -> None:
        await self._process.call("ingress.drain")
        led = [host for host, there in self._world.routes.items() if there == address]
        assert not led or not self._world.hosts, f"{led} lead there still: it would never end"

    async def stop(self) -> None:
        await self._process.call("ingress.stop")
        self._world.hosts = set()

    def url(self, host: str) -> str:
        return f"http://{host}:8080"


class FakeLogs:
    """Keeps the lines."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world

    def build_line(self, release: Release, line: str) -> None:
        self._process.note("logs.build_line")
        self._world.lines.setdefault(release, []).append(line)

    def close(self, release: Release) -> None:
        self._process.note("logs.close")


class FakeMachine:
    """A machine with room, on a network where every name is known and `World.outside` tells what is answered."""

    def __init__(self, world: World) -> None:
        self._world = world

    def disk(self) -> Disk:
        return self._world.disk

    async def addresses(self, host: str) -> Sequence[str]:
        return () if host in self._world.unknown_names else ("192.0.2.1",)

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Outside:
        return await self._world.outside(url, headers, body)


async def nobody() -> Outside:
    """Nothing is answered anywhere."""
    return Outside(why="connection refused")


def hands(process: Process) -> Hands:
    """All of them."""
    return Hands(
        source=FakeSource(process),
        builder=FakeBuilder(process),
        runner=FakeRunner(process),
        ingress=FakeIngress(process),
        logs=FakeLogs(process),
        machine=FakeMachine(process.world),
    )


def seconds(number: float) -> timedelta:
    """A short word for a span of time."""
    return timedelta(seconds=number)

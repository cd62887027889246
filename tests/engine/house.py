"""A whole engine on a real database, over a world that outlives it: what tests of the engine stand in."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

from nanoscale_box.adapters.vault import Vault, new_key
from nanoscale_box.core.decide import ZERO_SHA, Debounce
from nanoscale_box.core.github import sign
from nanoscale_box.core.github_model import App
from nanoscale_box.core.lifecycle import RUNNING, DeploymentState
from nanoscale_box.core.model import Deployment, InstallationId, Outcome, Project, Receipt, RepoId, Sha, Verdict
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.assembly import Engine, Policy, assemble
from nanoscale_box.engine.creating import Sources
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.records import Page
from nanoscale_box.engine.views import NewProject
from nanoscale_box.store.database import Database
from tests.fake_github import APP, INSTALLATION, REPO, FakeGithub, Hub, installation, repository
from tests.fakes import FakeAlarms, FakeClock, FakeIds, FakeLedger, Killed, Process, World, hands, seconds

PUBLIC = "https://box.example.org"
APP_HOOK = 7
S = DeploymentState
ALL = Page(limit=200)
Delivered = tuple[list[tuple[str, str]], bytes]


def fast_folder() -> Path | None:
    """Where files lie in memory, or None."""
    memory = Path("/dev/shm")
    return memory if os.access(memory, os.W_OK | os.X_OK) else None


def sha(number: int) -> Sha:
    """A commit that tells its number."""
    return Sha(f"{number:040x}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A branch that moved, as every hook tells it."""

    before: Sha
    after: Sha
    ref: str = "refs/heads/main"
    repo_id: int = REPO


class House:
    """One box: kill it, start it again, and look at what is left in the world."""

    def __init__(self, path: Path, *, app: App | None, webhooks: bool, at_once: int, keep: int) -> None:
        self.path = path
        self.world = World()
        self.hub = Hub(
            installations={INSTALLATION: installation()},
            repositories={one.repo_id: one for one in (repository(), repository(1002, "other"))},
        )
        self.vault = Vault([new_key()])
        self.policy = Policy(
            doors=Doors(
                loopback_url="http://127.0.0.1:8787",
                public_url=PUBLIC if webhooks else None,
                webhooks=webhooks,
                github_url="https://github.com",
            ),
            sources=Sources(base_domain="localhost", manual_hosts=("github.com",), development=False),
            debounce=Debounce(quiet=seconds(3), longest=seconds(30)),
            app=app,
            keep_releases=keep,
            drain_seconds=60,
            builds_at_once=at_once,
        )
        self.tasks: list[asyncio.Task[None]] = []
        self._deliveries = 0

    async def start(self, *, boot: bool = True) -> None:
        """Begin a life, as the daemon does."""
        asyncio.get_running_loop().set_exception_handler(_report)
        self.process = Process(self.world)
        self.database = await Database.open(self.path / "box.db")
        self.clock = FakeClock(self.world)
        self.alarms = FakeAlarms(self.clock)
        self.ledger = FakeLedger(self.process, self.database)
        self.github = FakeGithub(self.process, self.hub)
        self.hands = hands(self.process)
        desk = Desk(
            ledger=self.ledger, clock=self.clock, ids=FakeIds(self.world), vault=self.vault, random=self._random
        )
        self.engine: Engine = assemble(desk, self.hands, self.github, self.alarms, self.policy)
        if boot:
            await self.engine.reconciler.boot()
            self.run()

    def run(self) -> None:
        """Let queue and jobs be worked off."""
        self.tasks = [
            asyncio.create_task(self.engine.worker.run(), name="worker"),
            asyncio.create_task(self.engine.jobs.run(), name="jobs"),
        ]

    async def stop(self) -> None:
        """End a life in order."""
        self.engine.jobs.stop()
        await self.engine.retiring.stop()
        await self.engine.worker.stop()
        await self.engine.remotes.settle()
        await self.engine.catalogue.stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.database.close()

    async def kill(self) -> None:
        """End a life at once: nothing more reaches the world or the database."""
        self.process.alive = False
        self.world.calls.release()  # a call that is held belongs to a process that is no more
        works = [task for work in self.engine.worker._works.values() for task in (work.pipeline, work.whole)]
        syncing = [self.engine.catalogue._syncing] if self.engine.catalogue._syncing else []
        tasks = [*self.tasks, *works, *syncing, *self.engine.retiring.tasks, *self.engine.remotes.revoking]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.database.close()

    async def crash_at(self, number: int) -> None:
        """Work on until the process dies at its call of this number; `kill` and `start` come next."""
        self.world.calls.clear()
        self.world.calls.fail_at(number, Killed())
        try:
            await self.idle()
        except Killed:
            return
        raise AssertionError(f"there was no call {number}")

    async def restart(self) -> None:
        """A crash, and the next life."""
        await self.kill()
        await self.start()

    async def connect(self) -> str:
        """Connect the account, as a browser would, and wait for the first sync."""
        begun = await self.engine.accounts.begin_connect("test")
        login = await self.engine.accounts.finish_connect(code="code", state=state_in(begun.url), error=None)
        await self.engine.catalogue.start_sync()
        return login

    async def create(self, name: str = "hello", *, repo_id: int = REPO, branch: str = "main") -> Project:
        """A project on one of GitHub's repositories; its first deployment is queued."""
        asked = NewProject(
            name=name, installation_id=InstallationId(INSTALLATION), repo_id=RepoId(repo_id), selected_branch=branch
        )
        view, _ = await self.engine.projects.create(asked)
        return view.project

    async def live(self, number: int = 1, name: str = "hello", *, repo_id: int = REPO) -> Project:
        """A project of which one commit is live, with its hook; a connected account if there is none yet."""
        if await self.database.read(lambda records: records.github.account()) is None:
            await self.connect()
        self.commit(number, repo_id=repo_id)
        await self.create(name, repo_id=repo_id)
        await self.idle()
        return await self.project(name)

    def commit(self, number: int, *, branch: str = "main", repo_id: int = REPO, message: str = "") -> Moved:
        """Move a branch, without telling the box."""
        key = (self.hub.repositories[RepoId(repo_id)].clone_url, branch)
        before, self.world.heads[key] = self.world.heads.get(key, ZERO_SHA), sha(number)
        if message:
            self.world.messages[sha(number)] = message
        return Moved(before=before, after=sha(number), ref=f"refs/heads/{branch}", repo_id=repo_id)

    async def push(self, number: int, hook: str = "app", *, branch: str = "main", message: str = "") -> Receipt:
        """Move a branch, and tell it by one hook."""
        return await self.deliver(self.commit(number, branch=branch, message=message), hook)

    async def deliver(self, moved: Moved, hook: str = "app", *, delivery_id: str | None = None) -> Receipt:
        """Tell of a move by one hook."""
        return await self.engine.intake.receive(*self.delivery(moved, hook, delivery_id))

    def delivery(
        self, moved: Moved, hook: str = "app", delivery_id: str | None = None, touched: Sequence[str] = ()
    ) -> Delivered:
        """Headers and body as GitHub sends them; without what the commits touched, nobody knows it."""
        commit = {"id": moved.after, "added": [], "removed": [], "modified": list(touched)}
        body = {
            "ref": moved.ref,
            "before": moved.before,
            "after": moved.after,
            "deleted": moved.after == ZERO_SHA,
            "repository": {"id": moved.repo_id, "full_name": "ada/hello"},
            "head_commit": {"message": self.world.messages.get(moved.after, "a change"), "author": {"name": "Ada"}},
            "commits": [commit] if touched else [],
        }
        return self.signed("push", body, hook, delivery_id, repo_id=moved.repo_id)

    def signed(
        self, event: str, body: object, hook: str = "app", delivery_id: str | None = None, *, repo_id: int = REPO
    ) -> Delivered:
        """Any event, signed by one hook."""
        raw = json.dumps(body).encode()
        hook_id, secret = APP_HOOK, APP.webhook_secret
        if hook == "repository":
            hook_id, secret = next((h.hook_id, s) for (repo, _), (h, s) in self.hub.hooks.items() if repo == repo_id)
        return self.headers(event, raw, hook_id, hook, secret, delivery_id), raw

    def headers(
        self, event: str, raw: bytes, hook_id: int, hook: str, secret: Secret, delivery_id: str | None = None
    ) -> list[tuple[str, str]]:
        """The headers of a delivery."""
        self._deliveries += 1
        return [
            ("X-GitHub-Event", event),
            ("X-GitHub-Delivery", delivery_id or str(UUID(int=self._deliveries))),
            ("X-Hub-Signature-256", sign(secret, raw)),
            ("X-GitHub-Hook-ID", str(hook_id)),
            ("X-GitHub-Hook-Installation-Target-Type", "integration" if hook == "app" else "repository"),
            ("Content-Type", "application/json"),
        ]

    async def settle(self) -> None:
        """Let everything end that can, without time passing; nobody is woken who was not told to wake."""
        while True:
            await self.alarms.ring()
            await self.database.write(lambda records: None)  # whoever waits for the store goes on before this does
            if works := list(self.engine.worker._works.values()):
                await asyncio.wait({work.whole for work in works})
            elif others := self.engine.retiring.tasks | self.engine.remotes.revoking:
                await asyncio.wait(others)
            elif all(map(_parked, (self.engine.worker._bell, self.engine.jobs._bell))):
                return
            for task in self.tasks:
                if task.done():
                    task.result()

    async def settle_reads(self) -> None:
        """Let tasks come as far as they can while something holds a deployment."""
        for _ in range(5):
            await self.database.write(lambda records: None)

    async def idle(self, *, most: float = 7200) -> None:
        """Let everything end, and let time pass from alarm to alarm until none is left (or so many seconds)."""
        await self.settle()
        last = self.world.now + seconds(most)
        while (following := self.alarms.next()) is not None and following <= last:
            self.world.now = max(self.world.now, following)
            await self.settle()

    async def wait(self, passed: float) -> None:
        """Let some seconds pass, and what falls due in them end."""
        end = self.world.now + seconds(passed)
        await self.idle(most=passed)
        self.world.now = end
        await self.settle()

    async def project(self, name: str = "hello") -> Project:
        """The project as it is recorded."""
        return (await self.engine.projects.get(name)).project

    async def deployments(self, name: str = "hello") -> list[Deployment]:
        """A project's deployments, oldest first."""
        rows, _ = await self.engine.projects.deployments(name, ALL)
        return list(reversed(rows))

    async def states(self, name: str = "hello") -> list[str]:
        """Their states, oldest first."""
        return [one.state.value for one in await self.deployments(name)]

    async def newest(self, name: str = "hello") -> Deployment:
        """The newest deployment."""
        return (await self.deployments(name))[-1]

    async def verdicts(self, name: str | None = "hello") -> list[Verdict]:
        """A project's verdicts, oldest first."""
        rows, _ = await self.engine.projects.verdicts(name, ALL)
        return list(reversed(rows))

    def serves(self, name: str = "hello") -> Sha | None:
        """The commit that visitors see."""
        return self.world.serves(f"{name}.localhost")

    async def check_clean(self) -> None:
        """Nothing is under way, every verdict is final, and the machine holds what the records say and no more."""
        for view in await self.engine.projects.list():
            rows = await self.deployments(view.project.name)
            assert not [row for row in rows if row.state in {S.QUEUED, *RUNNING}]
            assert len([row for row in rows if row.state is S.LIVE]) == (view.live is not None)
        assert all(one.outcome is not Outcome.QUEUED for one in await self.verdicts(None))
        await self.check_machine()

    async def check_machine(self) -> None:
        """What runs, is routed and lies on disk is what the records say, and no more."""
        views = await self.engine.projects.list()
        live = {view.live.rollback_to or view.live.id for view in views if view.live}
        assert {release.deployment_id for release in self.world.running} == live
        assert self.world.outages == []
        led = {self.world.routes[host] for view in views if view.live for host in view.project.hosts}
        assert led == {one.address for one in self.world.running.values()}
        assert set(self.world.routes) == {host for view in views if view.live for host in view.project.hosts}
        rows = [row for view in views for row in await self.deployments(view.project.name)]
        able = {row.id for row in rows if row.state in (S.LIVE, S.RETIRED)}
        assert {release.deployment_id for release in self.world.folders} <= able
        assert set(self.world.folders) == self.world.built

    def digest(self) -> str:
        """What the database holds, log included."""
        files = sorted(self.path.glob("box.db*"))
        return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.suffix != ".db-shm")).hexdigest()

    def _random(self, size: int) -> bytes:
        self.world.ids += 1
        return hashlib.shake_256(str(self.world.ids).encode()).digest(size)


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A task that was killed has nobody to tell; of any other the loop tells."""
    if not isinstance(context.get("exception"), Killed):
        loop.default_exception_handler(context)


def _parked(bell: asyncio.Event) -> bool:
    """Whether somebody sleeps until the bell rings."""
    return bool(bell._waiters) and not bell.is_set()


def state_in(url: str) -> str:
    """The state that a URL carries."""
    return parse_qs(urlsplit(url).query)["state"][0]


@asynccontextmanager
async def open_house(
    path: Path, *, app: App | None = APP, webhooks: bool = True, at_once: int = 1, keep: int = 5
) -> AsyncIterator[House]:
    """A started house."""
    path.mkdir(exist_ok=True)
    house = House(path, app=app, webhooks=webhooks, at_once=at_once, keep=keep)
    await house.start()
    try:
        yield house
    finally:
        house.world.calls.named_blocks.clear()
        await (house.stop() if house.process.alive else house.kill())

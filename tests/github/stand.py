"""A box with a real engine, store and doors, and the sandbox as its GitHub: everything between the two is real HTTP."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp

from nanoscale_box.adapters.clock import TimeIds
from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.adapters.vault import Vault, new_key
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.decide import Debounce
from nanoscale_box.core.github_model import App, Commit
from nanoscale_box.core.model import DeploymentId, InstallationId, Project, ProjectId, Release, RepoId, Sha
from nanoscale_box.core.secret import Secret
from nanoscale_box.demo.browser import Browser, Page
from nanoscale_box.engine.assembly import Engine, Policy, assemble
from nanoscale_box.engine.creating import Sources
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Progress, Remote, Source
from nanoscale_box.engine.views import NewProject
from nanoscale_box.sandbox.registering import new_keys
from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.sandbox.settings import Settings as SandboxSettings
from nanoscale_box.store.database import Database
from nanoscale_box.web.server import build_local, build_public, open_local, open_public
from nanoscale_box.web.services import Services
from tests.fakes import Process, World, hands
from tests.ports import free_port
from tests.web.fake_engine import FakeBackups, FakeLogs

WEBHOOK = "/api/integrations/github/webhook"
PERMISSIONS = {"contents": "read", "metadata": "read", "repository_hooks": "write"}


@dataclass
class Time:
    """The box's clock: the sandbox's, or off by so much. Waiting moves the hands and takes no time."""

    sandbox: Sandbox
    off: timedelta = timedelta()
    passed: float = 0.0

    def now(self) -> datetime:
        return self.sandbox.clock.now() + self.off

    def monotonic(self) -> float:
        return self.passed

    async def pause(self, seconds: float) -> None:
        self.passed += seconds
        self.sandbox.clock.advance(seconds)


@dataclass
class Alarms:
    """Keeps alarms until the test lets time pass."""

    time: Time
    pending: dict[str, tuple[datetime, Callable[[], Awaitable[None] | None]]] = field(default_factory=dict)

    def at(self, when: datetime, name: str, wake: Callable[[], None]) -> None:
        self.pending[name] = (when, wake)

    def once(self, when: datetime, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self.pending[name] = (when, work)

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        raise AssertionError("repeated work is ordered by the daemon")

    async def ring(self) -> None:
        for name, (when, work) in list(self.pending.items()):
            if when <= self.time.now() and self.pending.get(name) == (when, work):
                del self.pending[name]
                if (ringing := work()) is not None:
                    await ringing


class HeadsFromGithub:
    """A source that fetches nothing: it believes GitHub's API for the head, and remembers where it was to fetch."""

    def __init__(self, stand: Stand) -> None:
        self._stand = stand
        self.remotes: list[Remote] = []

    async def head(self, remote: Remote, branch: str) -> Sha | None:
        self.remotes.append(remote)
        app = await self._stand.engine.accounts._app.required()
        repo_id = RepoId(int(remote.cache_key.removeprefix("github-")))
        found = await self._stand.github.head(app, self._stand.installation_id, repo_id, branch)
        return found.sha if found else None

    async def newest_tag(self, remote: Remote, pattern: str) -> tuple[str, Sha] | None:
        self.remotes.append(remote)
        return None

    async def checkout(self, remote: Remote, branch: str, sha: Sha, release: Release, progress: Progress) -> Commit:
        self._stand.world.folders[release] = sha
        return Commit(sha=sha, subject="a change", author="Ada")

    def prepare(self, cache_key: str) -> None:
        self._stand.world.prepared.append(cache_key)

    async def forget(self, cache_key: str) -> None:
        self._stand.world.forgotten.append(cache_key)


class Stand:
    """One box before one sandbox; it can be stopped and started again, also under another address."""

    def __init__(self, path: Path, sandbox: Sandbox) -> None:
        self.path = path
        self.sandbox = sandbox
        self.world = World()
        self.vault = Vault([new_key()])
        self.time = Time(sandbox)
        self.given: App | None = None
        self.webhooks = True
        self.public_url: str | None = None
        """Where GitHub is told the box is; None: where its door really is."""
        self.source: Source | None = None
        self._stack = AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []
        self._port = 0

    async def start(self) -> None:
        """Begin a life."""
        self._stack = AsyncExitStack()
        self.database = await Database.open(self.path / "box.db")
        self._stack.push_async_callback(self.database.close)
        time = self.time
        self.github = GithubApi(
            self.sandbox.url, self.sandbox.api_url, None, time, pause=time.pause, monotonic=time.monotonic
        )
        self._stack.push_async_callback(self.github.close)
        self.alarms = Alarms(time)
        self.heads = HeadsFromGithub(self)
        made = hands(Process(self.world))
        source = self.source or self.heads
        made = replace(made, source=source)
        self._port = self._port or free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        desk = Desk(ledger=self.database, clock=time, ids=TimeIds(time), vault=self.vault, random=secrets.token_bytes)
        self.engine: Engine = assemble(desk, made, self.github, self.alarms, self._policy())
        services = self._services()
        public = await open_public(build_public(services), "127.0.0.1", self._port)
        self._stack.push_async_callback(public.close)
        door = await open_local(build_local(services), self.path / "box.sock")
        self._stack.push_async_callback(door.close)
        self.client = await self._stack.enter_async_context(BoxClient.dial(self.path / "box.sock"))
        self.browser = await self._stack.enter_async_context(Browser())
        self.http = await self._stack.enter_async_context(aiohttp.ClientSession())
        self._tasks = [
            asyncio.create_task(self.engine.worker.run(), name="worker"),
            asyncio.create_task(self.engine.jobs.run(), name="jobs"),
            asyncio.create_task(self.engine.feedback.run(), name="feedback"),
            asyncio.create_task(self.engine.ci.run(), name="ci"),
        ]

    async def stop(self) -> None:
        """End a life."""
        self.engine.jobs.stop()
        await self.engine.worker.stop()
        await self.engine.catalogue.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._stack.aclose()

    async def restart(self) -> None:
        """The next life, on the same port."""
        await self.stop()
        await self.start()

    def _services(self) -> Services:
        engine = self.engine
        return Services(
            intake=engine.intake,
            accounts=engine.accounts,
            projects=engine.projects,
            feed=engine.feed,
            logs=FakeLogs(),
            doctor=engine.doctor,
            tokens=engine.upkeep.tokens,
            keys=engine.upkeep.resealing,
            backups=FakeBackups(),
            audit=engine.upkeep.audit,
            metrics=engine.upkeep.measuring,
            sampling=engine.upkeep.sampling,
            owner_id="usr_owner",
            version="test",
        )

    def _policy(self) -> Policy:
        public = (self.public_url or self.url) if self.webhooks else None
        return Policy(
            doors=Doors(loopback_url=self.url, public_url=public, webhooks=self.webhooks, github_url=self.sandbox.url),
            sources=Sources(base_domain="localhost", manual_hosts=(), development=True),
            debounce=Debounce(quiet=timedelta(seconds=1), longest=timedelta(seconds=10)),
            app=self.given,
            drain_seconds=60,
            keep_releases=5,
            builds_at_once=1,
        )

    # GitHub's side

    async def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON of another system
        """The sandbox's own view."""
        async with self.http.get(f"{self.sandbox.url}/_sandbox/{path}") as answer:
            answer.raise_for_status()
            return await answer.json()

    async def order(self, path: str, body: Mapping[str, object], method: str = "POST") -> Any:  # noqa: ANN401 - the same
        """Have the sandbox do something; its webhooks have arrived when this returns."""
        async with self.http.request(method, f"{self.sandbox.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            done = await answer.json() if answer.status != 204 else None
        await self.sandbox.settled()
        return done

    async def fault(self, method: str, path: str, kind: str = "status", **more: object) -> None:
        """Trouble for the next request that matches."""
        await self.order("faults", {"match": {"method": method, "path": path}, "kind": kind, **more})

    async def no_more_faults(self) -> None:
        await self.order("faults", {}, "DELETE")

    async def requests(self, method: str = "", part: str = "") -> list[dict[str, Any]]:
        """What GitHub was asked."""
        seen = (await self.ask("requests"))["requests"]
        return [one for one in seen if one["method"].startswith(method) and part in one["path"]]

    async def hooks(self) -> list[dict[str, Any]]:
        """The repository hooks there are."""
        return list((await self.ask("state"))["hooks"])

    async def make_app(self, **changes: object) -> App:
        """An App that the owner made by hand, as settings name it."""
        manifest: dict[str, object] = {
            "name": "by-hand",
            "url": self.url_of_box,
            "redirect_url": f"{self.url_of_box}/unused",
            "callback_urls": [f"{self.url_of_box}/api/integrations/github/callback"],
            "hook_attributes": {"url": self.url_of_box + WEBHOOK, "active": True},
            "default_permissions": PERMISSIONS,
            "default_events": ["push", "repository"],
            **changes,
        }
        made = await self.sandbox.register_app(manifest, keys=keys())
        return App(
            app_id=str(made.id),
            client_id=made.client_id,
            client_secret=Secret(made.client_secret),
            private_key=Secret(made.private_pem),
            webhook_secret=Secret(made.hook.secret or ""),
            from_environment=True,
        )

    @property
    def url_of_box(self) -> str:
        return self.public_url or self.url

    # the owner's side

    async def register(self, organization: str | None = None) -> Page:
        """Press the button that makes the App; the page that GitHub's browser is on afterwards."""
        begun = await self.client.register_app(organization)
        ours = await self.browser.open(begun.redirect_url)
        review = await self.browser.post(ours.form().action, ours.form().fields)
        return await self.browser.send(review, "create")

    async def connect(self, organization: str | None = None) -> None:
        """One click, from nothing to connected, and the first sync."""
        landed = await self.authorise(await self.browser.send(await self.register(organization), "install"))
        assert "GitHub is connected</h1>" in landed.text, landed.text
        await self.synced()

    async def authorise(self, page: Page) -> Page:
        """Say yes where GitHub asks."""
        return await self.browser.send(page, "authorize") if page.forms else page

    async def synced(self) -> None:
        """Wait for a sync, and for the jobs it ordered."""
        await self.engine.catalogue.news()
        await self.sandbox.settled()
        await self.idle()

    async def idle(self) -> None:
        """Wait until no job is due and no deployment is; those that wait for later wait on."""
        while True:
            await self.alarms.ring()
            due = await self.database.read(lambda records: records.keeper.due_jobs(self.time.now(), 10))
            works = [work.whole for work in self.engine.worker._works.values()]
            if works:
                await asyncio.wait(works)
            elif due or not all(bell._waiters for bell in self._bells()):
                await self.database.write(lambda records: None)
            else:
                return

    def _bells(self) -> list[asyncio.Event]:
        return [self.engine.jobs._bell, self.engine.worker._bell, self.engine.ci._bell]

    async def wait(self, seconds: float) -> None:
        """Let time pass, and what falls due in it happen."""
        end = self.sandbox.clock.now() + timedelta(seconds=seconds)
        while True:
            await self.idle()
            following = min((when for when, _ in self.alarms.pending.values()), default=None)
            left = (end - self.sandbox.clock.now()).total_seconds()
            if left <= 0:
                return
            step = left if following is None else min(left, (following - self.time.now()).total_seconds() + 0.01)
            self.sandbox.clock.advance(max(step, 0.01))

    async def repo(self, name: str) -> RepoId:
        """A repository's id, from the box's cache."""
        page = await self.client.repos(query=name)
        return RepoId(next(one.repo_id for one in page.items if one.full_name == name))

    @property
    def installation_id(self) -> InstallationId:
        return InstallationId(next(iter(self.sandbox.state.installations)))

    async def create(self, name: str = "ada/hello", branch: str = "main", project: str | None = None) -> Project:
        """A project on a repository, deployed, with its hook."""
        asked = NewProject(
            name=project,
            installation_id=self.installation_id,
            repo_id=await self.repo(name),
            selected_branch=branch,
        )
        view, _ = await self.engine.projects.create(asked)
        await self.idle()
        return (await self.engine.projects.get(view.project.id)).project

    async def project(self, project_id: ProjectId) -> Project:
        """The project as it is recorded."""
        return (await self.engine.projects.get(project_id)).project

    async def verdict(self, project_id: ProjectId | None = None) -> str:
        """The code of the newest verdict."""
        page = await self.client.verdicts(project_id)
        return page.items[0].code

    async def changes(self) -> list[dict[str, Any]]:
        """What was told of GitHub on the event stream."""
        rows = await self.database.read(lambda records: records.events.after(0, 1000))
        return [row.data for row in rows if row.kind.value == "github"]

    def serves(self, host: str = "hello.localhost") -> Sha | None:
        """What visitors see."""
        return self.world.serves(host)

    def folders(self) -> dict[DeploymentId, Sha]:
        return {release.deployment_id: sha for release, sha in self.world.folders.items()}


@cache
def keys() -> tuple[str, str]:
    """A key that all Apps of the tests share, since making one takes a quarter of a second."""
    return new_keys()


@asynccontextmanager
async def open_stand(
    path: Path, *, sample_repos: int = 0, before: Callable[[Stand], Awaitable[None]] | None = None
) -> AsyncIterator[Stand]:
    """A started box and its GitHub."""
    settings = SandboxSettings(home=path / "sandbox", sample_repos=sample_repos)
    async with Sandbox(path / "sandbox", settings=settings) as sandbox:
        stand = Stand(path, sandbox)
        if before:
            await before(stand)
        await stand.start()
        try:
            yield stand
        finally:
            await stand.stop()

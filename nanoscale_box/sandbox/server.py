"""The sandbox itself: builds the parts, opens the door, and takes both down again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, Unpack

import msgspec
from aiohttp import web

from .clock import Clock
from .control.answers import account_named, repo_named
from .faults import FaultBook
from .git.http import GitDoor, choose_backend
from .git.store import GitStore
from .hooks.courier import Courier
from .installing import install
from .limits import Limiter
from .middleware import dress, observe, speak
from .model import App, Installation
from .pushing import PushFields, PushOrder, PushResult, push, pushed_over_http
from .registering import read_manifest, register
from .routes import all_routes
from .samples import populate
from .settings import Settings
from .state import State
from .world import WORLD, World

LARGEST_BODY = 32 * 1024 * 1024
SHUTDOWN_SECONDS = 0.5


def build_world(settings: Settings, clock: Clock) -> World:
    state = State()
    populate(state, clock.now(), sample_repos=settings.sample_repos)
    faults = FaultBook(ids=state.ids)
    repos = settings.home / "repos"
    shutil.rmtree(repos, ignore_errors=True)
    repos.mkdir(parents=True)
    return World(
        settings=settings,
        clock=clock,
        state=state,
        git=GitStore(root=repos),
        git_door=GitDoor(backend=choose_backend(settings.git_backend), pushed=pushed_over_http),
        courier=Courier(state=state, clock=clock, faults=faults, timeout=settings.delivery_timeout),
        limiter=Limiter(rates=settings.limits),
        faults=faults,
    )


def build_app(world: World) -> web.Application:
    app = web.Application(middlewares=[observe, speak], client_max_size=LARGEST_BODY)
    app[WORLD] = world
    app.on_response_prepare.append(dress)
    app.add_routes(all_routes())
    return app


class Sandbox:
    """A simulated GitHub on a loopback port, for `async with`.

    `url` is where its pages and repositories are, `api_url` its REST API, `state` all it knows, `clock` its time.
    """

    def __init__(self, home: Path, *, settings: Settings | None = None, clock: Clock | None = None) -> None:
        self.settings = settings or Settings(home=home)
        self.world = build_world(self.settings, clock or Clock())
        self._runner = web.AppRunner(
            build_app(self.world), access_log=None, shutdown_timeout=SHUTDOWN_SECONDS, max_line_size=64 * 1024
        )

    @property
    def url(self) -> str:
        return self.world.url

    @property
    def api_url(self) -> str:
        return self.world.api_url

    @property
    def state(self) -> State:
        return self.world.state

    @property
    def clock(self) -> Clock:
        return self.world.clock

    async def start(self) -> None:
        await self.world.courier.open()
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.settings.host, self.settings.port)
        await site.start()
        port = self._runner.addresses[0][1]
        host = f"[{self.settings.host}]" if ":" in self.settings.host else self.settings.host
        self.world.url = f"http://{host}:{port}"

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self.world.courier.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def push(self, repo: str | int, branch: str = "main", **order: Unpack[PushFields]) -> PushResult:
        """Push to a repository by name or id; the rest is as in `PushOrder`."""
        return await push(self.world, repo_named(self.world, repo), PushOrder(branch=branch, **order))

    async def settled(self) -> None:
        """Wait until every delivery that set off has arrived or failed."""
        await asyncio.sleep(0)
        await self.world.courier.settled()

    async def register_app(
        self, manifest: Mapping[str, Any], owner: str = "ada", *, keys: tuple[str, str] | None = None
    ) -> App:
        """Register an App without a browser; `private_pem` and `client_secret` are on what comes back.

        Making a key takes a quarter of a second; tests may give `keys` from `registering.new_keys`.
        """
        read = read_manifest(msgspec.json.encode(manifest).decode())
        if read.problems:
            raise ValueError(" ".join(read.problems))
        return await register(self.world, read, account_named(self.world, owner), keys=keys)

    def install(self, app: App, account: str = "ada", repos: Iterable[str | int] | None = None) -> Installation:
        """Install an App without a browser, for all repositories or for those named."""
        where = account_named(self.world, account)
        chosen = None if repos is None else [repo_named(self.world, one) for one in repos]
        return install(self.world, app, where, where, chosen)

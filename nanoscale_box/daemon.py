"""The composition root: opens the store, builds the adapters, wires the engine, opens the doors, stops in reverse."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from nanoscale_box import __version__
from nanoscale_box.adapters.alarms import ApAlarms
from nanoscale_box.adapters.caddy_config import Door, Https
from nanoscale_box.adapters.clock import SystemClock, TimeIds
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.git import GitSource
from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.adapters.ingress_caddy import CaddyIngress
from nanoscale_box.adapters.logs import FileLogs
from nanoscale_box.adapters.notify import Notifier
from nanoscale_box.adapters.private import PrivateNames
from nanoscale_box.adapters.probe_machine import ProbedMachine
from nanoscale_box.adapters.scribe import Scribe
from nanoscale_box.adapters.vault import Vault, load_or_create_keys, parse_keys
from nanoscale_box.config import Settings, settings_file
from nanoscale_box.core.audit import BOX, Act
from nanoscale_box.core.decide import Debounce
from nanoscale_box.core.errors import BoxError, Code, ConfigurationError
from nanoscale_box.daemon_backup import Backups
from nanoscale_box.daemon_home import hold_home
from nanoscale_box.daemon_runtime import open_runtime
from nanoscale_box.engine.assembly import Engine, Policy, assemble
from nanoscale_box.engine.crashpoints import POINTS, Reached, passed
from nanoscale_box.engine.creating import Sources
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.kit import Desk, Hands
from nanoscale_box.engine.rounds import Rounds
from nanoscale_box.engine.trimming import Trimmer
from nanoscale_box.store.database import Database
from nanoscale_box.web.server import build_local, build_public, build_remote, open_local, open_public
from nanoscale_box.web.services import Services
from nanoscale_box.web.settings import PublicSettings
from nanoscale_box.wire import routes

log = structlog.get_logger()

SWEEP_SECONDS = 300.0
"""How often GitHub's failed deliveries are looked for; one request that mostly costs nothing."""
TRIM_SECONDS = 3600.0
"""How often what is old is forgotten: the first time after an hour, when the box has long answered."""

BOUND_SECONDS = 20.0
"""How often the logs of apps are looked at, so that one that prints without end does not fill the disk."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A daemon at work, as the one who hosts it sees it."""

    engine: Engine
    public_url: str
    socket: Path


async def serve(settings: Settings, private: PrivateNames, *, ready: asyncio.Event | None = None) -> None:
    """Run the daemon until SIGTERM or SIGINT; `ConfigurationError` when it cannot start."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    notifier = Notifier(os.environ)
    async with running(settings, private) as daemon:
        gc.collect()
        gc.freeze()  # what was made by now stays: there is no use in looking at it again and again
        alive = asyncio.create_task(notifier.keep_alive(), name="watchdog")
        notifier.tell("READY=1", f"STATUS=open at {daemon.socket}")
        log.info("ready", public=daemon.public_url, socket=str(daemon.socket), version=__version__)
        if ready:
            ready.set()
        await stop.wait()
        notifier.tell("STOPPING=1")
        log.info("stopping")
    alive.cancel()


@asynccontextmanager
async def running(settings: Settings, private: PrivateNames) -> AsyncIterator[Running]:
    """The daemon within a block: everything is open inside, and closed in reverse at its end. The log is told which
    names are `private`."""
    async with AsyncExitStack() as stack:
        hold_home(settings.home, stack)
        folders = Folders(settings.home)
        ledger = await Database.open(settings.home / "box.db")
        stack.push_async_callback(ledger.close)
        clock = SystemClock()
        vault = _vault(settings)
        desk = Desk(
            ledger=ledger,
            clock=clock,
            ids=TimeIds(clock),
            vault=vault,
            random=secrets.token_bytes,
            reached=_crash_at(settings.crash_at) if settings.crash_at else passed,
        )
        alarms = ApAlarms(clock)
        github = GithubApi(settings.github_url, settings.github_api_url, None, clock)
        stack.push_async_callback(github.close)
        logs = FileLogs(folders, clock)
        hands = await _hands(settings, folders, logs, stack)
        doors = Doors(
            loopback_url=f"http://127.0.0.1:{settings.listen.port}",
            public_url=settings.public_base_url,
            webhooks=settings.webhooks,
            github_url=settings.github_url,
        )
        engine = assemble(desk, hands, github, alarms, _policy(settings, doors))
        alarms.start()
        stack.push_async_callback(alarms.close)
        services = Services(
            intake=engine.intake,
            accounts=engine.accounts,
            projects=engine.projects,
            feed=engine.feed,
            logs=logs,
            doctor=engine.doctor,
            tokens=engine.upkeep.tokens,
            keys=engine.upkeep.resealing,
            backups=Backups(folders=folders, vault=vault, clock=clock, settings_file=settings_file(os.environ)),
            audit=engine.upkeep.audit,
            metrics=engine.upkeep.measuring,
            sampling=engine.upkeep.sampling,
            owner_id=await ledger.read(lambda records: records.github.owner()),
            version=__version__,
        )
        public_url = await _open_doors(services, settings, stack)
        await engine.upkeep.audit.note(Act(who=BOX, action="box.started", detail=__version__))
        await engine.upkeep.measuring.begin()
        scribe = asyncio.create_task(Scribe(feed=engine.feed, ledger=ledger, private=private).run(), name="scribe")
        stack.callback(scribe.cancel)
        await _start(engine, ledger, alarms, logs, settings, stack)
        yield Running(engine=engine, public_url=public_url, socket=settings.socket)


async def _open_doors(services: Services, settings: Settings, stack: AsyncExitStack) -> str:
    """Open the public and the local door, and the API's over TCP if it is asked for; give the public one's URL."""
    everywhere = "0.0.0.0"  # noqa: S104 - what an owner means who leaves the host out
    listen = settings.listen
    public = await open_public(build_public(services, PublicSettings()), listen.host or everywhere, listen.port)
    stack.push_async_callback(public.close)
    group = os.getegid() if settings.shared_socket else None
    local = await open_local(build_local(services, group=group), settings.socket, group)
    stack.push_async_callback(local.close)
    if api := settings.api_listen:
        app = build_remote(services)
        remote = await open_public(app, api.host or everywhere, api.port, setting="NANOSCALE_API_LISTEN")
        stack.push_async_callback(remote.close)
    return public.name


async def _start(
    engine: Engine, ledger: Database, alarms: ApAlarms, logs: FileLogs, settings: Settings, stack: AsyncExitStack
) -> None:
    """Mend what a crash left, then let work begin."""
    await engine.reconciler.boot()
    for about, problem in engine.reconciler.problems.items():
        log.warning("problem", about=about, code=problem.code.value, detail=problem.detail, hint=problem.hint)
    tasks = [
        asyncio.create_task(engine.worker.run(), name="worker"),
        asyncio.create_task(engine.jobs.run(), name="jobs"),
        asyncio.create_task(_rounds(engine, settings).run(), name="rounds"),
        asyncio.create_task(_sync(engine), name="first sync"),
        asyncio.create_task(engine.feedback.run(), name="feedback"),
        asyncio.create_task(engine.ci.run(), name="ci"),
    ]
    await engine.checks.order()
    for project_id in engine.reconciler.lost:
        with suppress(BoxError):  # told as the project's problem
            await engine.projects.redeploy(project_id, False)
    trimmer = Trimmer(ledger=ledger, clock=SystemClock(), keep=timedelta(days=settings.keep_days))
    alarms.every(TRIM_SECONDS, "trim", trimmer.trim)
    alarms.every(BOUND_SECONDS, "bound the logs of apps", logs.bound)
    alarms.every(settings.sync_seconds, "sync", lambda: _sync(engine))

    async def end() -> None:
        engine.jobs.stop()
        await engine.retiring.stop()
        await engine.worker.stop()
        await engine.remotes.settle()
        await engine.catalogue.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(end)


def _rounds(engine: Engine, settings: Settings) -> Rounds:
    steady = asyncio.get_running_loop().time
    rounds = Rounds(clock=SystemClock(), steady=steady, wake=engine.worker.wake)
    rounds.every(SWEEP_SECONDS, engine.sweeping.sweep)
    rounds.every(settings.poll_seconds, engine.polling.poll)
    rounds.every(0.0, lambda: engine.upkeep.sampling.look(steady()))  # at each beat
    return rounds


async def _sync(engine: Engine) -> None:
    with suppress(BoxError):  # told on the event stream; not connected is no error
        if (await engine.accounts.status()).connected:
            await engine.catalogue.start_sync()


async def _hands(settings: Settings, folders: Folders, logs: FileLogs, stack: AsyncExitStack) -> Hands:
    path = os.environ.get("PATH", os.defpath)
    source = GitSource(folders.mirrors, folders.release)
    await source.start()
    stack.push_async_callback(source.close)
    runtime = await open_runtime(settings, folders, path, stack)
    ingress = CaddyIngress(
        folders,
        listen=str(settings.ingress_listen),
        search_path=path,
        door=_door(settings),
        https=_https(settings),
        unit=runtime.ingress,
    )
    stack.push_async_callback(ingress.close)
    return Hands(
        source=source,
        builder=runtime.builder,
        runner=runtime.runner,
        ingress=ingress,
        logs=logs,
        machine=ProbedMachine(home=settings.home),
    )


def _door(settings: Settings) -> Door | None:
    """The public door as the ingress reaches it, if browsers and GitHub are told a host for it."""
    host = urlsplit(settings.public_base_url or "").hostname
    if host is None or settings.listen.port == 0:
        return None
    at = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on
    listen = replace(settings.listen, host=at.get(settings.listen.host, settings.listen.host))
    return Door(host=host, address=str(listen), paths=routes.PUBLIC)


def _https(settings: Settings) -> Https | None:
    if settings.ingress_https_listen is None:
        return None
    listen = str(settings.ingress_https_listen)
    return Https(listen=listen, acme_url=settings.acme_url, acme_email=settings.acme_email)


def _policy(settings: Settings, doors: Doors) -> Policy:
    return Policy(
        doors=doors,
        sources=Sources(
            base_domain=settings.base_domain,
            manual_hosts=settings.manual_hosts,
            development=settings.development,
        ),
        debounce=Debounce(
            quiet=timedelta(seconds=settings.debounce_seconds),
            longest=timedelta(seconds=settings.debounce_max_seconds),
        ),
        app=settings.app,
        keep_releases=settings.keep_releases,
        drain_seconds=settings.drain_seconds,
        builds_at_once=settings.builds_at_once,
    )


def _crash_at(wanted: str) -> Reached:
    """End this process at that moment as a power cut would, with nothing put away."""
    if wanted not in POINTS:
        raise ConfigurationError(
            Code.CONFIGURATION,
            f"NANOSCALE_CRASH_AT names no moment: {wanted!r}",
            hint=f"name one of: {', '.join(POINTS)}",
        )

    def reached(name: str) -> None:
        if name == wanted:
            os.kill(os.getpid(), signal.SIGKILL)

    return reached


def _vault(settings: Settings) -> Vault:
    """The vault with the owner's keys; those of the settings and of a systemd credential are not the box's to
    change."""
    if settings.encryption_keys:
        return Vault(parse_keys(settings.encryption_keys.reveal().replace(",", "\n"), "NANOSCALE_ENCRYPTION_KEYS"))
    file = settings.encryption_keys_file
    keys = load_or_create_keys(file)
    return Vault(
        keys, file if os.access(file.parent, os.W_OK) and not os.environ.get("CREDENTIALS_DIRECTORY") else None
    )

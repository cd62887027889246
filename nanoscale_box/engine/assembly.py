"""Puts the engine together from its parts; every part is given what it uses and fetches nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from nanoscale_box.core.decide import Debounce
from nanoscale_box.core.github import (
    ChecksNews,
    GithubChange,
    HookNews,
    InstallationChange,
    RepositoriesChange,
    RepositoryChange,
)
from nanoscale_box.core.github_model import App
from nanoscale_box.engine.accounts import Accounts, Rooms
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.auditing import Auditing
from nanoscale_box.engine.catalogue import Catalogue
from nanoscale_box.engine.checkup import Checkup
from nanoscale_box.engine.ci import CiWatch
from nanoscale_box.engine.comparing import Comparing
from nanoscale_box.engine.connecting import Connecting
from nanoscale_box.engine.creating import Creating, Sources
from nanoscale_box.engine.devices import DeviceFlow
from nanoscale_box.engine.doctor import Doctor
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.feed import Feed
from nanoscale_box.engine.feedback import Feedback
from nanoscale_box.engine.hookcheck import CHECK, HookCheck
from nanoscale_box.engine.hooks import Hooks
from nanoscale_box.engine.intake import Intake
from nanoscale_box.engine.jobs import Jobs
from nanoscale_box.engine.keyring import Keyring
from nanoscale_box.engine.kit import Desk, Hands
from nanoscale_box.engine.measuring import Measuring
from nanoscale_box.engine.pipeline import Pipeline
from nanoscale_box.engine.polling import Outside, Polling
from nanoscale_box.engine.ports import Alarms, Github
from nanoscale_box.engine.previews import Previews
from nanoscale_box.engine.projects import Projects
from nanoscale_box.engine.queue import Queue
from nanoscale_box.engine.reconcile import Reconciler
from nanoscale_box.engine.registration import Registration
from nanoscale_box.engine.releases import Releases
from nanoscale_box.engine.remotes import Remotes
from nanoscale_box.engine.resealing import Resealing
from nanoscale_box.engine.retiring import Retiring
from nanoscale_box.engine.rotation import Rotation
from nanoscale_box.engine.sampling import Sampling
from nanoscale_box.engine.stages import Stages
from nanoscale_box.engine.states import States
from nanoscale_box.engine.steering import Steering
from nanoscale_box.engine.sweeping import Sweeping
from nanoscale_box.engine.tokens import Tokens
from nanoscale_box.engine.troubles import Troubles
from nanoscale_box.engine.worker import Worker


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What the owner settled once for all projects."""

    doors: Doors
    sources: Sources
    debounce: Debounce
    app: App | None
    keep_releases: int
    drain_seconds: float
    """How long requests under way on a replaced release may take to end."""
    builds_at_once: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Upkeep:
    """What a box needs to be run for years."""

    tokens: Tokens
    audit: Auditing
    measuring: Measuring
    sampling: Sampling
    resealing: Resealing


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """The parts that others call."""

    intake: Intake
    accounts: Accounts
    projects: Projects
    feed: Feed
    doctor: Doctor
    worker: Worker
    retiring: Retiring
    remotes: Remotes
    jobs: Jobs
    reconciler: Reconciler
    polling: Polling
    sweeping: Sweeping
    catalogue: Catalogue
    checks: HookCheck
    feedback: Feedback
    ci: CiWatch
    upkeep: Upkeep


def assemble(desk: Desk, hands: Hands, github: Github, alarms: Alarms, policy: Policy) -> Engine:
    """Build the engine. Nothing runs yet."""
    ledger, clock = desk.ledger, desk.clock
    app = AppKeeper(ledger=ledger, vault=desk.vault, given=policy.app)
    keyring = Keyring(ledger=ledger, clock=clock, vault=desk.vault, app=app)
    queue = Queue(ids=desk.ids, debounce=policy.debounce)
    remotes = Remotes(ledger=ledger, github=github, app=app, sources=policy.sources)
    comparing = Comparing(github=github, app=app)
    side = _deploy_side(desk, hands, alarms, remotes, comparing, policy)
    retiring, releases, reconciler = side.retiring, side.releases, side.reconciler
    ci = CiWatch(desk=desk, alarms=alarms, github=github, app=app, queue=queue)
    worker = Worker(
        desk=desk, alarms=alarms, stages=side.stages, pipeline=side.pipeline, ci=ci, at_once=policy.builds_at_once
    )
    outside = Outside(github=github, source=hands.source, app=app, comparing=comparing)
    polling = Polling(desk=desk, queue=queue, outside=outside, wake=worker.wake)
    sweeping = Sweeping(ledger=ledger, clock=clock, github=github, app=app, doors=policy.doors)
    jobs = Jobs(ledger=ledger, clock=clock, alarms=alarms)
    hooks = Hooks(desk=desk, github=github, app=app, keyring=keyring, jobs=jobs, doors=policy.doors)
    feed = Feed(ledger)
    tools = _Tools(desk=desk, github=github, app=app, keyring=keyring, jobs=jobs, hooks=hooks, doors=policy.doors)
    github_side = _github_side(tools, alarms, ci, feed, hands.ingress.url)
    creating = Creating(desk=desk, queue=queue, catalogue=github_side.catalogue, hooks=hooks, sources=policy.sources)
    intake = Intake(
        desk=desk, keyring=keyring, queue=queue, wake=worker.wake, followed=github_side.followed,
        swept=sweeping.has_asked,
    )  # fmt: skip
    projects = Projects(
        desk=desk, hands=hands, creating=creating, releases=releases, hooks=hooks,
        steering=Steering(desk=desk, queue=queue, worker=worker, retiring=retiring, polling=polling, hands=hands),
        previews=Previews(desk=desk, remotes=remotes, hands=hands), base_domain=policy.sources.base_domain,
    )  # fmt: skip
    resealing = Resealing(desk=desk, jobs=jobs)
    doctor = _doctor(tools, hands, github_side.accounts, reconciler, polling, sweeping, resealing)
    return Engine(
        intake=intake,
        accounts=github_side.accounts,
        projects=projects,
        feed=feed,
        doctor=doctor,
        worker=worker,
        retiring=retiring,
        remotes=remotes,
        jobs=jobs,
        reconciler=reconciler,
        polling=polling,
        sweeping=sweeping,
        catalogue=github_side.catalogue,
        checks=github_side.checks,
        feedback=github_side.feedback,
        upkeep=_upkeep(desk, hands, feed, github_side.accounts, reconciler, resealing),
        ci=ci,
    )


def _upkeep(
    desk: Desk, hands: Hands, feed: Feed, accounts: Accounts, reconciler: Reconciler, resealing: Resealing
) -> Upkeep:
    sampling = Sampling(runner=hands.runner, clock=desk.clock)
    return Upkeep(
        tokens=Tokens(desk),
        audit=Auditing(ledger=desk.ledger, clock=desk.clock),
        measuring=Measuring(desk=desk, feed=feed, accounts=accounts, reconciler=reconciler, sampling=sampling),
        sampling=sampling,
        resealing=resealing,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeploySide:
    """What makes releases run, keeps them running and lets them go."""

    retiring: Retiring
    releases: Releases
    stages: Stages
    pipeline: Pipeline
    reconciler: Reconciler


def _deploy_side(
    desk: Desk, hands: Hands, alarms: Alarms, remotes: Remotes, comparing: Comparing, policy: Policy
) -> _DeploySide:
    ledger, clock = desk.ledger, desk.clock
    troubles = Troubles(clock)
    retiring = Retiring(hands=hands, clock=clock, alarms=alarms, drain_seconds=policy.drain_seconds)
    releases = Releases(
        ledger=ledger, vault=desk.vault, builder=hands.builder, leaving=retiring.leaving, keep=policy.keep_releases
    )
    stages = Stages(ledger=ledger, clock=clock, reached=desk.reached)
    return _DeploySide(
        retiring=retiring,
        releases=releases,
        stages=stages,
        pipeline=Pipeline(
            stages=stages,
            remotes=remotes,
            comparing=comparing,
            releases=releases,
            retiring=retiring,
            troubles=troubles,
            hands=hands,
        ),
        reconciler=Reconciler(
            desk=desk,
            alarms=alarms,
            stages=stages,
            releases=releases,
            retiring=retiring,
            troubles=troubles,
            hands=hands,
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tools:
    """What the parts that deal with GitHub share."""

    desk: Desk
    github: Github
    app: AppKeeper
    keyring: Keyring
    jobs: Jobs
    hooks: Hooks
    doors: Doors


def _doctor(
    tools: _Tools,
    hands: Hands,
    accounts: Accounts,
    reconciler: Reconciler,
    polling: Polling,
    sweeping: Sweeping,
    resealing: Resealing,
) -> Doctor:
    checkup = Checkup(
        desk=tools.desk,
        machine=hands.machine,
        accounts=accounts,
        app=tools.app,
        resealing=resealing,
        doors=tools.doors,
    )
    return Doctor(
        checkup=checkup,
        accounts=accounts,
        reconciler=reconciler,
        resealing=resealing,
        polling=polling,
        sweeping=sweeping,
        ledger=tools.desk.ledger,
        isolation=hands.runner.isolation,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _GithubSide:
    accounts: Accounts
    catalogue: Catalogue
    checks: HookCheck
    jobs: Jobs
    ci: CiWatch
    feedback: Feedback

    def followed(self, change: GithubChange) -> None:
        """What an event tells too little of is asked for."""
        match change:
            case InstallationChange() | RepositoriesChange() | RepositoryChange(action="transferred"):
                self.catalogue.news()
            case HookNews(event="meta"):
                self.jobs.wake()
            case ChecksNews(sha=sha):
                self.ci.news(sha)
            case _:
                pass


def _github_side(tools: _Tools, alarms: Alarms, ci: CiWatch, feed: Feed, url_of: Callable[[str], str]) -> _GithubSide:
    desk, github, app, doors = tools.desk, tools.github, tools.app, tools.doors
    states = States(ledger=desk.ledger, vault=desk.vault, clock=desk.clock, random=desk.random)
    registration = Registration(desk=desk, github=github, app=app, keyring=tools.keyring, states=states, doors=doors)
    connecting = Connecting(
        desk=desk, github=github, app=app, states=states, hooks=tools.hooks, jobs=tools.jobs, doors=doors
    )
    checks = HookCheck(desk=desk, github=github, app=app, hooks=tools.hooks, keyring=tools.keyring, doors=doors)
    tools.jobs.serve(CHECK, checks.work)
    catalogue = Catalogue(
        ledger=desk.ledger, clock=desk.clock, github=github, app=app, connecting=connecting, synced=checks.order
    )
    devices = DeviceFlow(
        desk=desk,
        github=github,
        app=app,
        connecting=connecting,
        alarms=alarms,
        doors=doors,
        connected=catalogue.news,
    )
    rotation = Rotation(desk=desk, github=github, app=app, hooks=tools.hooks, jobs=tools.jobs, doors=doors)
    accounts = Accounts(
        ledger=desk.ledger,
        clock=desk.clock,
        github=github,
        app=app,
        rooms=Rooms(
            registration=registration,
            connecting=connecting,
            devices=devices,
            catalogue=catalogue,
            checks=checks,
            rotation=rotation,
        ),
        doors=doors,
    )
    feedback = Feedback(
        desk=desk, github=github, app=app, jobs=tools.jobs, feed=feed, url_of=url_of, reason_of=doors.reason
    )
    return _GithubSide(accounts=accounts, catalogue=catalogue, checks=checks, jobs=tools.jobs, ci=ci, feedback=feedback)

"""Makes what is match what was recorded: after a crash, at start, and whenever an app ends by itself."""

from __future__ import annotations

import itertools
from datetime import timedelta
from functools import partial
from typing import Final

from nanoscale_box.core.errors import BoxError, Code, DeployFailed
from nanoscale_box.core.lifecycle import RUNNING, DeploymentState
from nanoscale_box.core.model import Deployment, Instance, Project, ProjectId, Release
from nanoscale_box.engine.kit import Desk, Hands
from nanoscale_box.engine.ports import Alarms
from nanoscale_box.engine.queue import release_of
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.releases import Releases
from nanoscale_box.engine.retiring import Retiring
from nanoscale_box.engine.stages import Stages
from nanoscale_box.engine.telling import tell_project
from nanoscale_box.engine.troubles import PAUSES, WINDOW, Troubles

MAX_TRIES: Final = 8
"""How often a deployment may have been begun when it is found half-way after a crash; then it is given up. More than
the retries of the worker, since those count too."""


class Reconciler:
    """Compares the records with the machine and mends the machine."""

    def __init__(
        self,
        *,
        desk: Desk,
        alarms: Alarms,
        stages: Stages,
        releases: Releases,
        retiring: Retiring,
        troubles: Troubles,
        hands: Hands,
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._alarms = alarms
        self._stages = stages
        self._releases = releases
        self._retiring = retiring
        self._builder = hands.builder
        self._runner = hands.runner
        self._ingress = hands.ingress
        self._troubles = troubles
        self._lost: set[ProjectId] = set()
        self._ingress_tries = 0

    @property
    def problems(self) -> dict[str, BoxError]:
        """What could not be mended, by what it is about (`ingress` or a project's name); for status and doctor."""
        return self._troubles.all

    @property
    def lost(self) -> frozenset[ProjectId]:
        """Projects whose live release is not on this machine any more, as after a restore: only a deployment brings
        them back. A pinned one is not among them, for what is deployed would be another commit."""
        return frozenset(self._lost)

    async def boot(self) -> None:
        """Recover what a crash left, then see that every live release runs and is routed. Never restarts what runs."""
        await self._start_ingress()
        for deployment in await self._ledger.read(lambda records: records.deployments.all_in(list(RUNNING))):
            await self._recover(deployment)
        wanted = {}
        for project, live in await self._live_projects():
            wanted[release_of(live)] = project
            if not project.down:
                await self.tend(project, live)
                if project.name in self.problems:
                    await self._died(release_of(live))
        for release in await self._runner.running():
            if release not in wanted:
                await self._retiring.let_go(release)
            elif wanted[release].down:
                await self._runner.stop(release)
        await self._runner.watch(self._died)

    async def mend(self) -> None:
        """Try again at once what could not be mended so far."""
        if "ingress" in self._troubles.all:
            await self._start_ingress()
        for project, live in await self._live_projects():
            if project.name in self._troubles.all and not project.down:
                await self.tend(project, live)

    async def tend(self, project: Project, live: Deployment) -> None:
        """See that a live release runs and that its hosts lead to it; a failure is kept as a problem, never raised."""
        try:
            running = await self._runner.find(release_of(live))
            instance = running or await self._start(project, live)
            async with self._releases.routing:
                hosts = [one.hosts for one, now in await self._live_projects() if now.id == live.id]
                for host in itertools.chain(*hosts):
                    if await self._ingress.current(host) != instance.address:
                        await self._ingress.switch(host, instance.address)
            if not hosts and not running:  # a newer one went live while this was started
                await self._runner.stop(release_of(live))
            if not self._troubles.keeps_ending(release_of(live)):
                self._troubles.over(project.name)
            self._lost.discard(project.id)
        except BoxError as error:
            self._troubles.note(project.name, error)
            if error.code is Code.NOT_FOUND and not project.pinned_deployment_id:
                self._lost.add(project.id)

    async def _start_ingress(self) -> None:
        """Whoever holds its port may go, and a Caddy may be installed: it is tried until it works."""
        try:
            await self._ingress.start(await self._releases.all_hosts())
            self._troubles.over("ingress")
            self._ingress_tries = 0
        except BoxError as error:
            self._troubles.note("ingress", error)
            self._ingress_tries += 1
            pause = PAUSES[min(self._ingress_tries, len(PAUSES) - 1)]
            due = self._clock.now() + timedelta(seconds=pause)
            self._alarms.once(due, "start the ingress", self._start_ingress)

    async def _recover(self, deployment: Deployment) -> None:
        """End or requeue a deployment that a crash interrupted. Past the switch the route file says what is true."""
        release = release_of(deployment)
        if deployment.state is DeploymentState.SWITCHING and await self._is_routed(deployment):
            old = await self._stages.went_live(deployment.id)
            if old and release_of(old) != release:
                await self._retiring.let_go(release_of(old))
            return
        await self._runner.stop(release)
        if deployment.rollback_to is None:
            await self._builder.discard(release)
        if deployment.cancel_requested:
            await self._stages.cancelled(deployment.id)
        elif deployment.attempt >= MAX_TRIES:
            gave_up = DeployFailed(
                Code.INTERNAL,
                f"this was begun {deployment.attempt} times, and the last time the box stopped half-way",
                hint="look into the box's log for why, then run: nanoscale-box deploy PROJECT",
            )
            await self._stages.failed(deployment.id, gave_up)
        else:
            await self._stages.again(deployment.id, self._clock.now(), None)

    async def _is_routed(self, deployment: Deployment) -> bool:
        project = await self._ledger.read(lambda records: records.projects.get(deployment.project_id))
        instance = await self._runner.find(release_of(deployment))
        if project is None or instance is None:
            return False
        return all([await self._ingress.current(host) == instance.address for host in project.hosts])

    async def _live_projects(self) -> list[tuple[Project, Deployment]]:
        return await self._ledger.read(_live_pairs)

    async def _start(self, project: Project, live: Deployment) -> Instance:
        release = release_of(live)
        built = await self._releases.kept(release)
        instance = await self._runner.start(release, built.plan, built.root_directory, built.env, project.limits)
        await self._runner.gate(instance, built.plan.health)
        return instance

    async def _died(self, release: Release) -> None:
        """An app ended by itself: start it again after a pause that grows with each time. Its hosts lead to it still:
        what is wrong with an app is no reason to forget where it belongs."""
        due = self._clock.now() + timedelta(seconds=self._troubles.ended(release))
        self._alarms.once(due, f"restart {release.deployment_id}", partial(self._revive, release))
        if self._troubles.keeps_ending(release):
            for project in await self._led_to(release):
                await self._tell(project, self._troubles.crashing(project, release))
            calm = self._clock.now() + WINDOW
            self._alarms.once(calm, f"calm {release.deployment_id}", partial(self._calm, release))

    async def _revive(self, release: Release) -> None:
        for project, live in await self._live_projects():
            if release_of(live) == release and not project.down:
                await self.tend(project, live)
                problem = self.problems.get(project.name)
                await self._tell(project, problem)
                if problem is not None and problem.code is not Code.APP_CRASHING:
                    await self._died(release)

    async def _calm(self, release: Release) -> None:
        """An app that kept ending has run for long enough."""
        if not self._troubles.keeps_ending(release):
            for project in await self._led_to(release):
                if project.name in self.problems:
                    self._troubles.over(project.name)
                    await self._tell(project, None)

    async def _led_to(self, release: Release) -> list[Project]:
        return [project for project, live in await self._live_projects() if release_of(live) == release]

    async def _tell(self, project: Project, problem: BoxError | None) -> None:
        """Tell how an app stands, on the event stream too."""
        if problem is not None:
            self._troubles.note(project.name, problem)
        reason = problem.detail if problem else None
        now = self._clock.now()
        await self._ledger.write(partial(tell_project, project=project, change="state", at=now, reason=reason))


def _live_pairs(records: Records) -> list[tuple[Project, Deployment]]:
    pairs = []
    for project in records.projects.list():
        live = records.deployments.get(project.live_deployment_id) if project.live_deployment_id else None
        if live and live.state is DeploymentState.LIVE:
            pairs.append((project, live))
    return pairs

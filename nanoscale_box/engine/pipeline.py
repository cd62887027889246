"""How one commit becomes the running release: fetch, build, start, gate, switch, retire; undone whole when a step
fails."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from functools import partial

from nanoscale_box.core.ci import waits
from nanoscale_box.core.decide import short, unwatched, watched
from nanoscale_box.core.errors import BoxError, Code, DeployFailed
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Address, Deployment, Instance, Project, Release, Sha, Trigger
from nanoscale_box.core.plan import Command, HealthSaid, Settings, detect, missing_tools
from nanoscale_box.core.settings import status_range
from nanoscale_box.engine.comparing import Comparing
from nanoscale_box.engine.confirming import confirmed
from nanoscale_box.engine.kit import Hands
from nanoscale_box.engine.ports import Errand, Progress
from nanoscale_box.engine.queue import release_of
from nanoscale_box.engine.releases import Built, Releases
from nanoscale_box.engine.remotes import Remotes, cache_key
from nanoscale_box.engine.retiring import AT_ONCE_SECONDS, Retiring
from nanoscale_box.engine.stages import Stages
from nanoscale_box.engine.troubles import Troubles


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One deployment on its way, with what it needs to know of its project."""

    project: Project
    deployment: Deployment
    live: Deployment | None

    @property
    def release(self) -> Release:
        """Where its files are and its instance runs."""
        return release_of(self.deployment)


class Pipeline:
    """Runs deployments, one call a deployment; the release before it serves until the new one is healthy."""

    def __init__(
        self,
        *,
        stages: Stages,
        remotes: Remotes,
        comparing: Comparing,
        releases: Releases,
        retiring: Retiring,
        troubles: Troubles,
        hands: Hands,
    ) -> None:
        self._stages = stages
        self._retiring = retiring
        self._troubles = troubles
        self._remotes = remotes
        self._comparing = comparing
        self._releases = releases
        self._source = hands.source
        self._builder = hands.builder
        self._runner = hands.runner
        self._ingress = hands.ingress
        self._logs = hands.logs

    async def run(self, job: Job) -> None:
        """Deploy, or raise with everything undone. `BoxError`: why it failed; `CancelledError`: somebody asked."""
        undo = AsyncExitStack()
        try:
            if job.deployment.rollback_to is not None:
                built = await self._releases.kept(job.release)
            else:
                await self._builder.check_room()
                if not await self._fetch(job, undo):
                    return
                built = await self._build(job)
                await self._once(job, built, "preflight", built.plan.preflight)
            instance = await self._start(job, built, undo)
            if job.deployment.rollback_to is None:
                await self._once(job, built, "release", built.plan.release)
            await self._stages.move(job.deployment.id, DeploymentState.SWITCHING)
            # From here on nobody may cancel: visitors may already see the new release.
            await _uninterrupted(self._switch(job, instance, undo))
        except BoxError as error:
            with suppress(BoxError):  # a full disk has no room for this line either
                self._say(job)(f"failed: {error.detail}")
            raise
        finally:
            await _uninterrupted(self._end(job, undo))

    async def _fetch(self, job: Job, undo: AsyncExitStack) -> bool:
        """Confirm the head and check it out; False when nothing is to be done (now)."""
        say = self._say(job)
        async with self._stages.step(job.deployment.id, "fetch"), self._remotes.open(job.project) as remote:
            found = await confirmed(self._source, remote, job.project)
            head = found.sha
            if job.live and job.live.sha == head and job.deployment.trigger not in _ON_REQUEST:
                await self._stages.needless(job.deployment.id, job.live)
                return False
            if await self._is_unwatched(job, head):
                return False
            if waits(job.project, job.deployment.trigger) and head != job.deployment.sha:
                await self._stages.hold(job.deployment.id, head)  # the checks seen were another commit's
                return False
            say(f"fetching {found.name} at {short(head)}")
            undo.push_async_callback(self._builder.discard, job.release)
            commit = await self._source.checkout(remote, job.project.branch, head, job.release, say)
        await self._stages.move(
            job.deployment.id,
            DeploymentState.BUILDING,
            sha=head,
            ref=found.ref,
            subject=commit.subject or job.deployment.subject,
            author=commit.author or job.deployment.author,
        )
        return True

    async def _is_unwatched(self, job: Job, head: Sha) -> bool:
        """Whether the head differs from what is live in nothing that is watched; what nobody can tell is deployed."""
        live, project = job.live, job.project
        if live is None or live.sha is None or job.deployment.trigger in _ON_REQUEST or not watched(project):
            return False
        ignored = unwatched(project, await self._comparing.changed(project, live.sha, head))
        if ignored is None:
            return False
        await self._stages.unwatched(job.deployment.id, live, head, ignored.reason)
        return True

    async def _build(self, job: Job) -> Built:
        project, say = job.project, self._say(job)
        async with self._stages.step(job.deployment.id, "build"):
            env = await self._releases.environment(project.id)
            tree = await self._builder.inspect(job.release, project.root_directory)
            plan = detect(tree, settings_of(project))
            say(f"plan: {plan.kind} ({plan.why})")
            if missing := missing_tools(plan, tree):
                raise DeployFailed(
                    Code.TOOL_MISSING,
                    f"this machine lacks {', '.join(missing)}, which the build needs",
                    hint="install what is missing and deploy again, or set other commands for the project",
                )
            if job.deployment.clear_cache:
                await self._builder.clear_cache(project.id)
            await self._builder.build(job.release, project.root_directory, plan, env, say, project.limits)
            built = Built(plan=plan, root_directory=project.root_directory, env=tuple(env))
            await self._releases.keep(job.release, built)
        await self._stages.move(job.deployment.id, DeploymentState.STARTING)
        return built

    async def _start(self, job: Job, built: Built, undo: AsyncExitStack) -> Instance:
        say = self._say(job)
        async with self._stages.step(job.deployment.id, "start"):
            await self._retiring.recall(job.release)
            running = await self._runner.find(job.release)
            if job.live is None or release_of(job.live) != job.release:
                undo.push_async_callback(self._retiring.let_go if running else self._runner.stop, job.release)
            instance = running or await self._runner.start(
                job.release, built.plan, built.root_directory, built.env, job.project.limits
            )
            say(f"started; waiting for {built.plan.health.path} to answer")
            await self._runner.gate(instance, built.plan.health)
            await self._ingress.start(await self._releases.all_hosts())
        return instance

    async def _once(self, job: Job, built: Built, name: str, command: Command | None) -> None:
        """Run the owner's command of this name, if there is one; a release that was kept has had its turn."""
        if command is None:
            return
        errand = Errand(name=name, command=command, plan=built.plan, root_directory=built.root_directory)
        async with self._stages.step(job.deployment.id, name):
            await self._runner.run_once(job.release, errand, built.env, self._say(job), job.project.limits)

    async def _switch(self, job: Job, instance: Instance, undo: AsyncExitStack) -> None:
        """Lead every host to the new instance, record it, and only then let the old one go."""
        async with self._releases.routing:
            async with self._stages.step(job.deployment.id, "switch"):
                undo.push_async_callback(self._ingress.drain, instance.address, AT_ONCE_SECONDS)
                hosts = await self._releases.hosts(job.project.id)  # as they are now; the owner may have changed them
                for host in hosts:
                    undo.push_async_callback(self._lead_back, host, await self._ingress.current(host))
                    await self._ingress.switch(host, instance.address)
                self._say(job)(f"answers at {', '.join(map(self._ingress.url, hosts))}")
            old = await self._stages.went_live(job.deployment.id)
        undo.pop_all()
        self._troubles.over(job.project.name)
        if old and release_of(old) != job.release:
            await self._retiring.let_go(release_of(old))
        await self._releases.trim(job.project.id)

    async def _lead_back(self, host: str, before: Address | None) -> None:
        if before is None:
            await self._ingress.remove(host)
        else:
            await self._ingress.switch(host, before)

    async def _end(self, job: Job, undo: AsyncExitStack) -> None:
        try:
            await undo.aclose()
        finally:
            self._logs.close(job.release)
            self._source.prepare(cache_key(job.project))

    def _say(self, job: Job) -> Progress:
        return partial(self._logs.build_line, job.release)


_ON_REQUEST = frozenset({Trigger.MANUAL, Trigger.CREATE})


def settings_of(project: Project) -> Settings:
    """The project's own commands, as planning takes them."""
    return Settings(
        install_command=project.install_command,
        build_command=project.build_command,
        run_command=project.run_command,
        output_directory=project.output_directory,
        preflight_command=project.settings.preflight_command,
        release_command=project.settings.release_command,
        health=HealthSaid(
            path=project.settings.health_path,
            status=status_range(project.settings.health_status) if project.settings.health_status else None,
            timeout_seconds=project.settings.health_timeout_seconds,
            grace_seconds=project.settings.health_grace_seconds,
        ),
    )


async def _uninterrupted(work: Coroutine[None, None, None]) -> None:
    """Run to the end even when the waiting task is cancelled meanwhile; the cancellation is told afterwards."""
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
    task.result()
    if cancelled:
        raise cancelled

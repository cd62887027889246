"""Compares branch heads with what is deployed: at start, on a timer, and when the owner asks; webhooks only make it
faster."""

from __future__ import annotations

from collections.abc import Callable

from nanoscale_box.core.decide import Change
from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github import skip_marker
from nanoscale_box.core.github_model import Commit
from nanoscale_box.core.model import Project, ProjectId, Trigger
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Github, Remote, Source
from nanoscale_box.engine.queue import Decided, Queue
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.remotes import cache_key


class Polling:
    """Asks for heads and submits what differs. One request per branch; a 304 of GitHub's is free."""

    def __init__(
        self,
        *,
        desk: Desk,
        queue: Queue,
        github: Github,
        source: Source,
        app: AppKeeper,
        wake: Callable[[], None],
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._queue = queue
        self._github = github
        self._source = source
        self._app = app
        self._wake = wake
        self._failures: dict[ProjectId, BoxError] = {}

    @property
    def failures(self) -> dict[ProjectId, BoxError]:
        """Why a project's head could not be asked for, the last time."""
        return dict(self._failures)

    async def poll(self) -> None:
        """Compare every project that is not paused. One that cannot be asked does not hold up the others."""
        for project in await self._ledger.read(lambda records: records.projects.list()):
            if project.paused or (project.link and not project.link.active):
                continue
            try:
                await self.compare(project, Trigger.POLL)
                self._failures.pop(project.id, None)
            except BoxError as error:
                self._failures[project.id] = error

    async def compare(self, project: Project, trigger: Trigger) -> Decided | None:
        """Ask for the head and submit it if something is owed; None when nothing is."""
        head = await self._head(project)
        if head is None:
            return None
        change = Change(
            source=trigger,
            ref=f"refs/heads/{project.branch}",
            after=head.sha,
            subject=head.subject,
            author=head.author,
            skip_marker=skip_marker(head.message),
        )
        decided = await self._ledger.write(lambda records: self._submit(records, project.id, change))
        if decided and decided.deployment:
            self._wake()
        return decided

    def _submit(self, records: Records, project_id: ProjectId, change: Change) -> Decided | None:
        """A head that is known already leaves no trace: a verdict a minute would bury those that matter."""
        project = records.projects.get(project_id)
        if project is None:
            return None
        known = self._queue.known(records, project)
        current = (known.live, known.queued, known.running)
        if any(one and one.sha in (change.after, None) for one in current):
            return None
        if change.after in (known.last_failed_sha, known.last_cancelled_sha) or _skipped(records, project, change):
            return None
        return self._queue.submit(records, project, change, self._clock.now())

    async def _head(self, project: Project) -> Commit | None:
        if project.link is not None:
            app = await self._app.required()
            link = project.link
            return await self._github.head(app, link.installation_id, link.repo_id, project.branch)
        remote = Remote(url=str(project.repo_url), cache_key=cache_key(project))
        sha = await self._source.head(remote, project.branch)
        return Commit(sha=sha) if sha else None


def _skipped(records: Records, project: Project, change: Change) -> bool:
    """Whether a verdict says already that this commit is not to be deployed."""
    if change.source is Trigger.MANUAL or not change.skip_marker:
        return False
    told = (records.verdicts.newest(project.id, source) for source in (Trigger.PUSH, change.source))
    return any(verdict and verdict.sha == change.after for verdict in told)

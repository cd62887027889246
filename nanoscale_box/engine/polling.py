"""Compares branch heads with what is deployed: at start, on a timer, after a gap in time, and when the owner asks;
webhooks only make it faster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.decide import Change, watched
from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github import skip_marker
from nanoscale_box.core.github_model import Commit
from nanoscale_box.core.model import Link, Outcome, Project, ProjectId, Sha, Trigger
from nanoscale_box.core.tags import TAGS, followed_ref, newest_tag
from nanoscale_box.engine import heads
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.comparing import Comparing
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.ports import Github, Remote, Source
from nanoscale_box.engine.queue import Decided, Queue
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.remotes import cache_key

_LASTING: Final = frozenset({"skip_marker", "unwatched"})
"""Reasons that hold as long as the head stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A project's head, as far as whoever was asked told."""

    ref: str
    commit: Commit


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """Whom heads are asked of."""

    github: Github
    source: Source
    app: AppKeeper
    comparing: Comparing


class Polling:
    """Asks for heads and submits what differs. One request per repository; a 304 of GitHub's is free."""

    def __init__(self, *, desk: Desk, queue: Queue, outside: Outside, wake: Callable[[], None]) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._queue = queue
        self._github = outside.github
        self._source = outside.source
        self._app = outside.app
        self._comparing = outside.comparing
        self._wake = wake
        self._failures: dict[ProjectId, BoxError] = {}

    @property
    def failures(self) -> dict[ProjectId, BoxError]:
        """Why a project's head could not be asked for, the last time."""
        return dict(self._failures)

    async def poll(self) -> None:
        """Compare every project, a paused one for what it misses. A repository that cannot be asked does not hold up
        the others."""
        groups: dict[str, list[Project]] = {}
        for project in await self._ledger.read(lambda records: records.projects.list()):
            if project.link is None or project.link.active:
                groups.setdefault(cache_key(project), []).append(project)
        for projects in groups.values():
            try:
                found = await self._look(projects)
            except BoxError as error:
                self._failures |= {project.id: error for project in projects}
                continue
            for project in projects:
                await self._try(project, found.get(project.id))

    async def compare(self, project: Project, trigger: Trigger) -> Decided | None:
        """Ask for one project's head and submit it if something is owed; None when nothing is."""
        return await self._consider(project, (await self._look([project])).get(project.id), trigger)

    async def _try(self, project: Project, seen: _Seen | None) -> None:
        try:
            await self._consider(project, seen, Trigger.POLL)
            self._failures.pop(project.id, None)
        except BoxError as error:
            self._failures[project.id] = error

    async def _look(self, projects: Sequence[Project]) -> Mapping[ProjectId, _Seen]:
        """Where the heads of projects on one repository are."""
        on_branches = [one for one in projects if one.settings.tag_pattern is None]
        found = await self._heads(on_branches) if on_branches else {}
        seen = {
            one.id: _Seen(ref=followed_ref(one), commit=found[one.branch]) for one in on_branches if one.branch in found
        }
        for one in projects:
            if one.settings.tag_pattern is not None and (tag := await self._tag(one, one.settings.tag_pattern)):
                seen[one.id] = tag
        return seen

    async def _tag(self, project: Project, pattern: str) -> _Seen | None:
        link = project.link
        if link is None:
            remote = Remote(url=str(project.repo_url), cache_key=cache_key(project))
            found = await self._source.newest_tag(remote, pattern)
            return _Seen(ref=f"{TAGS}{found[0]}", commit=Commit(sha=found[1])) if found else None
        app = await self._app.required()
        name = newest_tag(pattern, await self._github.tags(app, link.installation_id, link.repo_id))
        commit = await self._github.tag(app, link.installation_id, link.repo_id, name) if name else None
        return _Seen(ref=f"{TAGS}{name}", commit=commit) if commit else None

    async def _heads(self, projects: Sequence[Project]) -> Mapping[str, Commit]:
        """The heads of the branches that projects on one repository deploy; a branch that is gone has none."""
        branches = sorted({project.branch for project in projects})
        link = projects[0].link
        if link is None:
            remote = Remote(url=str(projects[0].repo_url), cache_key=cache_key(projects[0]))
            shas = {branch: await self._source.head(remote, branch) for branch in branches}
            return {branch: Commit(sha=sha) for branch, sha in shas.items() if sha}
        if len(branches) == 1:
            found = await self._commit(link, branches[0])
            return {branches[0]: found} if found else {}
        return await self._listed(link, set(branches))

    async def _listed(self, link: Link, branches: set[str]) -> Mapping[str, Commit]:
        """Several branches in one request, without what their commits say."""
        repository = await self._ledger.read(lambda records: records.github.repository(link.repo_id))
        if repository is None:
            return {}
        listed = await self._github.branches(await self._app.required(), link.installation_id, repository)
        return {one.name: Commit(sha=one.sha) for one in listed if one.name in branches}

    async def _commit(self, link: Link, branch: str) -> Commit | None:
        return await self._github.head(await self._app.required(), link.installation_id, link.repo_id, branch)

    async def _consider(self, project: Project, seen: _Seen | None, trigger: Trigger) -> Decided | None:
        """Submit the head if it is not settled, and count how far what runs is behind it."""
        if seen is None:
            return None
        head = seen.commit
        live = await self._ledger.read(lambda records: _live_sha(records, project))
        if await self._ledger.read(lambda records: self._is_settled(records, project.id, head.sha, trigger)):
            decided = None
            known = await self._ledger.read(lambda records: heads.head_of(records, project.id))
            if known is None or known.sha != head.sha:
                await self._ledger.write(lambda records: self._heard(records, project.id, head.sha))
        else:
            change = await self._change(project, seen, live, trigger)
            decided = await self._ledger.write(lambda records: self._submit(records, project.id, change))
        if decided and decided.deployment:
            self._wake()
        if live and live != head.sha:
            await self._count(project, live, head.sha)
        return decided

    async def _change(self, project: Project, seen: _Seen, live: Sha | None, trigger: Trigger) -> Change:
        head = seen.commit
        if head.message is None and project.link is not None and not seen.ref.startswith(TAGS):
            told = await self._commit(project.link, project.branch)
            head = told if told and told.sha == head.sha else head
        changed = await self._comparing.changed(project, live, head.sha) if live and watched(project) else None
        return Change(
            source=trigger,
            ref=seen.ref,
            after=head.sha,
            subject=head.subject,
            author=head.author,
            skip_marker=skip_marker(head.message),
            base=live,
            changed=changed,
        )

    async def _count(self, project: Project, live: Sha, head: Sha) -> None:
        """How many commits the head is ahead; asked once for each pair."""
        known = await self._ledger.read(lambda records: heads.head_of(records, project.id))
        if known is None or known.sha != head or known.live == live:
            return
        try:
            compared = await self._comparing.compare(project, live, head)
        except BoxError:  # the next poll asks again
            return
        ahead = compared.ahead if compared else None
        await self._ledger.write(lambda records: heads.counted(records, project.id, live, head, ahead))

    def _submit(self, records: Records, project_id: ProjectId, change: Change) -> Decided | None:
        project = records.projects.get(project_id)
        if project is None or self._is_settled(records, project_id, change.after, change.source):
            return None
        return self._queue.submit(records, project, change, self._clock.now())

    def _heard(self, records: Records, project_id: ProjectId, head: Sha) -> None:
        project = records.projects.get(project_id)
        if project is not None:
            heads.heard(records, project, head, self._clock.now())

    def _is_settled(self, records: Records, project_id: ProjectId, head: Sha | None, source: Trigger) -> bool:
        """A head that is known already leaves no trace: a verdict a minute would bury those that matter."""
        project = records.projects.get(project_id)
        if project is None:
            return True
        known = self._queue.known(records, project)
        if any(one and one.sha in (head, None) for one in (known.live, known.queued, known.running)):
            return True
        return head in (known.last_failed_sha, known.last_cancelled_sha) or _is_told(records, project, head, source)


def _is_told(records: Records, project: Project, head: Sha | None, source: Trigger) -> bool:
    """Whether a verdict says already that this commit is not to be deployed."""
    if source is Trigger.MANUAL:
        return False
    lasting = _LASTING | {"paused"} if project.paused else _LASTING
    told = [records.verdicts.newest(project.id, one) for one in (Trigger.PUSH, Trigger.POLL, Trigger.SWEEP)]
    return any(
        verdict and verdict.sha == head and verdict.outcome is Outcome.IGNORED and verdict.code in lasting
        for verdict in told
    )


def _live_sha(records: Records, project: Project) -> Sha | None:
    live = records.deployments.get(project.live_deployment_id) if project.live_deployment_id else None
    return live.sha if live else None

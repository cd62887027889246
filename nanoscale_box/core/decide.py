"""Whether a change of a branch is owed a deployment: one pure function for webhook, poll, sweep and the Deploy key."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

import msgspec

from nanoscale_box.core.model import DeliveryId, Deployment, Project, Sha, Trigger
from nanoscale_box.core.tags import TAGS
from nanoscale_box.core.text import inert
from nanoscale_box.core.watch import matches, touches

ZERO_SHA: Final = Sha("0" * 40)


class Moved(Protocol):
    """A ref that is elsewhere now."""

    @property
    def ref(self) -> str: ...
    @property
    def after(self) -> Sha | None: ...
    @property
    def deleted(self) -> bool: ...
    @property
    def branch(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What somebody says a ref is now. Nobody is believed: the head is confirmed with the source before fetching."""

    source: Trigger
    ref: str
    after: Sha | None
    """The commit, or None: the head, whatever it is (only the owner's own word may say that)."""
    deleted: bool = False
    subject: str | None = None
    author: str | None = None
    skip_marker: str | None = None
    delivery_id: DeliveryId | None = None
    base: Sha | None = None
    """The commit that `changed` is counted from."""
    changed: frozenset[str] | None = None
    """Every path that differs from `base`, perhaps others too; None when that is not known."""

    @property
    def branch(self) -> str | None:
        """The branch's name; None for a tag or any other ref."""
        return self.ref.removeprefix("refs/heads/") if self.ref.startswith("refs/heads/") else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the box remembers of a project at the moment of deciding."""

    live: Deployment | None = None
    queued: Deployment | None = None
    running: Deployment | None = None
    last_failed_sha: Sha | None = None
    last_cancelled_sha: Sha | None = None
    """What the owner cancelled, if nothing came after it."""
    told_by_other_hook: bool = False
    """The same push came by another hook before, and this is that hook's counterpart."""
    as_good_as_live: Sha | None = None
    """The newest commit that differs from the live one in nothing that is watched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Debounce:
    """Quiet time after the last push, and the longest a burst may wait."""

    quiet: timedelta
    longest: timedelta


class Ignore(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing is owed, and why."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Enqueue:
    """A deployment of `sha` is owed at `due_at`; `supersedes` is the waiting one it replaces."""

    sha: Sha | None
    due_at: datetime
    burst_since: datetime
    supersedes: Deployment | None = None


Decision = Ignore | Enqueue


def decide(change: Change, project: Project, known: Known, debounce: Debounce, now: datetime) -> Decision:
    """Decide what `change` means for `project`; the first rule that speaks wins."""
    ignored = (
        _not_this_branch(change, project)
        or _told_twice(change, project, known)
        or _held_back(change, project)
        or _known_already(change, known)
        or _given_up(change, known)
        or _nothing_watched(change, project, known)
    )
    return ignored or _enqueue(change, known, debounce, now)


def watched(project: Project) -> tuple[str, ...]:
    """The patterns of what makes a push worth a deployment; none: everything. A root directory is one by itself."""
    root = (project.root_directory or "").strip("/")
    return project.settings.watch_paths or ((f"{root}/",) if root not in ("", ".") else ())


def unwatched(project: Project, changed: Collection[str] | None) -> Ignore | None:
    """The verdict on a net difference from what is live that holds nothing watched."""
    if changed is None or touches(watched(project), changed):
        return None
    return Ignore(code="unwatched", reason=f"nothing that {project.name} watches has changed: {_places(changed)}")


def ignored_at_sight(change: Moved, project: Project) -> Ignore | None:
    """The verdict on a change that needs nothing of what is remembered: the first of the rules of `decide`."""
    return _not_this_branch(change, project)


def short(sha: str | None) -> str:
    """A commit as people write it."""
    return sha[:7] if sha else "an unknown commit"


def _not_this_branch(change: Moved, project: Project) -> Ignore | None:
    branch = change.branch
    if project.settings.tag_pattern is not None:
        return _not_this_tag(change, project, project.settings.tag_pattern)
    if branch != project.branch:
        if change.ref.startswith("refs/tags/"):
            return Ignore(code="tag", reason=f"a tag was pushed; {project.name} deploys the branch {project.branch}")
        return Ignore(
            code="other_branch",
            reason=f"the push went to {branch or change.ref}; {project.name} deploys {project.branch}",
        )
    if change.deleted or change.after == ZERO_SHA:
        return Ignore(code="branch_deleted", reason=f"{project.branch} was deleted; what runs goes on running")
    return None


def _not_this_tag(change: Moved, project: Project, pattern: str) -> Ignore | None:
    tag = change.ref.removeprefix(TAGS) if change.ref.startswith(TAGS) else None
    if tag is None or not matches(pattern, tag):
        pushed = f"the tag {tag}" if tag else change.branch or change.ref
        return Ignore(code="other_tag", reason=f"the push went to {pushed}; {project.name} deploys tags like {pattern}")
    if change.deleted or change.after == ZERO_SHA:
        return Ignore(code="tag_deleted", reason=f"the tag {tag} was deleted; what runs goes on running")
    return None


def _told_twice(change: Change, project: Project, known: Known) -> Ignore | None:
    if not known.told_by_other_hook:
        return None
    return Ignore(
        code="same_push", reason=f"the same push of {short(change.after)} came by {project.name}'s other hook before"
    )


def _held_back(change: Change, project: Project) -> Ignore | None:
    if change.source in (Trigger.MANUAL, Trigger.CREATE):
        return None
    if project.paused:
        return Ignore(code="paused", reason=f"{project.name} is paused: {project.paused_reason}")
    if change.skip_marker:
        return Ignore(code="skip_marker", reason=f"the head commit says {change.skip_marker}")
    return None


def _known_already(change: Change, known: Known) -> Ignore | None:
    if change.source in (Trigger.MANUAL, Trigger.CREATE):
        return None
    if known.queued:
        if known.queued.sha == change.after:
            return Ignore(
                code="already_queued", reason=f"{short(change.after)} is queued already as #{known.queued.number}"
            )
        return None
    if known.running:
        if known.running.sha == change.after:
            return Ignore(
                code="already_running",
                reason=f"{short(change.after)} is being deployed already as #{known.running.number}",
            )
        return None
    if known.live and known.live.sha == change.after:
        return Ignore(code="already_live", reason=f"{short(change.after)} is live already as #{known.live.number}")
    return None


def _given_up(change: Change, known: Known) -> Ignore | None:
    """What the box notices by itself does not begin again what failed or what the owner cancelled."""
    if change.source not in (Trigger.POLL, Trigger.SWEEP) or known.queued or known.running:
        return None
    if known.last_failed_sha == change.after:
        return Ignore(
            code="failed_before", reason=f"{short(change.after)} failed before; push a fix, or deploy it by hand"
        )
    if known.last_cancelled_sha == change.after:
        return Ignore(code="cancelled_before", reason=f"{short(change.after)} was cancelled; deploy it by hand")
    return None


def _nothing_watched(change: Change, project: Project, known: Known) -> Ignore | None:
    """Counted from what is live; while something else is on its way, nobody knows what that will be."""
    if change.source in (Trigger.MANUAL, Trigger.CREATE) or known.queued or known.running or not known.live:
        return None
    if change.base is None or change.base not in (known.live.sha, known.as_good_as_live):
        return None
    return unwatched(project, change.changed)


def _places(changed: Collection[str]) -> str:
    """Where something changed, in a few words."""
    if not changed:
        return "no file differs"
    tops = sorted({f"{first}/" if rest else first for first, _, rest in (path.partition("/") for path in changed)})
    more = f" and {len(tops) - 3} more" if len(tops) > 3 else ""
    return f"only {', '.join(inert(top, limit=60) for top in tops[:3])}{more}"


def _enqueue(change: Change, known: Known, debounce: Debounce, now: datetime) -> Enqueue:
    """Trailing debounce with a cap: each push moves the due time, but never past `longest` after the burst began."""
    burst_since = known.queued.burst_since if known.queued else now
    at_once = change.source in (Trigger.MANUAL, Trigger.CREATE)
    due_at = now if at_once else min(now + debounce.quiet, burst_since + debounce.longest)
    return Enqueue(sha=change.after, due_at=max(due_at, now), burst_since=burst_since, supersedes=known.queued)

"""What the box heard last of each project's head, and how far what runs is from it."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime

from nanoscale_box.core.model import Deployment, Project, ProjectId, Sha
from nanoscale_box.engine.records import Page, Records
from nanoscale_box.engine.views import Drift


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The head of a project's branch; `since`: when the first commit after the live one was heard of."""

    sha: Sha
    since: datetime
    live: Sha | None = None
    """The live commit that `ahead` is counted from."""
    ahead: int | None = None


def heard(records: Records, project: Project, sha: Sha, now: datetime) -> None:
    """Note where the branch is now; what is known already leaves no trace."""
    known = head_of(records, project.id)
    if known and known.sha == sha:
        return
    live = _live_sha(records, project)
    drifts = known is not None and known.sha != live
    _keep(records, project.id, Head(sha=sha, since=known.since if known and drifts else now))


def counted(records: Records, project_id: ProjectId, live: Sha, head: Sha, ahead: int | None) -> None:
    """Note how many commits the head is ahead of what is live; None: nobody can tell."""
    known = head_of(records, project_id)
    if known and known.sha == head and (known.live, known.ahead) != (live, ahead):
        _keep(records, project_id, replace(known, live=live, ahead=ahead))


def forget(records: Records, project_id: ProjectId) -> None:
    """The project goes, or deploys something else from now on."""
    records.keeper.drop(_name(project_id))


def head_of(records: Records, project_id: ProjectId) -> Head | None:
    """What was heard last; None before anything was."""
    text = records.keeper.get(_name(project_id))
    if text is None:
        return None
    fields = json.loads(text)
    return Head(
        sha=Sha(fields["sha"]),
        since=datetime.fromisoformat(fields["since"]),
        live=Sha(fields["live"]) if fields["live"] else None,
        ahead=fields["ahead"],
    )


def drift_of(records: Records, project: Project, live: Deployment | None) -> Drift | None:
    """How far what runs is from the head; None when it is the head, or nothing runs yet."""
    head = head_of(records, project.id)
    if head is None or live is None or live.sha == head.sha:
        return None
    behind = head.ahead if head.live == live.sha else None
    return Drift(behind=behind, since=head.since, reason=_reason(records, project, head))


def _reason(records: Records, project: Project, head: Head) -> str:
    latest = records.deployments.latest(project.id)
    if latest and latest.finished_at is None:
        return f"#{latest.number} is {latest.state}"
    recent, _ = records.verdicts.list(project.id, Page(limit=20))
    told = next((one for one in recent if one.sha == head.sha), None)
    if project.paused:
        return f"{project.name} is paused: {project.paused_reason}"
    if told:
        return told.reason
    return "it was heard of just now"


def _live_sha(records: Records, project: Project) -> Sha | None:
    live = records.deployments.get(project.live_deployment_id) if project.live_deployment_id else None
    return live.sha if live else None


def _keep(records: Records, project_id: ProjectId, head: Head) -> None:
    fields = {"sha": head.sha, "since": head.since.isoformat(), "live": head.live, "ahead": head.ahead}
    records.keeper.put(_name(project_id), json.dumps(fields))


def _name(project_id: ProjectId) -> str:
    return f"head/{project_id}"

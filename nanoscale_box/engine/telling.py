"""How changes are told on the event stream: plain data under the field names of the API."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from nanoscale_box.core.audit import BOX, Act
from nanoscale_box.core.model import DeliveryId, Deployment, EventKind, Failure, News, Project, Verdict
from nanoscale_box.engine.records import Records


def tell_deployment(records: Records, deployment: Deployment, at: datetime) -> None:
    """Note on the stream how a deployment stands now."""
    records.events.add(
        EventKind.DEPLOYMENT,
        at,
        deployment_data(deployment),
        project_id=deployment.project_id,
        deployment_id=deployment.id,
    )


def tell_verdict(records: Records, verdict: Verdict, at: datetime) -> None:
    """Note on the stream what a verdict says now."""
    records.events.add_all([verdict_news(verdict, at)])


def verdict_news(verdict: Verdict, at: datetime) -> News:
    """What the stream tells of a verdict: it has the field names of the API already."""
    return News(
        kind=EventKind.VERDICT,
        at=at,
        data=verdict,
        project_id=verdict.project_id,
        deployment_id=verdict.deployment_id,
    )


def delivery_news(delivery_id: DeliveryId, event_type: str, status: str, at: datetime) -> News:
    """What the stream tells of a delivery."""
    data: dict[str, object] = {"delivery_id": delivery_id, "event_type": event_type, "status": status}
    return News(kind=EventKind.DELIVERY, at=at, data=data)


def tell_project(records: Records, project: Project, change: str, at: datetime, *, reason: str | None = None) -> None:
    """Note on the stream that a project changed: `created`, `changed`, `state` (with what is wrong, if something is),
    `deleted`."""
    data: dict[str, object] = {"id": project.id, "name": project.name, "change": change}
    if reason is not None:
        data["reason"] = reason
    records.events.add(EventKind.PROJECT, at, data, project_id=project.id)


def tell_github(records: Records, change: str, at: datetime, who: str = BOX, /, **more: object) -> None:
    """Note on the stream that the connection changed: `registered`, `connected`, `synced`, `disconnected`, ...; and in
    the audit, unless it only says how far the box has read."""
    records.events.add(EventKind.GITHUB, at, {"change": change, **more})
    if change not in _PROGRESS:
        said = more.get("account_login") or more.get("action") or more.get("reason") or ""
        records.audit.add(Act(who=who, action=f"github.{change}", detail=str(said)), at)


_PROGRESS = frozenset({"syncing", "synced", "sync_failed"})


def deployment_data(deployment: Deployment) -> dict[str, object]:
    """A deployment as the API shows it."""
    return {
        "id": deployment.id,
        "project_id": deployment.project_id,
        "number": deployment.number,
        "trigger": deployment.trigger.value,
        "state": deployment.state.value,
        "sha": deployment.sha,
        "ref": deployment.ref,
        "subject": deployment.subject,
        "author": deployment.author,
        "delivery_id": deployment.delivery_id,
        "superseded_by": deployment.superseded_by,
        "error": _problem(deployment.failure),
        "steps": [{"name": s.name, "state": s.state, "duration_ms": s.duration_ms} for s in deployment.steps],
        "queued_at": _time(deployment.queued_at),
        "due_at": _time(deployment.due_at),
        "started_at": _time(deployment.started_at),
        "finished_at": _time(deployment.finished_at),
    }


def _problem(failure: Failure | None) -> dict[str, object] | None:
    if failure is None:
        return None
    return {
        "title": "deployment failed",
        "status": 422,
        "detail": failure.detail,
        "code": failure.code,
        "type": "about:blank",
        "hint": failure.hint or None,
    }


@lru_cache(maxsize=256)  # what is told in one commit shares its time
def _time(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, ending in Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z") if moment else None

"""Records many pushes at once: those that are decided at sight, since nothing that is remembered could change it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.decide import Change, Ignore, ignored_at_sight
from nanoscale_box.core.github import Delivery, Push, skip_marker
from nanoscale_box.core.model import (
    DeliveryId,
    DeliveryRow,
    News,
    Outcome,
    Project,
    ProjectId,
    Receipt,
    RepoId,
    Trigger,
    Verdict,
    VerdictId,
)
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.telling import delivery_news, verdict_news

_NO_PROJECT: Final = Ignore(
    code="no_project", reason="no project of this box deploys from the repository that was pushed to"
)


class AtSight:
    """The way of most deliveries: pushes to branches that nobody deploys. All others are looked at one by one."""

    def __init__(self, *, desk: Desk, swept: Callable[[DeliveryId], bool]) -> None:
        self._clock = desk.clock
        self._ids = desk.ids
        self._reached = desk.reached
        self._swept = swept

    def record(self, records: Records, deliveries: Sequence[Delivery]) -> list[Receipt | None]:
        """Record those that can be decided at sight, with few statements for all; None for each of the others."""
        now = self._clock.now()
        ids = [delivery.delivery_id for delivery in deliveries]
        unfit = records.deliveries.known(ids)
        if len({*ids}) < len(ids):
            unfit |= {one for one in ids if ids.count(one) > 1}
        pushed = {delivery.push.repo_id for delivery in deliveries if delivery.push}
        projects = {repo_id: records.projects.on_repository(repo_id) for repo_id in pushed}
        receipts: list[Receipt | None] = []
        rows: list[DeliveryRow] = []
        verdicts: list[Verdict] = []
        news: list[News] = []
        for delivery in deliveries:
            alone = delivery.delivery_id in unfit or self._swept(delivery.delivery_id)
            decided = None if alone else self._decide(delivery, projects, now)
            if not decided:
                receipts.append(None)
                continue
            verdicts += decided
            news += [verdict_news(verdict, now) for verdict in decided]
            news.append(delivery_news(delivery.delivery_id, delivery.event, "ignored", now))
            rows.append(delivery_row(delivery, self._ids.new("dlv"), now, handled_with=200))
            receipts.append(
                Receipt(
                    status="ignored",
                    delivery_id=delivery.delivery_id,
                    reason=decided[0].reason,
                    verdicts=decided,
                    http_status=200,
                )
            )
        records.deliveries.add_all(rows)
        records.verdicts.add_all(verdicts)
        records.events.add_all(news)
        if rows:
            self._reached("record begun")
        return receipts

    def _decide(
        self, delivery: Delivery, projects: dict[RepoId, Sequence[Project]], now: datetime
    ) -> list[Verdict] | None:
        push = delivery.push
        if push is None:
            return None
        concerned = projects[push.repo_id]
        if not concerned:
            return [no_project(delivery, push, self._ids.new, now)]
        verdicts = []
        for project in concerned:
            ignored = ignored_at_sight(push, project)
            if ignored is None:
                return None
            verdicts.append(_verdict(delivery, push, ignored, self._ids.new, now, project.id))
        return verdicts


def change_of(delivery: Delivery, push: Push) -> Change:
    """What a push says of a branch."""
    return Change(
        source=Trigger.PUSH,
        ref=push.ref,
        after=push.after,
        deleted=push.deleted,
        subject=push.subject,
        author=push.author,
        skip_marker=skip_marker(push.message),
        delivery_id=delivery.delivery_id,
        base=push.before,
        changed=push.changed,
    )


def no_project(
    delivery: Delivery, push: Push, new_id: Callable[[str], str], now: datetime, source: Trigger = Trigger.PUSH
) -> Verdict:
    """The verdict on a push that concerns no project."""
    return _verdict(delivery, push, _NO_PROJECT, new_id, now, source=source)


def _verdict(
    delivery: Delivery,
    push: Push,
    ignored: Ignore,
    new_id: Callable[[str], str],
    now: datetime,
    project_id: ProjectId | None = None,
    *,
    source: Trigger = Trigger.PUSH,
) -> Verdict:
    return Verdict(
        id=VerdictId(new_id("ver")),
        project_id=project_id,
        source=source,
        outcome=Outcome.IGNORED,
        code=ignored.code,
        reason=ignored.reason,
        at=now,
        delivery_id=delivery.delivery_id,
        ref=push.ref,
        sha=push.after,
    )


def delivery_row(delivery: Delivery, row_id: str, now: datetime, handled_with: int | None = None) -> DeliveryRow:
    """A delivery as it is recorded; `handled_with` is the answer when nothing is left to do."""
    push = delivery.push
    return DeliveryRow(
        id=row_id,
        delivery_id=delivery.delivery_id,
        event_type=delivery.event,
        body_digest=delivery.body_mark,
        hook_id=str(delivery.hook_id or ""),
        created_at=now,
        repo_id=delivery.repo_id,
        ref=push.ref if push else None,
        before=push.before if push else None,
        head_commit=push.after if push else None,
        handled=handled_with is not None,
        status_code=handled_with,
    )

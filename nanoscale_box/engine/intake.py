"""Takes deliveries in: verified, recorded and decided in one commit, before GitHub is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Literal

from nanoscale_box.core.audit import GITHUB, Act
from nanoscale_box.core.errors import Code, Conflict
from nanoscale_box.core.github import (
    Delivery,
    GithubChange,
    Headers,
    HookNews,
    Push,
    check_signature,
    content_kind,
    parse_delivery,
    read_headers,
    same_body,
)
from nanoscale_box.core.model import DeliveryId, DeliveryRow, Outcome, Receipt, Trigger, Verdict
from nanoscale_box.engine.atsight import AtSight, change_of, delivery_row, no_project
from nanoscale_box.engine.following import follow
from nanoscale_box.engine.gathering import Gathering, Hearer, Into
from nanoscale_box.engine.keyring import Key, Keyring
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.queue import Queue
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.telling import delivery_news, tell_verdict


class Intake:
    """The way of a delivery from bytes to verdicts."""

    def __init__(
        self,
        *,
        desk: Desk,
        keyring: Keyring,
        queue: Queue,
        wake: Callable[[], None],
        followed: Callable[[GithubChange], None],
        swept: Callable[[DeliveryId], bool],
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._ids = desk.ids
        self._reached = desk.reached
        self._keyring = keyring
        self._queue = queue
        self._wake = wake
        self._followed = followed
        self._swept = swept
        self._opening: set[asyncio.Task[None]] = set()
        self._gathering = Gathering(desk.ledger, AtSight(desk=desk, swept=swept).record, self._alone)

    def check_headers(self, headers: Sequence[tuple[str, str]]) -> None:
        """Refuse a media type that no GitHub delivery has (415) before any byte of the body is read."""
        content_kind(headers)

    def receive(self, headers: Sequence[tuple[str, str]], body: bytes) -> asyncio.Future[Receipt]:
        """Verify, record and decide. `Unauthorized` or `Invalid`: refused, nothing written. Once there is a receipt,
        the row is on disk."""
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self.receive_for(future, headers, body)
        return future

    def receive_for(self, hearer: Hearer, headers: Sequence[tuple[str, str]], body: bytes) -> None:
        """As `receive`; the hearer is told."""
        with Into(hearer):
            head = read_headers(headers)
            keys = self._keyring.keys_at_hand(head.target_type, head.hook_id)
            if keys is None:
                self._opening.add(task := asyncio.ensure_future(self._receive_later(hearer, head, body)))
                task.add_done_callback(self._opening.discard)
            else:
                self._gathering.add(_verified(head, body, keys), hearer)

    async def _receive_later(self, hearer: Hearer, head: Headers, body: bytes) -> None:
        with Into(hearer):
            keys = await self._keyring.keys_for(head.target_type, head.hook_id)
            self._gathering.add(_verified(head, body, keys), hearer)

    async def _alone(self, delivery: Delivery) -> Receipt:
        """Record one that cannot be decided at sight, and pass on what follows from it."""
        receipt = await self._recorded(delivery)
        if delivery.push is not None:
            self._reached("record done")
        if delivery.change is not None:
            self._keyring.forget()
        if delivery.change is not None and receipt.status == "accepted":
            self._followed(delivery.change)
        if receipt.http_status == 202:
            self._wake()
        return receipt

    async def _recorded(self, delivery: Delivery) -> Receipt:
        try:
            return await self._ledger.write(partial(self._record, delivery))
        except Conflict as refused:
            act = _act(delivery, "delivery.refused", refused.code.value)
            await self._ledger.write(lambda records: records.audit.add(act, self._clock.now()))
            raise

    def _record(self, delivery: Delivery, records: Records) -> Receipt:
        known = records.deliveries.get(delivery.delivery_id)
        if known and not _is_again(known, delivery):
            raise Conflict(Code.DELIVERY_CONFLICT, "this delivery id was used before with another body")
        if known and known.handled:
            verdicts = list(records.verdicts.of_delivery(delivery.delivery_id))
            return _receipt("duplicate", delivery, "this delivery was handled before", verdicts, 200)
        row = known or delivery_row(delivery, self._ids.new("dlv"), self._clock.now())
        if not known:
            records.deliveries.add(row)
        receipt = self._handle(records, delivery)
        done = row.answered(receipt.http_status)
        records.deliveries.update(done)
        now = self._clock.now()
        records.events.add_all([delivery_news(delivery.delivery_id, delivery.event, receipt.status, now)])
        if delivery.push is not None:
            self._reached("record begun")
        return receipt

    def _handle(self, records: Records, delivery: Delivery) -> Receipt:
        if delivery.push is not None:
            return self._handle_push(records, delivery, delivery.push)
        reason = follow(records, delivery, self._clock.now())
        return _receipt("accepted" if delivery.change else "ignored", delivery, reason, [], 200)

    def _handle_push(self, records: Records, delivery: Delivery, push: Push) -> Receipt:
        now = self._clock.now()
        source = Trigger.SWEEP if self._swept(delivery.delivery_id) else Trigger.PUSH
        projects = records.projects.on_repository(push.repo_id)
        if not projects:
            verdict = no_project(delivery, push, self._ids.new, now, source)
            records.verdicts.add(verdict)
            tell_verdict(records, verdict, now)
            return _receipt("ignored", delivery, verdict.reason, [verdict], 200)
        change = replace(change_of(delivery, push), source=source)
        twice = _told_by_other_hook(records, delivery, push)
        decided = [self._queue.submit(records, p, change, now, told_by_other_hook=twice) for p in projects]
        verdicts = [one.verdict for one in decided]
        owed = [verdict for verdict in verdicts if verdict.outcome is Outcome.QUEUED]
        if owed:
            records.audit.add(_act(delivery, "delivery.accepted", "done"), now)
            return _receipt("accepted", delivery, owed[0].reason, verdicts, 202)
        return _receipt("ignored", delivery, verdicts[0].reason, verdicts, 200)


def _verified(head: Headers, body: bytes, keys: Sequence[Key]) -> Delivery:
    """The delivery, signed rightly; a repository's own secret speaks for that repository alone."""
    signed_with = check_signature(head, body, [key.secret for key in keys])
    delivery = parse_delivery(head, body, signed_with)
    strange = [key for key in keys if key.repo_id not in (None, delivery.repo_id)]
    if strange and not isinstance(delivery.change, HookNews):
        check_signature(head, body, [key.secret for key in keys if key not in strange])
    return delivery


def _is_again(known: DeliveryRow, delivery: Delivery) -> bool:
    """Whether this is the delivery that was recorded, and not another one under its id. Where the secret was replaced
    in between, the bodies cannot be compared, and what they said is."""
    same, push = same_body(known.body_digest, delivery), delivery.push
    if same is not None:
        return same
    told = (delivery.event, delivery.repo_id, *((push.ref, push.before, push.after) if push else (None, None, None)))
    return told == (known.event_type, known.repo_id, known.ref, known.before, known.head_commit)


def _told_by_other_hook(records: Records, delivery: Delivery, push: Push) -> bool:
    """Whether this push is the counterpart of one that another hook told: each hook tells each push once, so this hook
    telling it for the n-th time is news only if no other hook told it n times before. (This delivery is counted
    already.)"""
    counts = records.deliveries.count_same_push(push.repo_id, push.ref, push.before, push.after)
    this = str(delivery.hook_id or "")
    here = counts.get(this, 0)
    elsewhere = max((count for hook, count in counts.items() if hook != this), default=0)
    return here <= elsewhere


def _act(delivery: Delivery, action: str, outcome: str) -> Act:
    target = str(delivery.repo_id) if delivery.repo_id is not None else None
    sha = delivery.push.after if delivery.push else None
    return Act(who=GITHUB, action=action, outcome=outcome, target=target, delivery_id=delivery.delivery_id, sha=sha)


def _receipt(
    status: Literal["accepted", "ignored", "duplicate"],
    delivery: Delivery,
    reason: str,
    verdicts: list[Verdict],
    http_status: int,
) -> Receipt:
    return Receipt(
        status=status,
        delivery_id=delivery.delivery_id,
        reason=reason,
        verdicts=verdicts,
        http_status=http_status,
    )

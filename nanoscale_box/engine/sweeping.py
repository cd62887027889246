"""Asks GitHub to deliver again what did not reach the box: it does not do that by itself."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github_model import App, AppDelivery
from nanoscale_box.core.model import DeliveryId
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.ports import Clock, Github
from nanoscale_box.engine.records import Ledger, Records

KEPT: Final = timedelta(days=3)
"""How long GitHub keeps deliveries:
https://docs.github.com/en/webhooks/testing-and-troubleshooting-webhooks/redelivering-webhooks"""
OVERLAP: Final = timedelta(minutes=2)
"""What was under way at the last sweep has ended by the next."""
MOST_ASKED: Final = 5
"""A delivery that fails again each time is asked for no more often; the poll has seen its commit long since."""
AT_A_TIME: Final = 200
"""Requests of one sweep, a second apart; the next one goes on."""
_NAME: Final = "sweep"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Swept:
    """How far the last sweep came, and what it asked for that has not arrived; how often, and of when it is."""

    until: datetime | None = None
    asked: dict[str, tuple[int, datetime]] = field(default_factory=dict)


class Sweeping:
    """Lists what GitHub could not deliver to the App's hook since the last time, and asks for it. A delivery that is
    recorded here is never asked for, so that sweeping comes to rest."""

    def __init__(self, *, ledger: Ledger, clock: Clock, github: Github, app: AppKeeper, doors: Doors) -> None:
        self._ledger = ledger
        self._clock = clock
        self._github = github
        self._app = app
        self._doors = doors
        self._asked: frozenset[str] = frozenset()
        self._failure: BoxError | None = None

    @property
    def failure(self) -> BoxError | None:
        """Why the last sweep could not be made."""
        return self._failure

    def has_asked(self, delivery_id: DeliveryId) -> bool:
        """Whether this delivery comes because a sweep asked for it."""
        return delivery_id in self._asked

    async def sweep(self) -> int:
        """Sweep once; how many deliveries were asked for. Nothing can be delivered to a box without a public URL."""
        app = await self._app.current()
        if app is None or self._doors.webhook is None:
            return 0
        try:
            asked = await self._sweep(app)
        except BoxError as error:
            self._failure = error
            return 0
        self._failure = None
        return asked

    async def _sweep(self, app: App) -> int:
        now = self._clock.now()
        before = await self._ledger.read(_swept)
        self._asked = frozenset(before.asked)
        since = max(now - KEPT, (before.until - OVERLAP) if before.until else now - KEPT)
        attempts = await self._github.app_deliveries(app, since)
        lost = await self._ledger.read(partial(_lost, attempts=attempts))
        arrived = {one.guid for one in attempts} - {one.guid for one in lost}
        asked = {guid: entry for guid, entry in before.asked.items() if guid not in arrived and entry[1] > now - KEPT}
        wanted = [one for one in lost if asked.get(one.guid, (0, now))[0] < MOST_ASKED]
        for one in wanted[:AT_A_TIME]:
            count, first = asked.get(one.guid, (0, one.delivered_at))
            asked[one.guid] = (count + 1, first)
            self._asked |= {one.guid}  # it may arrive before the answer does
            await self._github.redeliver(app, one.id)
        until = now if len(wanted) <= AT_A_TIME else wanted[AT_A_TIME - 1].delivered_at
        after = _Swept(until=until, asked=asked)
        if wanted or asked != before.asked or before.until is None or now - before.until > OVERLAP * 30:
            await self._ledger.write(lambda records: records.keeper.put(_NAME, _text(after)))
        return len(wanted[:AT_A_TIME])


def _lost(records: Records, attempts: Sequence[AppDelivery]) -> list[AppDelivery]:
    """The newest attempt of each delivery of which none succeeded and that is not recorded here, oldest first."""
    arrived = {one.guid for one in attempts if one.succeeded}
    newest = {one.guid: one for one in reversed(attempts) if one.guid not in arrived}
    known = records.deliveries.known([DeliveryId(guid) for guid in newest])
    handled = {guid for guid in known if (row := records.deliveries.get(guid)) and row.handled}
    return sorted((one for guid, one in newest.items() if guid not in handled), key=lambda one: one.delivered_at)


def _swept(records: Records) -> _Swept:
    text = records.keeper.get(_NAME)
    if text is None:
        return _Swept()
    fields = json.loads(text)
    asked = {guid: (count, datetime.fromisoformat(first)) for guid, (count, first) in fields["asked"].items()}
    return _Swept(until=datetime.fromisoformat(fields["until"]), asked=asked)


def _text(swept: _Swept) -> str:
    asked = {guid: (count, first.isoformat()) for guid, (count, first) in swept.asked.items()}
    return json.dumps({"until": swept.until.isoformat() if swept.until else None, "asked": asked})

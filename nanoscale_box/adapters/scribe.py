"""Writes what happens into the box's log: one record per change of a deployment, project or connection, with the ids
by which it is found again."""

from __future__ import annotations

import asyncio
from typing import Final

import structlog

from nanoscale_box.adapters.private import PrivateNames
from nanoscale_box.core.model import Event, EventKind
from nanoscale_box.engine.feed import Feed
from nanoscale_box.engine.records import Ledger, Page, Records

_BREATH: Final = 0.25
"""Seconds between two looks at the stream: what is written down need not be written at once."""
_OVER: Final = frozenset({"live", "retired", "failed", "superseded", "cancelled"})
_TOLD: Final = ("number", "trigger", "sha", "delivery_id")

_log = structlog.stdlib.get_logger("nanoscale_box.events")


class Scribe:
    """Follows the stream; the log is told by it, so nothing in the engine need know of logs."""

    def __init__(self, *, feed: Feed, ledger: Ledger, private: PrivateNames) -> None:
        self._feed = feed
        self._ledger = ledger
        self._private = private
        self._states: dict[str, object] = {}

    async def run(self) -> None:
        """Write until cancelled."""
        seen = dict.fromkeys((EventKind.GITHUB, EventKind.PROJECT, EventKind.DEPLOYMENT), await self._feed.last_id())
        await self._learn()
        while True:
            await self._feed.wait(min(seen.values()))
            await asyncio.sleep(_BREATH)
            for kind, last in seen.items():
                events, seen[kind] = await self._feed.of_kind(kind, last)
                if events and kind is not EventKind.DEPLOYMENT:
                    await self._learn()
                for event in events:
                    self._write(event)

    def _write(self, event: Event) -> None:
        match event.kind:
            case EventKind.DEPLOYMENT:
                self._deployment(event)
            case EventKind.PROJECT:
                _log.info(f"project.{event.data['change']}", project_id=event.project_id, at_event=event.id)
            case _:
                plain = {key: value for key, value in event.data.items() if isinstance(value, str | int)}
                _log.info(f"github.{plain.pop('change', 'changed')}", at_event=event.id, **plain)

    def _deployment(self, event: Event) -> None:
        """Steps within a state are told too, but are no change of it."""
        key, state = str(event.deployment_id), event.data["state"]
        if self._states.get(key) == state:
            return
        self._states[key] = state
        if state in _OVER:
            del self._states[key]
        told = {name: event.data[name] for name in _TOLD if event.data.get(name) is not None}
        error = event.data.get("error")
        if isinstance(error, dict) and state == "failed":
            told |= {"code": error["code"], "detail": error["detail"]}
        _log.info(f"deployment.{state}", deployment_id=key, project_id=event.project_id, at_event=event.id, **told)

    async def _learn(self) -> None:
        self._private.learn(await self._ledger.read(_private_names))


def _private_names(records: Records) -> list[str]:
    linked = [project.link for project in records.projects.list() if project.link]
    found = {link.full_name for link in linked if link.is_private}
    cursor: str | None = None
    while True:
        page, cursor = records.github.repositories(None, "", Page(limit=1000, cursor=cursor))
        found |= {one.full_name for one in page if one.is_private}
        if cursor is None:
            return sorted(found)

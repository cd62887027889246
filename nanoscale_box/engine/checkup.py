"""What the doctor looks at besides GitHub's word and the apps: disk, database, keys, names, hooks, and the box itself
as it is seen from outside."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit
from uuid import UUID

from nanoscale_box.core.errors import BoxError, Code
from nanoscale_box.core.figures import counted
from nanoscale_box.core.github import sign
from nanoscale_box.core.github_model import App
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.engine.accounts import Accounts
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.doors import Doors
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.machine import Machine, Outside
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.resealing import Resealing

MIB: Final = 1024 * 1024
_LITTLE, _TOO_LITTLE = 2048 * MIB, 256 * MIB
_FEW_REQUESTS: Final = 0.1
"""The share of GitHub's hourly budget below which it is worth a word."""
# What a proxy that reads bodies would change: spaces, an escaped slash, text beyond ASCII.
_SENT: Final = '{"is it":  "intact \\/ \u00e9\u4e2d"}'


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at; `status` is `ok`, `warn`, `fail` or `skip`."""

    code: str
    status: str
    title: str
    why: str
    fix: str | None = None
    fixable: bool = False


class Checkup:
    """Looks at one thing after the other."""

    def __init__(
        self,
        *,
        desk: Desk,
        machine: Machine,
        accounts: Accounts,
        app: AppKeeper,
        resealing: Resealing,
        doors: Doors,
    ) -> None:
        self._ledger = desk.ledger
        self._random = desk.random
        self._machine = machine
        self._accounts = accounts
        self._app = app
        self._resealing = resealing
        self._doors = doors

    async def look(self, *, quick: bool) -> Sequence[Finding]:
        """All findings, the good ones too; `quick` leaves out what reads the whole database or asks others."""
        at_once = [await asyncio.to_thread(self._disk), *await self._keys(), *await self._tools()]
        if quick:
            return at_once
        return [
            *at_once,
            await self._database(),
            *await self._names(),
            *await self._budget(),
            *await self._outside(),
            *await self._hooks(),
        ]

    def _disk(self) -> Finding:
        disk = self._machine.disk()
        room = f"{disk.free // MIB:,} of {disk.total // MIB:,} MiB are free where the box lives"
        if disk.free >= _LITTLE:
            return Finding(code="disk", status="ok", title=room, why="there is room for releases and deliveries")
        return Finding(
            code="disk",
            status="fail" if disk.free < _TOO_LITTLE else "warn",
            title=room,
            why="on a full disk no build ends well and no delivery can be recorded",
            fix="free some space, or keep fewer releases: NANOSCALE_KEEP_RELEASES",
        )

    async def _database(self) -> Finding:
        flaw = await self._ledger.read(lambda records: records.flaw())
        if flaw is None:
            return Finding(code="database", status="ok", title="the database is whole", why="nothing recorded is lost")
        return Finding(
            code="database",
            status="fail",
            title=f"the database is damaged: {flaw}",
            why="what is damaged cannot be trusted, and more may follow",
            fix="stop the box, then bring back the last backup: nanoscale-box restore --replace FILE",
        )

    async def _keys(self) -> list[Finding]:
        keys = await self._resealing.keys()
        lost = [one for one in keys if not one.here]
        old = sum(one.uses for one in keys if one.here and not one.newest)
        if lost:
            names = ", ".join(one.id for one in lost)
            return [
                Finding(
                    code="keys",
                    status="fail",
                    title=f"{counted(sum(one.uses for one in lost), 'secret')} sealed with a key that is lost: {names}",
                    why="they cannot be opened; apps go on running as they are",
                    fix="put the key back below the newest, or see docs/operations.md for what to enter again",
                )
            ]
        if old:
            return [
                Finding(
                    code="keys",
                    status="warn",
                    title=f"{counted(old, 'secret')} still sealed with an older key",
                    why="the older key cannot be removed yet",
                    fix="nanoscale-box doctor --fix",
                    fixable=True,
                )
            ]
        return [Finding(code="keys", status="ok", title="every secret opens with the newest key", why="none is lost")]

    async def _names(self) -> list[Finding]:
        wanted = [self._doors.github_url, *([self._doors.public_url] if self._doors.public_url else [])]
        found = []
        for host in dict.fromkeys(urlsplit(url).hostname or "" for url in wanted):
            there = await self._machine.addresses(host)
            title = f"{host} is found" if there else f"the name {host} is not found"
            found.append(
                Finding(
                    code="dns",
                    status="ok" if there else "fail",
                    title=title,
                    why="the box asks GitHub by name, and GitHub the box",
                    fix=None if there else "look at /etc/resolv.conf, and at the domain's records",
                )
            )
        return found

    async def _budget(self) -> list[Finding]:
        rate = (await self._accounts.status()).rate
        if rate is None:
            return []
        few = rate.remaining < rate.limit * _FEW_REQUESTS
        return [
            Finding(
                code="rate",
                status="warn" if few else "ok",
                title=f"{rate.remaining} of {rate.limit} requests are left until {rate.reset_at:%H:%M} UTC",
                why="without any the box waits until then, and deploys later",
                fix="raise NANOSCALE_POLL_SECONDS, or let webhooks reach the box" if few else None,
            )
        ]

    async def _outside(self) -> list[Finding]:
        """Send the box a signed delivery by its public address: what changes a byte on the way breaks its signature."""
        url, app = self._doors.webhook, await self._current_app()
        if url is None:
            why = "pushes are found by polling, which takes up to NANOSCALE_POLL_SECONDS"
            return [Finding(code="public_url", status="skip", title="the box has no public address", why=why)]
        if app is None or not app.webhook_secret:
            return []
        body = _SENT.encode()
        delivery = str(UUID(bytes=self._random(16), version=4))
        headers = [
            ("X-GitHub-Event", "self_test"),
            ("X-GitHub-Delivery", delivery),
            ("X-Hub-Signature-256", sign(app.webhook_secret, body)),
            ("Content-Type", "application/json"),
            ("User-Agent", "nanoscale-box/doctor"),
        ]
        return [_seen_from_outside(url, delivery, await self._machine.post(url, headers, body))]

    async def _current_app(self) -> App | None:
        try:
            return await self._app.current()
        except BoxError:
            return None  # its key is lost, which is told already

    async def _hooks(self) -> list[Finding]:
        try:
            views = await self._accounts.hooks()
        except BoxError as error:
            return [
                Finding(code="hooks", status="warn", title=f"webhooks cannot be looked at: {error.detail}",
                        why="whether pushes are told is not known", fix=error.hint or None)
            ]  # fmt: skip
        return [
            Finding(
                code="hooks",
                status="ok" if one.state in ("ok", "off") else "warn",
                title=f"the webhook of {one.full_name or 'the App'}: {one.detail or one.state}",
                why="a push that no webhook tells is found by polling, later",
                fix=None if one.state in ("ok", "off") else "nanoscale-box github hooks --repair",
                fixable=one.state in ("missing", "inactive", "old_url"),
            )
            for one in views
        ]

    async def _tools(self) -> list[Finding]:
        lacking = await self._ledger.read(_lacking)
        return [
            Finding(
                code="tools",
                status="fail",
                title=f"{name}: {detail}",
                why="its deployments fail until that is installed",
                fix=f"install it, then run: nanoscale-box deploy {name}",
            )
            for name, detail in lacking
        ]


def _lacking(records: Records) -> list[tuple[str, str]]:
    """Projects whose newest deployment failed for want of a tool."""
    found = []
    for project in records.projects.list():
        latest = records.deployments.latest(project.id)
        failure = latest.failure if latest and latest.state is DeploymentState.FAILED else None
        if failure and failure.code == Code.TOOL_MISSING:
            found.append((project.name, failure.detail))
    return found


def _seen_from_outside(url: str, delivery: str, seen: Outside) -> Finding:
    if seen.status == 200 and _is_ours(seen.body, delivery):
        return Finding(
            code="public_url",
            status="ok",
            title=f"a signed delivery reaches the box by {url}, every byte intact",
            why="GitHub's will too",
        )
    trouble, fix = _trouble(seen)
    return Finding(
        code="public_url",
        status="warn" if seen.status is None else "fail",
        title=f"{url} {trouble}",
        why="GitHub's deliveries do not arrive; pushes are found by polling, later",
        fix=fix,
    )


def _is_ours(body: bytes, delivery: str) -> bool:
    try:
        told = json.loads(body)
    except ValueError:
        return False
    return isinstance(told, dict) and told.get("delivery_id") == delivery


def _trouble(seen: Outside) -> tuple[str, str]:
    match seen.status:
        case None:
            return f"cannot be reached from here: {seen.why}", "see that the tunnel or proxy runs: docs/tunnels.md"
        case 401:
            return (
                "alters what is sent, or leads to another box: the signature was wrong",
                "let the proxy pass bodies on as they come: docs/tunnels.md",
            )
        case 301 | 302 | 307 | 308:
            return "redirects, which GitHub does not follow", "set NANOSCALE_PUBLIC_BASE_URL to where it leads"
        case status:
            return f"answers {status}: it does not lead to this box", "see docs/tunnels.md for its way to the box"

"""Looks whether everything is as it should be, and says of each thing that is not why it matters and what mends it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from nanoscale_box.core.errors import BoxError
from nanoscale_box.engine.accounts import Accounts
from nanoscale_box.engine.checkup import Checkup, Finding
from nanoscale_box.engine.polling import Polling
from nanoscale_box.engine.ports import Isolation
from nanoscale_box.engine.reconcile import Reconciler
from nanoscale_box.engine.records import Ledger
from nanoscale_box.engine.resealing import Resealing
from nanoscale_box.engine.sweeping import Sweeping


class Doctor:
    """Asks each part how it is."""

    def __init__(
        self,
        *,
        checkup: Checkup,
        accounts: Accounts,
        reconciler: Reconciler,
        resealing: Resealing,
        polling: Polling,
        sweeping: Sweeping,
        ledger: Ledger,
        isolation: Isolation,
    ) -> None:
        self._checkup = checkup
        self._resealing = resealing
        self._accounts = accounts
        self._reconciler = reconciler
        self._polling = polling
        self._sweeping = sweeping
        self._ledger = ledger
        self._isolation = isolation

    async def look(self, *, quick: bool = False) -> Sequence[Finding]:
        """All findings, the good ones too; `quick` leaves out what takes long or asks others."""
        return [
            *await self._github(),
            *await self._apps(),
            self._walls(),
            *await self._heads(),
            *self._sweep(),
            *await self._checkup.look(quick=quick),
        ]

    async def mend(self) -> Sequence[Finding]:
        """Mend what can be mended without harm, and look again."""
        broken = {one.code for one in await self.look() if one.fixable and one.status != "ok"}
        with suppress(BoxError):  # what could not be mended is found again
            if "hooks" in broken:
                await self._accounts.repair_hooks()
            if "keys" in broken:
                await self._resealing.resume()
            if broken & {"app", "ingress"}:
                await self._reconciler.mend()
        return await self.look()

    async def _github(self) -> list[Finding]:
        status = await self._accounts.status()
        if not status.connected:
            title = {
                "unconfigured": "no GitHub App is registered",
                "registered": "no GitHub account is connected",
            }.get(status.state, "the GitHub account must be connected again")
            why = "private repositories cannot be deployed; public ones can, by their URL"
            return [Finding(code="github", status="warn", title=title, why=why, fix="nanoscale-box github connect")]
        findings = [
            Finding(
                code="github",
                status="ok",
                title=f"connected as {status.account_login}, {status.mode}",
                why="pushes reach the box",
            )
        ]
        for installation, missing in status.installations:
            if installation.suspended or missing:
                what = "is suspended" if installation.suspended else f"lacks {', '.join(missing)}"
                findings.append(
                    Finding(
                        code="installation",
                        status="warn",
                        title=f"the installation on {installation.account_login} {what}",
                        why="its repositories are deployed less quickly, or not at all",
                        fix="open the installation's page on GitHub",
                    )
                )
        findings += [
            Finding(code=one.code, status="warn", title=one.sentence, why=one.why, fix=one.fix)
            for one in status.problems
        ]
        return findings

    def _sweep(self) -> list[Finding]:
        failure = self._sweeping.failure
        if failure is None:
            return []
        return [
            Finding(
                code="sweep",
                status="warn",
                title=f"GitHub's failed deliveries could not be looked at: {failure.detail}",
                why="pushes are noticed by the poll still, but their deliveries stay failed on GitHub",
                fix=failure.hint or None,
            )
        ]

    async def _apps(self) -> list[Finding]:
        problems = self._reconciler.problems
        if not problems:
            return [Finding(code="apps", status="ok", title="ingress and apps run", why="visitors are served")]
        return [
            Finding(
                code="ingress" if about == "ingress" else "app",
                status="fail",
                title=f"{about}: {error.detail}",
                why="visitors get an error page",
                fix=error.hint or None,
                fixable=True,
            )
            for about, error in problems.items()
        ]

    def _walls(self) -> Finding:
        isolation = self._isolation
        if isolation.by is None:
            return Finding(
                code="isolation",
                status="warn",
                title=f"builds and apps are not set apart: {isolation.why_not}",
                why="what you deploy can read whatever the box can: its database, its keys, other apps",
                fix=isolation.fix,
            )
        missing = f", but not limited in {' and '.join(isolation.gaps)}" if isolation.gaps else ""
        return Finding(
            code="isolation",
            status="ok",
            title=f"builds and apps are set apart by {isolation.by}{missing}",
            why="what you deploy cannot read the box or other apps",
        )

    async def _heads(self) -> list[Finding]:
        failures = self._polling.failures
        projects = await self._ledger.read(lambda records: records.projects.list())
        return [
            Finding(
                code="poll",
                status="warn",
                title=f"{project.name}: its branch could not be looked at: {failures[project.id].detail}",
                why="a push that no webhook told is noticed late",
                fix=failures[project.id].hint or None,
            )
            for project in projects
            if project.id in failures
        ]

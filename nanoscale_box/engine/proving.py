"""Proves of a backup that its secrets open and that GitHub knows its App, before anything is put in place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.github_model import App
from nanoscale_box.engine.appkeeper import AppKeeper
from nanoscale_box.engine.ports import Github, Vault
from nanoscale_box.engine.records import Ledger, Records, SealAfter, Sealed

_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was found: secrets that open, those that do not by the table they rest in, and what GitHub says."""

    opened: int
    shut: Mapping[str, int]
    projects: int
    app: str | None
    """The App as GitHub names it; None when the box has none."""
    github_problem: BoxError | None = None

    @property
    def good(self) -> bool:
        """Whether the backup can take the place of the box it was made of."""
        return not self.shut and self.github_problem is None


async def prove(ledger: Ledger, vault: Vault, github: Github, given: App | None) -> Proof:
    """Open every secret, and ask GitHub for the App."""
    opened, shut = await _secrets(ledger, vault)
    app, problem = None, None
    try:
        current = await AppKeeper(ledger=ledger, vault=vault, given=given).current()
        app = (await github.described(current)).slug if current else None
    except BoxError as error:
        problem = error
    projects = await ledger.read(lambda records: len(records.projects.list()))
    return Proof(opened=opened, shut=shut, projects=projects, app=app, github_problem=problem)


async def _secrets(ledger: Ledger, vault: Vault) -> tuple[int, dict[str, int]]:
    opened = 0
    shut: Counter[str] = Counter()
    after: SealAfter | None = None
    while rows := await ledger.read(partial(_some, after)):
        for row in rows:
            try:
                vault.open(row.text, row.place)
                opened += 1
            except BoxError:
                shut[row.place.table] += 1
        after = rows[-1].at
    return opened, dict(shut)


def _some(after: SealAfter | None, records: Records) -> Sequence[Sealed]:
    return records.seals.not_by("", after, _AT_ONCE)

"""Webhook secrets that were replaced and still verify for a while, so that no delivery under way is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nanoscale_box.core.model import RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Place, Vault
from nanoscale_box.engine.records import Records

OVERLAP: Final = timedelta(hours=1)
"""How long an old secret verifies after GitHub was given the new one."""
APP: Final = "old_secrets:app"
_MOST: Final = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Old:
    """A replaced secret; `until` is None as long as GitHub may not have the new one."""

    secret: Secret
    until: datetime | None

    def verifies(self, now: datetime) -> bool:
        """Whether it is still to be believed."""
        return self.until is None or now < self.until


def of_repository(repo_id: RepoId) -> str:
    """The name under which a repository hook's old secrets are kept."""
    return f"old_secrets:{repo_id}"


class Overlap:
    """Keeps old secrets sealed; every method is work inside one transaction."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault

    def read(self, records: Records, name: str) -> list[Old]:
        """The old secrets, the newest first."""
        sealed = records.keeper.get(name)
        if sealed is None:
            return []
        rows = json.loads(self._vault.open(sealed, _place(name)).reveal())
        return [Old(secret=Secret(secret), until=datetime.fromisoformat(at) if at else None) for secret, at in rows]

    def replaced(self, records: Records, name: str, secret: Secret, now: datetime) -> None:
        """`secret` is replaced; it verifies until GitHub has the new one, and a while longer."""
        if secret:
            kept = [one for one in self.read(records, name) if one.verifies(now)]
            self._write(records, name, [Old(secret=secret, until=None), *kept][:_MOST])

    def settled(self, records: Records, name: str, now: datetime) -> None:
        """GitHub has the new secret."""
        self._change(records, name, now, lambda one: Old(secret=one.secret, until=one.until or now + OVERLAP))

    def drop(self, records: Records, name: str) -> None:
        """Forget them."""
        records.keeper.drop(name)

    def _change(self, records: Records, name: str, now: datetime, change: Callable[[Old], Old]) -> None:
        rows = self.read(records, name)
        if rows:
            self._write(records, name, [change(one) for one in rows if one.verifies(now)])

    def _write(self, records: Records, name: str, rows: list[Old]) -> None:
        text = json.dumps([(one.secret.reveal(), one.until.isoformat() if one.until else None) for one in rows])
        records.keeper.put(name, self._vault.seal(Secret(text), _place(name)))


def _place(name: str) -> Place:
    return Place(table="keeper", row=name, column="text")

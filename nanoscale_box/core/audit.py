"""The audit: who did what to what and how it ended, each entry chained to the one before by a digest."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from nanoscale_box.core.model import DeliveryId, Sha

BEGINNING: Final = "0" * 64
"""What the first entry is chained to."""
BOX: Final = "box"
GITHUB: Final = "github"


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """Something that was done, or refused. `who` is `uid:1000`, `token:tok_...`, `github` or `box`."""

    who: str
    action: str
    outcome: str = "done"
    target: str | None = None
    delivery_id: DeliveryId | None = None
    sha: Sha | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An act as it stands in the audit."""

    id: int
    at: datetime
    act: Act
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditCheck:
    """What came of following the chain; `broken_at` is the first entry that does not follow from the one before, or
    the one after the last when entries are missing at the end."""

    entries: int
    newest_digest: str
    broken_at: int | None = None


def chained(before: str, number: int, at: datetime, act: Act) -> str:
    """The digest of an entry; `before` is that of the entry before it."""
    moment = at.astimezone(UTC).isoformat(timespec="microseconds")
    said = [
        before, number, moment,
        act.who, act.action, act.outcome, act.target, act.delivery_id, act.sha, act.detail,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()

"""Identifiers and tokens in the forms GitHub gives them."""

from __future__ import annotations

import base64
import secrets
import string
import uuid
from collections import defaultdict
from dataclasses import dataclass, field

from .settings import TokenFormat

_ALPHABET = string.ascii_letters + string.digits

# Delivery ids are beyond 2^53 on purpose: a client that reads them as doubles must notice here, not at GitHub.
FIRST_IDS = {
    "account": 1001,
    "repo": 700_000_001,
    "app": 300_001,
    "installation": 50_000_001,
    "hook": 400_000_001,
    "delivery": 10_000_000_000_000_001,
    "status": 30_000_000_001,
    "deployment": 2_000_000_001,
    "check": 40_000_000_001,
    "authorization": 1,
    "request": 1,
    "fault": 1,
}


@dataclass(slots=True, kw_only=True)
class Counters:
    """Ascending ids, one row of numbers per kind of thing."""

    taken: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def next(self, kind: str) -> int:
        value = FIRST_IDS[kind] + self.taken[kind]
        self.taken[kind] += 1
        return value


def letters(count: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(count))


def hex_secret(count: int = 40) -> str:
    return secrets.token_hex(count // 2)


def guid() -> str:
    return str(uuid.uuid4())


def node_id(prefix: str, number: int) -> str:
    """An opaque global id; only its equality means anything."""
    return f"{prefix}_{base64.urlsafe_b64encode(number.to_bytes(9, 'big')).decode()}"


def short_token(prefix: str) -> str:
    """The 40-character form, such as `ghu_` and 36 letters and digits."""
    return f"{prefix}_{letters(36)}"


def installation_token(style: TokenFormat, ordinal: int) -> str:
    """A `ghs_` token: the classic 40 characters or the long dotted form of about 520."""
    long = style is TokenFormat.LONG or (style is TokenFormat.MIXED and ordinal % 2 == 1)
    if not long:
        return short_token("ghs")
    head, body, seal = secrets.token_urlsafe(27), secrets.token_urlsafe(105), secrets.token_urlsafe(252)
    return f"ghs_{head}.{body}.{seal}"

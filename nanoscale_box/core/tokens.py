"""Bearer tokens of the box's own API: how one is written, recognised and kept, and what each right includes."""

from __future__ import annotations

import hashlib
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, NewType

from nanoscale_box.core.secret import Secret

TokenId = NewType("TokenId", str)

TOKEN_BYTES: Final = 32
"""Too many for anybody to guess, so a plain digest of them is safe to keep."""
_WRITTEN: Final = re.compile(r"nsb_[A-Za-z0-9_-]{43}")


class Scope(StrEnum):
    """What a token may do; each includes those before it."""

    READ = "read"
    DEPLOY = "deploy"
    ADMIN = "admin"

    def includes(self, needed: Scope) -> bool:
        """Whether this right is enough where `needed` is asked for."""
        order = list(Scope)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token as it is kept: by its digest, never by its text."""

    id: TokenId
    name: str
    digest: str
    scope: Scope
    created_at: datetime
    expires_at: datetime | None = None
    last_used_at: datetime | None = None

    def expired(self, now: datetime) -> bool:
        """Whether its time is over."""
        return self.expires_at is not None and now >= self.expires_at


def write_token(chance: bytes) -> Secret:
    """The text of a token made of `TOKEN_BYTES` random bytes."""
    return Secret("nsb_" + urlsafe_b64encode(chance).decode().rstrip("="))


def token_digest(presented: str) -> str | None:
    """What a token is found by; None for a text that cannot be one."""
    return hashlib.sha256(presented.encode()).hexdigest() if _WRITTEN.fullmatch(presented) else None

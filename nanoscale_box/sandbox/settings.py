"""What one sandbox is started with, read once and frozen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path


class GitBackend(StrEnum):
    """Who answers git over HTTP."""

    AUTO = "auto"
    GIT = "git"
    DULWICH = "dulwich"


class TokenFormat(StrEnum):
    """How installation tokens look: 40 characters, about 520 with dots, or in turns."""

    SHORT = "short"
    LONG = "long"
    MIXED = "mixed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Requests an hour and, where not zero, GitHub's secondary limits a minute.

    https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api
    """

    signed_in: int = 5000
    anonymous: int = 60
    points_per_minute: int = 0
    creations_per_minute: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything a sandbox needs to know before it opens its door."""

    home: Path
    host: str = "127.0.0.1"
    port: int = 0
    sample_repos: int = 0
    git_backend: GitBackend = GitBackend.AUTO
    token_format: TokenFormat = TokenFormat.MIXED
    delivery_timeout: float = 10.0
    limits: RateLimits = field(default_factory=RateLimits)

"""How much the public door takes and how long it waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicSettings:
    """Limits of the public door. GitHub sends at most 25 MB and waits 10 s; head, body and linger stay below 30 s."""

    body_limit: int = 25 * MIB
    head_seconds: float = 10.0
    """From the first sign of a request (or the connection, if it is new) to the end of its headers."""
    body_seconds: float = 15.0
    linger_seconds: float = 2.0
    """How long the rest of a refused body is read and dropped, so that the sender can read the answer."""
    idle_seconds: float = 185.0
    """Longer than reverse proxies keep idle connections, so that the box never closes one that is just being used."""
    write_seconds: float = 15.0
    connections: int = 512
    bytes_in_flight: int = 128 * MIB
    refusals_burst: int = 100
    refusals_per_second: float = 5.0
    stop_seconds: float = 20.0

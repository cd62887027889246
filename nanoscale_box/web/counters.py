"""What the public door counts in memory; refused requests leave no other trace than this and a line in the log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True, kw_only=True)
class IntakeCounters:
    """Counts since start, read by the doctor and the metrics."""

    answered: Counter[str] = field(default_factory=Counter)
    """Deliveries by `accepted`, `ignored`, `duplicate`."""
    refused: Counter[str] = field(default_factory=Counter)
    """Refused requests by error code."""
    stalled: int = 0
    """Connections closed because headers, body or the reading of an answer took too long."""
    evicted: int = 0
    """Connections or bodies given up for newer ones because there were too many."""

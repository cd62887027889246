"""What a bench tells: one JSON object a line, in the shape the contract gives it."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Somebody else's figure, measured in the same run."""

    name: str
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure. `budget` is a ratio where there is a peer, else a value in `unit`; `at_least` says which side is
    good."""

    name: str
    unit: str
    ours: float
    runs: int
    peer: Peer | None = None
    budget: float | None = None
    at_least: bool = False
    more: dict[str, object] = field(default_factory=dict)

    @property
    def ratio(self) -> float | None:
        """Ours against the peer's."""
        return self.ours / self.peer.value if self.peer else None

    @property
    def ok(self) -> bool:
        """Whether the budget is kept."""
        if self.budget is None:
            return True
        figure = self.ours if self.ratio is None else self.ratio
        return figure >= self.budget if self.at_least else figure <= self.budget

    def as_json(self) -> str:
        """The line for programs."""
        told: dict[str, object] = {"name": self.name, "unit": self.unit, "ours": _short(self.ours)}
        if self.peer:
            told |= {"peer": {"name": self.peer.name, "value": _short(self.peer.value)}}
            told |= {"ratio": _short(self.ratio or 0.0)}
        if self.budget is not None:
            told["budget"] = self.budget
        return json.dumps({**told, "ok": self.ok, "runs": self.runs, **self.more})

    def as_text(self) -> str:
        """The line for people."""
        against = (
            f", {self.peer.name} {_short(self.peer.value):,}, ratio {_short(self.ratio or 0)}" if self.peer else ""
        )
        side = "at least" if self.at_least else "at most"
        budget = f", budget {side} {self.budget}" if self.budget is not None else ""
        more = "".join(f"\n    {name}: {value}" for name, value in self.more.items())
        return f"{'ok  ' if self.ok else 'MISS'} {self.name}: {_short(self.ours):,} {self.unit}{against}{budget}{more}"


def middle(values: Sequence[float]) -> float:
    """The median: one disturbed round says nothing."""
    return float(median(values))


def size(smoke: int, usual: int, full: int) -> int:
    """How large a bench is: `NANOSCALE_TEST_SIZE` is `smoke`, `full`, or anything else for the usual size."""
    return {"smoke": smoke, "full": full}.get(os.environ.get("NANOSCALE_TEST_SIZE", ""), usual)


def _short(value: float) -> float:
    return round(value) if value >= 1000 else float(f"{value:.3g}")

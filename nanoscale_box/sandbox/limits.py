"""Rate limits: an hourly budget for each principal, and on request GitHub's limits by the minute."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass, field
from datetime import datetime

from .answers import ApiError
from .principals import AuthKind, Principal
from .settings import RateLimits

HOUR = 3600
MINUTE = 60
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


@dataclass(slots=True, kw_only=True)
class Budget:
    """One principal's hour."""

    limit: int
    used: int = 0
    reset_at: int = 0

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)

    def facts(self) -> dict[str, int | str]:
        return {
            "limit": self.limit,
            "used": self.used,
            "remaining": self.remaining,
            "reset": self.reset_at,
            "resource": "core",
        }

    def headers(self) -> dict[str, str]:
        return {f"x-ratelimit-{name}": str(value) for name, value in self.facts().items()}


@dataclass(slots=True, kw_only=True)
class Limiter:
    """Counts requests. What it refuses it refuses in GitHub's words."""

    rates: RateLimits
    budgets: dict[str, Budget] = field(default_factory=dict)
    points: defaultdict[str, deque[tuple[float, int]]] = field(default_factory=lambda: defaultdict(deque))

    def budget(self, principal: Principal, now: datetime) -> Budget:
        at = int(now.timestamp())
        found = self.budgets.get(principal.limit_key)
        if found is None or found.reset_at <= at:
            limit = self.rates.anonymous if principal.kind is AuthKind.NONE else self.rates.signed_in
            found = self.budgets[principal.limit_key] = Budget(limit=limit, reset_at=at + HOUR)
        return found

    def check(self, principal: Principal, method: str, now: datetime) -> Budget:
        """The principal's budget, or 403 when there is nothing left in it."""
        budget = self.budget(principal, now)
        if budget.remaining == 0:
            text = f"API rate limit exceeded for {principal.limit_key.replace(':', ' ID ')}."
            raise ApiError(403, text, headers=budget.headers())
        self._check_minute(principal, method, now.timestamp())
        return budget

    def _check_minute(self, principal: Principal, method: str, at: float) -> None:
        writes = method not in ("GET", "HEAD", "OPTIONS")
        checks = [("points", 5 if writes else 1, self.rates.points_per_minute)]
        if method == "POST":
            checks.append(("creations", 1, self.rates.creations_per_minute))
        for name, cost, allowed in checks:
            if not allowed:
                continue
            recent = self.points[f"{name}:{principal.limit_key}"]
            while recent and recent[0][0] <= at - MINUTE:
                recent.popleft()
            if sum(points for _, points in recent) + cost > allowed:
                wait = max(1, int(recent[0][0] + MINUTE - at) + 1) if recent else MINUTE
                raise ApiError(403, SECONDARY, headers={"Retry-After": str(wait)})
            recent.append((at, cost))

"""What the box measures of itself, gathered when it is asked for: nothing is counted on the way of a delivery."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nanoscale_box.core.github_model import RateBudget
from nanoscale_box.core.lifecycle import FINAL, RUNNING, DeploymentState
from nanoscale_box.core.model import Event, EventKind
from nanoscale_box.engine.accounts import Accounts
from nanoscale_box.engine.feed import Feed
from nanoscale_box.engine.kit import Desk
from nanoscale_box.engine.reconcile import Reconciler
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.sampling import Sampling, Usage

BOUNDS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 180.0, 600.0)
"""Seconds up to which durations of steps are counted together."""
_PAGE: Final = 1000


@dataclass(slots=True)
class Durations:
    """How long a step took, as a histogram."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    seconds: float = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        place = next((place for place, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))
        self.counts[place] += 1
        self.seconds += seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Everything at one moment. Counts begin with the process; ages are in seconds."""

    verdicts: dict[str, int]
    """By outcome, each time a verdict was given or changed."""
    deployments: dict[str, int]
    """Those that ended, by how."""
    steps: dict[str, Durations]
    queued: int
    running: int
    oldest_queued_seconds: float
    projects: dict[str, int]
    """By `new`, `live`, `down`, `broken`: recorded as live, and cannot be run."""
    ingress_up: bool
    connected: bool
    rate: RateBudget | None
    apps: dict[str, Usage]
    """What each running app takes, by its project's name."""


class Measuring:
    """Gathers figures; what it has counted so far it keeps."""

    def __init__(
        self, *, desk: Desk, feed: Feed, accounts: Accounts, reconciler: Reconciler, sampling: Sampling
    ) -> None:
        self._ledger = desk.ledger
        self._clock = desk.clock
        self._feed = feed
        self._accounts = accounts
        self._reconciler = reconciler
        self._sampling = sampling
        self._verdicts: Counter[str] = Counter()
        self._ended: dict[str, str] = {}
        self._deployments: Counter[str] = Counter()
        self._steps: dict[str, Durations] = {}
        self._counted: int | None = None

    async def begin(self) -> None:
        """Count from now on."""
        self._counted = await self._feed.last_id()

    async def gather(self) -> Measured:
        """Look at all of it once."""
        await self._count()
        now = self._clock.now()
        status = await self._accounts.status()
        problems = self._reconciler.problems
        queued, oldest, running = await self._ledger.read(_queue)
        usage = {one.project_id: one for one in self._sampling.usage(1)}
        names = await self._ledger.read(lambda records: {one.id: one.name for one in records.projects.list()})
        return Measured(
            verdicts=dict(self._verdicts),
            deployments=dict(self._deployments),
            steps=self._steps,
            queued=queued,
            running=running,
            oldest_queued_seconds=max(0.0, (now - oldest).total_seconds()) if oldest else 0.0,
            projects=await self._ledger.read(lambda records: _projects(records, set(problems))),
            ingress_up="ingress" not in problems,
            connected=status.connected,
            rate=status.rate,
            apps={name: usage[project_id] for project_id, name in names.items() if project_id in usage},
        )

    async def _count(self) -> None:
        """Add up what happened since the last time."""
        begin = await self._feed.last_id() if self._counted is None else self._counted
        outcomes, newest = await self._ledger.read(lambda records: records.events.outcomes_after(begin))
        self._verdicts.update(outcomes)
        self._counted, last = newest, begin
        while last < newest:
            events, last = await self._feed.of_kind(EventKind.DEPLOYMENT, last, _PAGE)
            for event in events:
                self._end(event)

    def _end(self, event: Event) -> None:
        """Count a deployment when it ends, once."""
        state = DeploymentState(str(event.data["state"]))
        steps = event.data.get("steps")
        ended = state is DeploymentState.LIVE or (state in FINAL and state is not DeploymentState.RETIRED)
        if not ended or self._ended.get(str(event.deployment_id)) == state:
            return
        self._ended[str(event.deployment_id)] = state
        self._deployments[state.value] += 1
        for step in steps if isinstance(steps, list) else ():
            if step["state"] == "done" and step["duration_ms"] is not None:
                self._steps.setdefault(step["name"], Durations()).add(step["duration_ms"] / 1000)


def _queue(records: Records) -> tuple[int, datetime | None, int]:
    rows = records.deployments.all_in([DeploymentState.QUEUED, *RUNNING])
    waiting = [row.queued_at for row in rows if row.state is DeploymentState.QUEUED]
    return len(waiting), min(waiting, default=None), len(rows) - len(waiting)


def _projects(records: Records, broken: set[str]) -> dict[str, int]:
    found: Counter[str] = Counter(new=0, live=0, down=0, broken=0)
    for project in records.projects.list():
        if project.live_deployment_id is None:
            found["new"] += 1
        elif project.down:
            found["down"] += 1
        else:
            found["broken" if project.name in broken else "live"] += 1
    return dict(found)

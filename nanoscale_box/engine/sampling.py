"""Looks every few seconds at what running apps take of the machine, and keeps the last minutes of it in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from nanoscale_box.core.model import ProjectId, Release
from nanoscale_box.engine.ports import Clock, Runner, Spent
from nanoscale_box.engine.rounds import BEAT_SECONDS

SECONDS_APART: Final = BEAT_SECONDS
KEPT: Final = 60
"""Samples of a project; at one a beat they are the last five minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one project's app takes, oldest first. All its releases that run count together."""

    project_id: ProjectId
    at: datetime
    """When the last sample was taken."""
    cpu_percent: Sequence[float]
    """Of one core, on average since the sample before."""
    memory_bytes: Sequence[int | None]
    """At that moment; None where the kernel does not count it."""
    cpu_seconds: float
    """What was seen to be spent since the box began to look; it never falls."""


@dataclass(slots=True, kw_only=True)
class _Ring:
    """The samples of one project."""

    cpu: deque[float] = field(default_factory=lambda: deque(maxlen=KEPT))
    memory: deque[int | None] = field(default_factory=lambda: deque(maxlen=KEPT))
    seconds: float = 0.0


class Sampling:
    """Takes samples and keeps them for as long as something runs; nothing is written down."""

    def __init__(self, *, runner: Runner, clock: Clock) -> None:
        self._runner = runner
        self._clock = clock
        self._before: dict[Release, Spent] = {}
        self._rings: dict[ProjectId, _Ring] = {}
        self._looked: float | None = None
        self._at: datetime | None = None

    async def look(self, now: float) -> None:
        """Take one sample of everything that runs; `now` is in seconds of a steady clock. A release is first met
        without one: what it had spent by then may be of any age."""
        spent = dict(await self._runner.spent())
        before, self._looked, self._at = self._looked, now, self._clock.now()
        if before is not None and now > before:
            self._add(spent, now - before)
        self._before = spent
        running = {release.project_id for release in spent}
        self._rings = {one: ring for one, ring in self._rings.items() if one in running}

    def usage(self, samples: int = KEPT) -> list[Usage]:
        """The last `samples` of each project that runs and was looked at twice."""
        if self._at is None:
            return []
        return [
            Usage(
                project_id=project_id,
                at=self._at,
                cpu_percent=list(ring.cpu)[-samples:],
                memory_bytes=list(ring.memory)[-samples:],
                cpu_seconds=ring.seconds,
            )
            for project_id, ring in self._rings.items()
        ]

    def _add(self, spent: dict[Release, Spent], seconds: float) -> None:
        taken: dict[ProjectId, float] = {}
        memory: dict[ProjectId, int | None] = {}
        for release, now in spent.items():
            earlier = self._before.get(release)
            if earlier is None:
                continue
            project_id = release.project_id
            taken[project_id] = taken.get(project_id, 0.0) + max(0.0, now.cpu_seconds - earlier.cpu_seconds)
            known = memory.get(project_id, 0)
            memory[project_id] = None if now.memory_bytes is None or known is None else known + now.memory_bytes
        for project_id, cpu_seconds in taken.items():
            ring = self._rings.setdefault(project_id, _Ring())
            ring.cpu.append(round(100 * cpu_seconds / seconds, 1))
            ring.memory.append(memory[project_id])
            ring.seconds += cpu_seconds

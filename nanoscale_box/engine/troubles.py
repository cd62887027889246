"""What is not as it should be on this machine and lasts: the ingress, and apps that do not come up or keep ending."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from nanoscale_box.core.errors import BoxError, Code, DeployFailed
from nanoscale_box.core.model import Project, Release
from nanoscale_box.engine.ports import Clock

PAUSES: Final = (0.0, 1.0, 2.0, 5.0, 15.0, 60.0)
"""Seconds before an app that ended by itself is started again; the last one repeats."""
OFTEN: Final = 3
WINDOW: Final = timedelta(minutes=10)
"""An app that ended by itself so often within this time keeps ending; one that ran so long starts afresh."""


class Troubles:
    """Remembers problems by what they are about (`ingress` or a project's name), and the ends of apps."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._problems: dict[str, BoxError] = {}
        self._ends: dict[Release, list[datetime]] = {}

    @property
    def all(self) -> dict[str, BoxError]:
        """Every problem there is now."""
        return dict(self._problems)

    def note(self, about: str, problem: BoxError) -> None:
        """Something is wrong, in the place of what was wrong before."""
        self._problems[about] = problem

    def over(self, about: str) -> None:
        """Nothing is wrong any more."""
        self._problems.pop(about, None)

    def ended(self, release: Release) -> float:
        """An app ended by itself; the seconds before it is started again."""
        self._ends[release] = [*self._recent(release), self._clock.now()]
        return PAUSES[min(len(self._ends[release]), len(PAUSES)) - 1]

    def keeps_ending(self, release: Release) -> bool:
        """Whether it did so often of late."""
        return len(self._recent(release)) >= OFTEN

    def crashing(self, project: Project, release: Release) -> BoxError:
        """The sentence for an app that keeps ending."""
        times, minutes = len(self._recent(release)), int(WINDOW.total_seconds() // 60)
        return DeployFailed(
            Code.APP_CRASHING,
            f"the app has ended by itself {times} times within {minutes} minutes and is started again each time",
            hint=f"see what it said: nanoscale-box logs {project.name}; go back: nanoscale-box rollback {project.name}",
        )

    def _recent(self, release: Release) -> list[datetime]:
        since = self._clock.now() - WINDOW
        return [moment for moment in self._ends.get(release, ()) if moment > since]

"""What was done from here and what came of it, kept for whoever missed a toast or wants to see how it is scripted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui.ways import Way

KEPT: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """One thing that was said; `way` does it from a shell, `details` are for a report."""

    at: datetime
    said: str
    good: bool
    hint: str = ""
    way: Way | None = None
    details: str = ""


def details_of(failed: ApiError | Unreachable) -> str:
    """What a developer would ask for."""
    if isinstance(failed, Unreachable):
        return "the box did not answer"
    problem = failed.problem
    return f"{problem.status} {problem.code}: {problem.title}"

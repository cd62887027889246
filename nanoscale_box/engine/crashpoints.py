"""Named moments of a deployment, at which a test may have the box die, to see it come back: a name for each commit.

`fetch begun`, `fetch done`, `build begun`, `build done`, `start begun`, `start done`, `switch begun`, `switch done`
(the routes lead to the new release, and nothing says so yet) and `live` (recorded; the release before still runs).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Reached = Callable[[str], None]
"""Told the name of the moment that was just reached."""

STEPS: Final = ("fetch", "build", "start", "switch")
POINTS: Final = (*(f"{step} {moment}" for step in STEPS for moment in ("begun", "done")), "live")


def passed(_: str) -> None:
    """Nothing happens: what every box does that is not put to the test."""

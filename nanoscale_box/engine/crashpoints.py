"""Named moments at which a test may have the box die, to see it come back: one for each place where a crash leaves the
box and the rest of the world in two minds.

Of a push's delivery: `record begun` (written, not committed), `record done` (committed, and GitHub has no answer yet).
Of the queue: `alarm begun` (a row waits, and nothing will ring for it yet).
Of a deployment: `fetch begun`, `fetch done`, `build begun`, `build done`, `start begun`, `start done`, `switch begun`,
`switch done` (the routes lead to the new release, and nothing says so yet) and `live` (recorded; the release before
still runs).
Of GitHub: `refresh done` (the old refresh token is used up, the new pair is in memory alone) and `hook done` (the hook
exists, and its id is recorded nowhere).
Of the keys: `reseal done` (some secrets are sealed by the new key, the others still by the old one).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Reached = Callable[[str], None]
"""Told the name of the moment that was just reached, in whatever thread that happens."""

STEPS: Final = ("fetch", "build", "start", "switch")
OF_A_DEPLOYMENT: Final = (*(f"{step} {moment}" for step in STEPS for moment in ("begun", "done")), "live")
POINTS: Final = (
    "record begun",
    "record done",
    "alarm begun",
    *OF_A_DEPLOYMENT,
    "refresh done",
    "hook done",
    "reseal done",
)


def passed(_: str) -> None:
    """Nothing happens: what every box does that is not put to the test."""

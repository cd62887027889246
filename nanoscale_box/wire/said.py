"""What git says while somebody waits, as the API tells it."""

from __future__ import annotations

from nanoscale_box.wire.shapes import Shape


class Said(Shape, frozen=True):
    """One line of what git says while a source is fetched to look at it."""

    text: str

"""What every screen is given: the box, what is known of it, and what it needs of the terminal around it."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from textual.signal import Signal

from nanoscale_box.tui.box import Box
from nanoscale_box.tui.feed import Feed
from nanoscale_box.tui.happened import KEPT, Happening
from nanoscale_box.tui.model import Model
from nanoscale_box.tui.prefs import Prefs
from nanoscale_box.wire import shapes


@dataclass(slots=True, kw_only=True)
class Desk:
    """The things on it are shared by all screens."""

    box: Box
    model: Model
    feed: Feed
    changed: Signal[None]
    """The model is another one; at most twenty times a second."""
    heard: Signal[shapes.Event]
    """Each event of the stream, at once."""
    now: Callable[[], datetime]
    browse: Callable[[str], bool]
    """Open a page in a browser; False when there is none here."""
    environ: Mapping[str, str]
    prefs: Prefs
    device: shapes.Redirect | None = None
    """A code that waits to be entered on GitHub, whichever screen is shown."""
    read_only: bool = False
    """Nothing is changed from here."""
    version: str = ""
    """The box's own, once it told."""
    happened: deque[Happening] = field(default_factory=lambda: deque(maxlen=KEPT))
    """What was done from here, the newest first."""

"""Words that are told again every second, and painted only when they are others."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Told(Static):
    """A few lines."""

    _last = Content("")

    def say(self, words: Content) -> None:
        """Show these."""
        if not words.is_same(self._last):
            self._last = words
            self.update(words)

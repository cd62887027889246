"""One of a few, on one line: a glyph and a word each, changed by arrows, space or a click."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from nanoscale_box.tui.plain import Tone, join, plain

_GAP = 3


class Choice(Widget, can_focus=True):
    """Posts `Changed` when another one is chosen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,up", "step(-1)", "the one before", show=False),
        Binding("right,down,space", "step(1)", "the next one", show=False),
        Binding("enter", "app.focus_next", "on", show=False),
    ]
    chosen: reactive[str] = reactive("")

    class Changed(Message):
        """Another one is chosen."""

    def __init__(self, options: Sequence[tuple[str, str]], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._options = options
        self.set_reactive(Choice.chosen, options[0][0])

    def render(self) -> Content:
        """One line."""
        return Content(" " * _GAP).join([self._option(name, label) for name, label in self._options])

    def watch_chosen(self) -> None:
        """Tell it."""
        self.post_message(self.Changed())

    def on_focus(self) -> None:
        """The chosen one is underlined."""
        self.refresh()

    def on_blur(self) -> None:
        """And not any more."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """The one under the mouse."""
        begin = 0
        for name, label in self._options:
            end = begin + len(label) + 2 + _GAP
            if begin <= event.x < end:
                self.chosen = name
            begin = end

    def action_step(self, by: int) -> None:
        """The next or the one before, round about."""
        names = [name for name, _ in self._options]
        self.chosen = names[(names.index(self.chosen) + by) % len(names)]

    def _option(self, name: str, label: str) -> Content:
        if name != self.chosen:
            return join(plain("○ ", Tone.DIM), plain(label, Tone.DIM))
        word = Content.styled(label, "bold underline" if self.has_focus else "bold")
        return join(plain("● ", Tone.KEY), word)

"""What was done from here: the sentences of the toasts, what went wrong in full, and how to do the same by command."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.happened import Happening
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.screens.base import Dialog
from nanoscale_box.tui.widgets.bars import TooSmall
from nanoscale_box.tui.words import ago, clock


class Journal(Dialog[None]):
    """The newest first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("exclamation_mark,q,enter", "leave", "close", show=False)]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help") as dialog:
            dialog.border_title = "What was done from here"
            dialog.border_subtitle = "esc closes"
            told = [self._told(one) for one in self._desk.happened]
            nothing = plain("Nothing yet. What you do, and how to do the same by command, stands here.", Tone.DIM)
            yield Static(Content("\n\n").join(told) if told else nothing)
        yield TooSmall()

    def _told(self, one: Happening) -> Content:
        mark = plain("● ", Tone.GOOD) if one.good else plain("✕ ", Tone.BAD)
        when = plain(f"  {ago(one.at, self._desk.now())}, {clock(one.at)}", Tone.DIM)
        lines = [join(mark, plain(one.said, Tone.STRONG), when)]
        if one.hint:
            lines.append(join("  ", plain(one.hint)))
        if one.details:
            lines.append(join("  ", plain(one.details, Tone.DIM)))
        if one.way is not None:
            lines += [join("  $ ", plain(one.way.command, Tone.KEY)), join("  ", plain(one.way.call, Tone.DIM))]
        return Content("\n").join(lines)

"""Dialogs before what cannot be undone: they name their object, and cancelling is what enter does by default."""

from __future__ import annotations

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from nanoscale_box.core.text import inert
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.screens.base import Dialog
from nanoscale_box.tui.widgets.bars import TooSmall


class Confirm(Dialog[bool]):
    """Asks once. True when it is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left,right", "app.focus_next", "other button", show=False),
        Binding("y", "want", "yes", show=False),
        Binding("n", "leave", "no", show=False),
    ]
    AUTO_FOCUS = "#cancel"

    def __init__(self, title: Content, body: Content, verb: str) -> None:
        super().__init__()
        self._title = title
        self._body = body
        self._verb = verb

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            yield Static(self._body)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button(Content(self._verb), id="want", variant="warning", compact=True)
        yield TooSmall()

    @on(Button.Pressed, "#cancel")
    def cancelled(self) -> None:
        """Leave it."""
        self.dismiss(False)

    @on(Button.Pressed, "#want")
    def action_want(self) -> None:
        """Do it."""
        self.dismiss(True)


class ConfirmByName(Dialog[bool]):
    """Asks for the name of what will be gone. True when it was typed."""

    def __init__(self, name: str, body: Content) -> None:
        super().__init__()
        self._name_wanted = name
        self._body = body

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            title = join("Delete ", plain(self._name_wanted, limit=40))
            dialog.border_title = title
            yield Static(self._body)
            yield Static(join("Type ", plain(self._name_wanted, Tone.KEY), " to go on; esc cancels."), classes="gap")
            yield Input(id="typed", compact=True)
            with Horizontal(classes="buttons"):
                yield Button("Cancel", id="cancel", compact=True)
                yield Button("Delete", id="want", variant="error", compact=True, disabled=True)
        yield TooSmall()

    @on(Input.Changed)
    def compare(self, event: Input.Changed) -> None:
        """The button works once the name stands there."""
        self.query_one("#want", Button).disabled = event.value != inert(self._name_wanted)

    @on(Input.Submitted)
    @on(Button.Pressed, "#want")
    def want(self) -> None:
        """Do it, if the name is right."""
        if self.query_one("#typed", Input).value == inert(self._name_wanted):
            self.dismiss(True)

    @on(Button.Pressed, "#cancel")
    def cancelled(self) -> None:
        """Leave it."""
        self.dismiss(False)

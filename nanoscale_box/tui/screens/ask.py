"""Dialogs that ask for a text: a setting, or the variables of an environment."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar, Final

from rich.highlighter import Highlighter
from rich.text import Text
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.core.envvars import check_env, parse_dotenv
from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.text import inert
from nanoscale_box.tui.plain import Tone, join, keyed, plain
from nanoscale_box.tui.screens.base import Dialog, why
from nanoscale_box.tui.widgets.bars import TooSmall
from nanoscale_box.tui.words import advised

MASK: Final = "••••••••"
_LONGEST: Final = 10_000


class Ask(Dialog[str]):
    """One line. It stays open until `take` has taken the text, so that nothing typed is lost."""

    def __init__(self, title: Content, about: Content, value: str, take: Callable[[str], Awaitable[None]]) -> None:
        super().__init__()
        self._title = title
        self._about = about
        self._take = take
        self.input = Input(inert(value, limit=_LONGEST), compact=True, id="typed")
        self.problem = Static(classes="problem")

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "enter keeps it, esc leaves it as it is"
            yield Static(self._about)
            yield self.input
            yield self.problem
        yield TooSmall()

    @on(Input.Changed)
    def typed(self) -> None:
        """A complaint about another text is over."""
        self.problem.update(Content(""))

    @on(Input.Submitted)
    def submitted(self) -> None:
        """Have it taken."""
        self.problem.update(plain("◐ asking the box …", Tone.BUSY))
        self.run_worker(self._give(self.input.value.strip()), exclusive=True)

    async def _give(self, text: str) -> None:
        try:
            await self._take(text)
        except ValueError as flaw:
            self._complain(str(flaw))
        except (ApiError, Unreachable) as failed:
            self._complain(advised(*why(failed)))
        else:
            self.dismiss(text)

    def _complain(self, sentence: str) -> None:
        self.problem.update(plain(f"✕ {sentence}", Tone.BAD))


class MaskValue(Highlighter):
    """Of `KEY=value` only the key is shown."""

    def highlight(self, text: Text) -> None:
        """Put a dot in the place of each character of the value."""
        key, equals, value = text.plain.partition("=")
        shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in key)
        text.plain = shown + equals + "•" * len(value)


class VariableInput(Input):
    """Takes lines of `KEY=value`; what is pasted may be a whole `.env`."""

    def __init__(self, take: Callable[[str], None]) -> None:
        super().__init__(placeholder="KEY=value, or paste a .env", compact=True, highlighter=MaskValue(), id="typed")
        self._take_text = take

    def _on_paste(self, event: events.Paste) -> None:
        """Textual's own comes after this one and keeps the first line only. Terminals end pasted lines with `\\r`."""
        text = event.text.replace("\r\n", "\n").replace("\r", "\n")
        if "\n" in text.strip():
            event.stop()
            event.prevent_default()
            self._take_text(text)


class AskVariables(Dialog[dict[str, str]]):
    """Gathers variables, typed one by one or pasted; values are never shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "done", "keep them", priority=True),
        Binding("ctrl+x", "drop", "drop the last one", priority=True),
    ]

    def __init__(self, title: Content, about: Content, before: dict[str, str] | None = None) -> None:
        super().__init__()
        self._title = title
        self._about = about
        self.gathered = dict(before or {})
        self.input = VariableInput(self.take)
        self.problem = Static(classes="problem")
        self.list = Static()

    def compose(self) -> ComposeResult:
        with Vertical(classes="dialog variables") as dialog:
            dialog.border_title = self._title
            dialog.border_subtitle = "enter adds, ctrl+s keeps, esc cancels"
            yield Static(self._about)
            yield self.input
            yield self.problem
            yield self.list
        yield TooSmall()

    def on_mount(self) -> None:
        """What was gathered before is still there."""
        self._tell()

    def take(self, text: str) -> None:
        """Add what stands in a text, all of it or nothing."""
        try:
            pairs = parse_dotenv(text)
            for key, value in pairs:
                check_env(key, value)
        except Invalid as flaw:
            self.problem.update(plain(f"✕ {flaw.detail}", Tone.BAD))
            return
        self.problem.update(Content(""))
        self.input.value = ""
        self.gathered |= dict(pairs)
        self._tell()

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """Add a line; an empty one ends it."""
        if event.value.strip():
            self.take(event.value)
        elif self.gathered:
            self.action_done()

    def action_done(self) -> None:
        """Keep them, with the line that still stands there."""
        if self.input.value.strip():
            self.take(self.input.value)
        if not self.input.value.strip():
            self.dismiss(self.gathered)

    def action_drop(self) -> None:
        """Forget the last one."""
        if self.gathered:
            self.gathered.popitem()
        self._tell()

    def _tell(self) -> None:
        if not self.gathered:
            self.list.update(plain("Nothing yet.", Tone.DIM))
            return
        names = list(self.gathered)
        lines = [join(plain(name, Tone.STRONG, limit=40), plain(f"  {MASK}", Tone.DIM)) for name in names[-8:]]
        more = [plain(f"{len(names) - 8:,} more before these", Tone.DIM)] if len(names) > 8 else []
        last = keyed("*ctrl+s* keeps them, *ctrl+x* drops the last one.")
        self.list.update(Content("\n").join([*more, *lines, last]))

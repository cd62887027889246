"""Settings of the terminal UI itself: theme, read-only, where things are, and every key that can be another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.places import default_home
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.key_map import Action
from nanoscale_box.tui.plain import Tone, plain
from nanoscale_box.tui.screens.base import BoxScreen, say
from nanoscale_box.tui.screens.help import key_name
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.rows import Rows


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A line; `action` is what enter does, and `copied` what `y` takes along."""

    name: str
    value: str
    about: str = ""
    action: str = ""
    copied: str = ""
    wrong: bool = False


class SettingsScreen(BoxScreen):
    """What is chosen, and the id of each action for the key map."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "copy_value", "copy", id="settings.copy"),
        Binding("escape", "back", "back"),
    ]

    def __init__(self, desk: Desk, actions: Sequence[Action]) -> None:
        super().__init__(desk)
        self._actions = actions
        self.title_bar.where = plain("Settings", Tone.STRONG)
        self.facts: ListPane[Fact] = ListPane(
            Content("Settings and keys"),
            _columns(),
            key=lambda fact: fact.name,
            words=lambda fact: f"{fact.name} {fact.value} {fact.about}",
            sorting="enter changes",
            empty=Content(""),
            id="facts",
        )

    def body(self) -> ComposeResult:
        """One list."""
        yield self.facts

    def on_mount(self) -> None:
        """Stand in the list; a theme chosen in the palette shows at once."""
        super().on_mount()
        self.app.theme_changed_signal.subscribe(self, lambda _: self.renew())
        self.facts.focus_list()
        self.run_worker(self._ask_version())

    async def _ask_version(self) -> None:
        try:
            self.desk.version = (await self.desk.box.session()).version
        except (ApiError, Unreachable):
            return  # that the box is away stands in the status line
        self.renew()

    def renew(self) -> None:
        """Show what holds now."""
        prefs = self.desk.prefs
        flaws = [Fact(name=f"flaw {at}", value=flaw, wrong=True) for at, flaw in enumerate(prefs.flaws, 1)]
        keys = [
            Fact(name=one.id, value=_keys(one.keys), about=one.does, copied=f'"{one.id}" = "{one.keys}"')
            for one in self._actions
        ]
        self.facts.show([*flaws, *self._chosen(), *keys])

    @on(Rows.Chosen)
    def chosen(self) -> None:
        """Change it, where that is done from here."""
        fact = self.facts.rows.current
        if fact is None:
            return
        if fact.action:
            self.run_worker(self.app.run_action(fact.action, self))
            return
        say(self, f"To change it, edit {self.desk.prefs.file}; it is read at the next start")

    def action_toggle_read_only(self) -> None:
        """Until one leaves."""
        self.desk.read_only = not self.desk.read_only
        self._changed()

    def action_copy_value(self) -> None:
        """Take the value under the cursor along; of a key, the line for the file."""
        fact = self.facts.rows.current
        if fact is not None:
            self.copy(fact.copied or fact.value, fact.name)

    def action_back(self) -> None:
        """Where one came from."""
        self.dismiss()

    def _chosen(self) -> list[Fact]:
        desk = self.desk
        return [
            Fact(
                name="theme", value=self.app.theme, action="app.change_theme",
                about="enter chooses another; ansi-dark and ansi-light are the terminal's own palette",
            ),
            Fact(
                name="read-only", value="yes" if desk.read_only else "no", action="screen.toggle_read_only",
                about="nothing is changed from here; --read-only begins so",
            ),
            Fact(name="key map and theme", value=str(desk.prefs.file), about="a [keys] table: action = \"keys\""),
            Fact(name="socket", value=str(desk.box.socket or ""), about="where the box answers"),
            Fact(name="home", value=str(default_home(desk.environ)), about="where a box of your own keeps its things"),
            Fact(name="box", value=desk.version or "?", about="the version that answers"),
        ]  # fmt: skip


def _keys(keys: str) -> str:
    return " ".join(key_name(key.strip()) for key in keys.split(","))


def _columns() -> list[Column[Fact]]:
    def name(fact: Fact) -> Content:
        return plain("▲ not understood", Tone.WARN) if fact.wrong else plain(fact.name)

    def value(fact: Fact) -> Content:
        return plain(fact.value, Tone.WARN if fact.wrong else Tone.STRONG)

    return [
        Column(title="Setting or action", cell=name, least=18, most=24),
        Column(title="Value or keys", cell=value, least=20, grow=2),
        Column(title="", cell=lambda fact: plain(fact.about, Tone.DIM), least=16, grow=2, above=70),
    ]

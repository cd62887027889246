"""Help: what this screen is, and every key that works on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from textual.app import App, ComposeResult
from textual.binding import ActiveBinding, Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.screens.base import Dialog
from nanoscale_box.tui.widgets.bars import TooSmall

_ABOUT: Final = {
    "HomeScreen": "All projects, and what became of every push. enter opens the project under the cursor.",
    "ProjectScreen": "One project: deployments, the log of the one under the cursor, and why pushes ended as they did.",
    "NewProjectScreen": "A new project from GitHub or any public repository. tab goes from field to field.",
    "PlanScreen": "What will be built and run, before anything does. What you change here, the project has; the rest "
    "stays as the box detects it.",
    "DoctorScreen": "What the box finds out about itself: why it matters, and what mends it.",
    "SettingsScreen": "The terminal UI's own settings, and the id of every action whose keys can be others.",
    "GithubScreen": "The connection with GitHub. What is opened in the browser is seen here by itself.",
}
_NAMES: Final = {
    "question_mark": "?", "slash": "/", "exclamation_mark": "!",
    "escape": "esc", "pagedown": "PgDn", "pageup": "PgUp", "delete": "Del",
    "f1": "F1", "up": "↑", "down": "↓", "left": "←", "right": "→",
}  # fmt: skip


class Help(Dialog[None]):
    """Any of its own keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("question_mark,f1,q,enter", "leave", "close", show=False)]

    def __init__(self, screen: str, bindings: Mapping[str, ActiveBinding]) -> None:
        super().__init__()
        self._about = _ABOUT.get(screen, "")
        self._keys = keys_of(bindings)

    def compose(self) -> ComposeResult:
        with VerticalScroll(classes="dialog help") as dialog:
            dialog.border_title = "Help"
            dialog.border_subtitle = "esc closes"
            yield Static(plain(self._about, Tone.STRONG))
            yield Static(table(self._keys))
        yield TooSmall()


def keys_of(bindings: Mapping[str, ActiveBinding]) -> dict[str, list[tuple[str, str]]]:
    """Keys and what they do, by where they work; several keys of one action stand together."""
    found: dict[str, dict[str, list[str]]] = {"Here": {}, "In the list or log": {}, "Everywhere": {}}
    for key, active in bindings.items():
        binding = active.binding
        if not active.enabled or not binding.description or binding.system or is_textuals(binding):
            continue
        place = "Everywhere" if isinstance(active.node, App) else "In the list or log"
        place = "Here" if isinstance(active.node, Screen) else place
        found[place].setdefault(binding.description, []).append(key_name(key))
    return {place: [(" ".join(keys), does) for does, keys in actions.items()] for place, actions in found.items()}


def is_textuals(binding: Binding) -> bool:
    """Whether it is a key that widgets have from Textual; ours are described in lower case."""
    return binding.description[:1].isupper() and binding.description != "GitHub"


def table(sections: Mapping[str, list[tuple[str, str]]]) -> Content:
    """Two columns under each heading."""
    width = max((len(names) for keys in sections.values() for names, _ in keys), default=0)
    lines: list[Content] = []
    for heading, keys in sections.items():
        if keys:
            lines += [Content(""), plain(heading, Tone.DIM)]
            lines += [join(plain(names.ljust(width), Tone.KEY), "  ", plain(does)) for names, does in keys]
    return Content("\n").join(lines)


def key_name(key: str) -> str:
    """A key as it is written on it."""
    return _NAMES.get(key, key.removeprefix("upper_"))

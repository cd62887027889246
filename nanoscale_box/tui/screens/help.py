"""Help: what this screen is, and every key that works on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ActiveBinding
from textual.widgets import Static

from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.screens.base import Dialog
from nanoscale_box.tui.widgets.bars import TooSmall

_ABOUT: Final = {
    "HomeScreen": "All projects, and what became of every push. enter opens the project under the cursor.",
    "ProjectScreen": "One project: deployments, the log of the one under the cursor, and why pushes ended as they did.",
    "NewProjectScreen": "A new project from GitHub or any public repository. tab goes from field to field.",
    "GithubScreen": "The connection with GitHub. What is opened in the browser is seen here by itself.",
}
_NAMES: Final = {
    "question_mark": "?", "slash": "/", "escape": "esc", "pagedown": "PgDn", "pageup": "PgUp", "delete": "Del",
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
            yield Static(table(self._keys), classes="gap")
        yield TooSmall()


def keys_of(bindings: Mapping[str, ActiveBinding]) -> list[tuple[str, str]]:
    """Keys and what they do; several keys of one action stand together."""
    found: dict[str, list[str]] = {}
    for key, active in bindings.items():
        if active.enabled and active.binding.description and not active.binding.system:
            found.setdefault(active.binding.description, []).append(_name(key))
    return [(" ".join(keys), does) for does, keys in found.items()]


def table(keys: list[tuple[str, str]]) -> Content:
    """Two columns."""
    width = max((len(names) for names, _ in keys), default=0)
    return Content("\n").join(
        [join(plain(names.ljust(width), Tone.KEY), "  ", plain(does)) for names, does in keys],
    )


def _name(key: str) -> str:
    return _NAMES.get(key, key.removeprefix("upper_"))

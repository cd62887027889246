"""The keys that apply now, at the bottom of every screen: as many as there is room for, each of them whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

_ALWAYS: Final = "help"
_BEFORE_OTHERS: Final = "back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the bar."""

    binding: Binding
    name: str
    enabled: bool
    tooltip: str

    @property
    def width(self) -> int:
        """Cells it takes, with the gap after it."""
        return cell_len(self.name) + 1 + cell_len(self.binding.description) + 1


class KeysBar(Footer):
    """`offers` says of an action whether it makes sense for what is selected; its key works all the same, and says why
    it does nothing."""

    def __init__(self, offers: Callable[[str], bool]) -> None:
        super().__init__(show_command_palette=False, compact=True)
        self._offers = offers
        self._room = 0
        self._shown: list[Key] | None = None

    def compose(self) -> ComposeResult:
        """The keys that fit."""
        self._shown = self._fitting() if self._bindings_ready else None
        for key in self._shown or []:
            yield FooterKey(
                key.binding.key, key.name, key.binding.description, key.binding.action,
                disabled=not key.enabled, tooltip=key.tooltip,
            ).data_bind(compact=Footer.compact)  # fmt: skip

    def on_resize(self, event: events.Resize) -> None:
        """More or fewer fit."""
        if event.size.width != self._room:
            self._room = event.size.width
            self.call_after_refresh(self._renew)

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Textual says so with every key and every focus; mostly the same keys apply still."""
        self._bindings_ready = True
        if screen.app.app_focus and self.is_attached and screen is self.screen:
            self.call_after_refresh(self._renew)

    async def _renew(self) -> None:
        if self.is_attached and self._shown != self._fitting():
            await self.recompose()

    def _fitting(self) -> list[Key]:
        return fitting(self._keys(), self.app.size.width - 2)

    def _keys(self) -> list[Key]:
        found: dict[str, Key] = {}
        for _, binding, enabled, tooltip in self.screen.active_bindings.values():
            if binding.show and binding.action not in found and self._offers(binding.action):
                name = self.app.get_key_display(binding)
                found[binding.action] = Key(binding=binding, name=name, enabled=enabled, tooltip=tooltip)
        return list(found.values())


def fitting(keys: Sequence[Key], room: int) -> list[Key]:
    """Those that there is room for, in their order; the key for help is always there, since it tells all others."""
    first = [*_named(keys, _ALWAYS), *_named(keys, _BEFORE_OTHERS)]
    chosen: list[Key] = []
    for key in [*first, *(one for one in keys if one not in first)]:
        if sum(one.width for one in [*chosen, key]) - 1 > room and key.binding.action != _ALWAYS:
            break
        chosen.append(key)
    return [key for key in keys if key in chosen]


def _named(keys: Sequence[Key], action: str) -> list[Key]:
    return [key for key in keys if key.binding.action == action]

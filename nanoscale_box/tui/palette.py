"""The command palette: every action of the screen beneath it, with its key."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import SystemCommand
from textual.screen import Screen

from nanoscale_box.tui.screens.help import is_textuals, key_name

_NOT_HERE = frozenset({"step", "page", "edge", "move", "leap", "choose", "first", "command_palette"})


def commands(screen: Screen[object]) -> Iterable[SystemCommand]:
    """One command for each binding that does more than move the cursor."""
    seen: set[str] = set()
    for key, active in screen.active_bindings.items():
        binding = active.binding
        action = binding.action.rpartition(".")[2].partition("(")[0]
        title = binding.description[:1].upper() + binding.description[1:]
        if not active.enabled or binding.system or not title or title in seen:
            continue
        if action in _NOT_HERE or is_textuals(binding):
            continue
        seen.add(title)
        node = active.node

        async def run(action: str = binding.action, node: object = node) -> None:
            await screen.app.run_action(action, node)  # type: ignore[arg-type] # a DOM node, as told by Textual

        yield SystemCommand(title, f"key: {key_name(key)}", run)

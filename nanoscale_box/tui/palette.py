"""The command palette: every action of the screen beneath it, with its key."""

from __future__ import annotations

from collections.abc import Iterable

from textual.app import SystemCommand
from textual.screen import Screen

from nanoscale_box.tui.screens.help import keys_of

_MOVES = frozenset({"step", "page", "edge", "move", "leap", "choose", "first"})


def commands(screen: Screen[object]) -> Iterable[SystemCommand]:
    """One command for each binding that does more than move the cursor."""
    seen: set[str] = set()
    for key, active in screen.active_bindings.items():
        binding = active.binding
        action = binding.action.rpartition(".")[2].partition("(")[0]
        if not active.enabled or binding.system or not binding.description or action in _MOVES:
            continue
        title = binding.description.capitalize()
        if title in seen:
            continue
        seen.add(title)
        node = active.node

        async def run(action: str = binding.action, node: object = node) -> None:
            await screen.app.run_action(action, node)  # type: ignore[arg-type] # a DOM node, as told by Textual

        names = keys_of({key: active})
        yield SystemCommand(title, f"key: {names[0][0]}" if names else "", run)

"""Every action that can be given other keys, by its id."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from textual.binding import Binding, BindingType
from textual.dom import DOMNode


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What has a key: `keys` are those it has now."""

    id: str
    does: str
    keys: str


def actions(classes: Iterable[type[DOMNode]], remapped: Mapping[str, str]) -> list[Action]:
    """Those of some screens and widgets, by id."""
    found: dict[str, Action] = {}
    for kind in classes:
        for binding in _bindings(kind):
            if binding.id and binding.id not in found:
                keys = remapped.get(binding.id, binding.key)
                found[binding.id] = Action(id=binding.id, does=binding.description, keys=keys)
    return sorted(found.values(), key=lambda action: action.id)


def unknown(keys: Mapping[str, str], known: Iterable[Action]) -> list[str]:
    """What is wrong with a key map, as sentences."""
    ids = {action.id for action in known}
    return [f"keys: there is no action {name!r}; the settings screen lists them" for name in keys if name not in ids]


def _bindings(kind: type[DOMNode]) -> list[Binding]:
    found: list[BindingType] = list(vars(kind).get("BINDINGS", []))
    return [one for one in found if isinstance(one, Binding)]

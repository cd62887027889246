"""`nanoscale.toml`: what a repository itself says about how it is built, run and checked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanoscale_box.core.plan_model import HealthSaid, Settings, Tree, invalid
from nanoscale_box.core.plan_texts import table, toml_of
from nanoscale_box.core.settings import HEALTH_PATH
from nanoscale_box.core.text import inert

NAME: Final = "nanoscale.toml"
_COMMANDS: Final = (
    "install_command", "build_command", "run_command", "output_directory", "preflight_command", "release_command",
)  # fmt: skip
_HEALTH: Final = ("path", "status", "timeout_seconds", "grace_seconds")
_LONGEST: Final = 3600


def read_toml(tree: Tree) -> Settings:
    """What the file says, if it is there; `health` is None when it says nothing about it. Raises `DeployFailed`
    (`plan_invalid`), for names it does not know too: they are misspelt."""
    values = toml_of(tree, NAME)
    if values is None:
        return Settings()
    _known(values, (*_COMMANDS, "health"), "")
    health = _health(values) if "health" in values else None
    return Settings(**{name: _text(values, name) for name in _COMMANDS}, health=health)


def _health(values: Mapping[str, object]) -> HealthSaid:
    if not isinstance(values["health"], dict):
        raise invalid(f"{NAME}: health must be a table")
    said = table(values, "health")
    _known(said, _HEALTH, "health.")
    path = _text(said, "path") or None
    if path is not None and not HEALTH_PATH.fullmatch(path):
        raise invalid(f"{NAME}: health.path must begin with / and hold no spaces")
    return HealthSaid(
        path=path,
        status=_status(said["status"]) if "status" in said else None,
        timeout_seconds=_number(said, "timeout_seconds", 1),
        grace_seconds=_number(said, "grace_seconds", 0),
    )


def _status(value: object) -> tuple[int, int]:
    match value:
        case int() if _is_status(value):
            return value, value
        case [int() as lowest, int() as highest] if _is_status(lowest) and _is_status(highest) and lowest <= highest:
            return lowest, highest
        case _:
            raise invalid(f"{NAME}: health.status must be a status like 200, or two like [200, 399]")


def _is_status(value: int) -> bool:
    return not isinstance(value, bool) and 100 <= value <= 599


def _number(values: Mapping[str, object], name: str, least: int) -> int | None:
    if name not in values:
        return None
    value = values[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= _LONGEST:
        raise invalid(f"{NAME}: health.{name} must be a whole number from {least} to {_LONGEST}")
    return value


def _text(values: Mapping[str, object], name: str) -> str | None:
    value = values.get(name)
    if value is not None and not isinstance(value, str):
        raise invalid(f"{NAME}: {name} must be text in quotes")
    return value


def _known(values: Mapping[str, object], names: tuple[str, ...], table_name: str) -> None:
    for name in values:
        if name not in names:
            known = ", ".join(table_name + known for known in names)
            raise invalid(f"{NAME}: {table_name}{inert(name, limit=60)} is not known", hint=f"use one of {known}")

"""What the owner settles for one project besides its commands: which pushes count, when it is healthy, what it may
take."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Final

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.watch import check_pattern, check_patterns

HEALTH_PATH: Final = re.compile(r"/[!-~]{0,1000}")
_STATUS: Final = re.compile(r"([1-5][0-9]{2})(?:-([1-5][0-9]{2}))?")
_MAX_COMMAND: Final = 8192
_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "health_timeout_seconds": (1, 3600),
    "health_grace_seconds": (0, 3600),
    "stop_seconds": (0, 600),
    "memory_mb": (16, 1_048_576),
    "cpu_percent": (1, 100_000),
    "tasks_max": (8, 1_000_000),
    "build_timeout_seconds": (1, 86_400),
    "build_memory_mb": (16, 1_048_576),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectSettings:
    """Each None (and no watch path) stands for the default."""

    watch_paths: tuple[str, ...] = ()
    """Which changed files make a push worth a deployment, as `core.watch` has it."""
    tag_pattern: str | None = None
    """Tags that match are deployed, instead of the branch's head."""
    health_path: str | None = None
    health_status: str | None = None
    """A status like `200`, or a range like `200-399`."""
    health_timeout_seconds: int | None = None
    health_grace_seconds: int | None = None
    stop_seconds: int | None = None
    """How long a process may take to end after SIGTERM."""
    memory_mb: int | None = None
    """MiB of the running app."""
    cpu_percent: int | None = None
    """Of one core: 200 is two cores."""
    tasks_max: int | None = None
    build_timeout_seconds: int | None = None
    """How long one command of a build may take."""
    build_memory_mb: int | None = None
    preflight_command: str | None = None
    """Run once before a new release starts."""
    release_command: str | None = None
    """Run once when a new release is healthy, before visitors are led to it."""


SETTINGS: Final = tuple(each.name for each in fields(ProjectSettings))


def changed_settings(settings: ProjectSettings, asked: Mapping[str, object]) -> ProjectSettings:
    """The settings with those asked for in place; None empties. `Invalid` names the one that cannot be right."""
    return replace(settings, **{name: _checked(name, value) for name, value in asked.items()})  # type: ignore[arg-type]


def status_range(text: str) -> tuple[int, int]:
    """The lowest and the highest status that count as healthy; `Invalid` for anything but `200` or `200-399`."""
    found = _STATUS.fullmatch(text.strip())
    lowest, highest = (int(found[1]), int(found[2] or found[1])) if found else (1, 0)
    if lowest > highest:
        raise Invalid(Code.INVALID, "health_status is a status like 200, or a range like 200-399")
    return lowest, highest


def _checked(name: str, value: object) -> object:
    match name, value:
        case "watch_paths", None | list() | tuple():
            return check_patterns([str(pattern) for pattern in value or ()])
        case _, None | "":
            return None
        case "tag_pattern", str():
            return check_pattern(value, "tag pattern")
        case "health_path", str() if HEALTH_PATH.fullmatch(value):
            return value
        case "health_path", _:
            raise Invalid(Code.INVALID, "health_path begins with / and holds no spaces")
        case "health_status", str():
            lowest, highest = status_range(value)
            return str(lowest) if lowest == highest else f"{lowest}-{highest}"
        case (("preflight_command" | "release_command"), str()):
            return _command(name, value)
        case _ if name in _NUMBERS:
            return _number(name, value)
        case _:
            raise Invalid(Code.INVALID, f"{name} cannot be {type(value).__name__}")


def _command(name: str, line: str) -> str | None:
    if "\0" in line or len(line) > _MAX_COMMAND:
        raise Invalid(Code.INVALID, f"{name} is a line for a shell of at most {_MAX_COMMAND} characters")
    return line.strip() or None


def _number(name: str, value: object) -> int:
    least, most = _NUMBERS[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise Invalid(Code.INVALID, f"{name} is a whole number from {least} to {most}")
    return value

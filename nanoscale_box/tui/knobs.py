"""A project's settings as a table: how each is called, what holds where it is empty, and how it is typed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from nanoscale_box.wire import requests, shapes


class Kind(Enum):
    """What is typed."""

    TEXT = auto()
    NUMBER = auto()
    LIST = auto()
    SWITCH = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One setting; `field` is that of `ChangeProject`."""

    field: str
    label: str
    about: str
    otherwise: str = ""
    """What holds where it is empty."""
    kind: Kind = Kind.TEXT
    unit: str = ""
    option: str = ""
    """The command's, where it is not the field's own name."""


KNOBS: Final = (
    Knob(field="name", label="Name", about="A new name is a new address."),
    Knob(field="branch", label="Branch", about="The branch that is deployed."),
    Knob(
        field="domains", label="Domains", kind=Kind.LIST, otherwise="its own address only", option="--domain",
        about="Hosts it answers at besides its own, with blanks between them. They hold at once.",
    ),
    Knob(field="install_command", label="Install", otherwise="as detected", about="Instead of the detected command."),
    Knob(field="build_command", label="Build", otherwise="as detected", about="Instead of the detected command."),
    Knob(field="run_command", label="Run", otherwise="as detected", about="Instead of the detected command."),
    Knob(field="preflight_command", label="Preflight", otherwise="none", about="Run once before a new release starts."),
    Knob(
        field="release_command", label="Release", otherwise="none",
        about="Run once when a new release is healthy, before the switch.",
    ),
    Knob(field="output_directory", label="Output", otherwise="as detected", about="The folder of a static site."),
    Knob(
        field="root_directory", label="Root", otherwise="the repository's",
        about="Where in the repository the app lies.",
    ),
    Knob(
        field="watch_paths", label="Watch paths", kind=Kind.LIST, otherwise="every push", option="--watch-path",
        about="Patterns with blanks between them: only pushes that change such files are deployed.",
    ),
    Knob(
        field="tag_pattern", label="Tags", otherwise="the branch is deployed",
        about="Tags like this (v*) are deployed instead of the branch.",
    ),
    Knob(
        field="wait_for_ci", label="Wait for CI", kind=Kind.SWITCH,
        about="Pushes are deployed once the commit's checks are green.",
    ),
    Knob(field="paused", label="Paused", kind=Kind.SWITCH, about="Pushes are noted, not deployed."),
    Knob(field="health_path", label="Health path", otherwise="/", about="What must answer before the switch."),
    Knob(
        field="health_status", label="Health status", otherwise="any good one",
        about="The status it must have: 200, or 200-399.",
    ),
    Knob(
        field="health_timeout_seconds", label="Health timeout", kind=Kind.NUMBER, unit="s", otherwise="60 s",
        about="Seconds that the right answer may take.",
    ),
    Knob(
        field="health_grace_seconds", label="Health grace", kind=Kind.NUMBER, unit="s", otherwise="10 s",
        about="Seconds for which a wrong answer is forgiven.",
    ),
    Knob(
        field="stop_seconds", label="Stop", kind=Kind.NUMBER, unit="s", otherwise="30 s",
        about="Seconds from SIGTERM to SIGKILL.",
    ),
    Knob(
        field="memory_mb", label="Memory", kind=Kind.NUMBER, unit="MiB", otherwise="no limit",
        about="MiB of memory the app may have.",
    ),
    Knob(
        field="cpu_percent", label="CPU", kind=Kind.NUMBER, unit="%", otherwise="no limit",
        about="Processor time of the app in percent; 100 is one core.",
    ),
    Knob(
        field="tasks_max", label="Tasks", kind=Kind.NUMBER, otherwise="4096 as a service",
        about="Processes and threads the app may have.",
    ),
    Knob(
        field="build_timeout_seconds", label="Build timeout", kind=Kind.NUMBER, unit="s", otherwise="1800 s",
        about="Seconds for each command of a build.",
    ),
    Knob(
        field="build_memory_mb", label="Build memory", kind=Kind.NUMBER, unit="MiB", otherwise="no limit",
        about="MiB of memory a build may have.",
    ),
)  # fmt: skip

PLAN: Final = tuple(
    knob for knob in KNOBS
    if knob.field in {
        "install_command", "build_command", "run_command", "preflight_command", "release_command", "output_directory",
        "root_directory", "health_path",
    }
)  # fmt: skip
"""Those that make the plan, which may be told before a project is made."""


def value_of(knob: Knob, project: shapes.Project) -> str:
    """A setting as it would be typed; empty where its default holds."""
    if knob.field == "domains":
        own = re.split(r"[:/]", project.url.partition("://")[2], maxsplit=1)[0]
        return " ".join(host for host in project.hosts if host != own)
    value = getattr(project, knob.field)
    match knob.kind:
        case Kind.LIST:
            return " ".join(value or ())
        case Kind.SWITCH:
            return "yes" if value else "no"
        case _:
            return "" if value is None else str(value)


def shown(knob: Knob, project: shapes.Project) -> str:
    """A setting for people; empty where its default holds."""
    if knob.kind is Kind.TEXT and getattr(project, knob.field) == "":
        return "none"
    value = value_of(knob, project)
    return f"{value} {knob.unit}" if value and knob.unit else value


def change_to(knob: Knob, typed: str) -> requests.ChangeProject:
    """What is asked of the box. `ValueError` with a sentence where the text cannot be meant."""
    match knob.kind:
        case Kind.NUMBER if typed and not (typed.isascii() and typed.isdigit() and len(typed) < 10):
            raise ValueError("A whole number is needed, or nothing for the default.")
        case Kind.NUMBER:
            value: object = int(typed) if typed else None
        case Kind.LIST:
            value = typed.split()
        case Kind.SWITCH:
            value = typed == "yes"
        case _ if not typed and knob.field in {"name", "branch"}:
            raise ValueError(f"The {knob.label.lower()} cannot be empty.")
        case _:
            value = typed or None
    return requests.ChangeProject(**{knob.field: value})  # type: ignore[arg-type] # a field of the table


def words_for(knob: Knob, typed: str) -> Sequence[str]:
    """The same as options of `projects set`."""
    option = knob.option or f"--{knob.field.replace('_', '-')}"
    match knob.kind:
        case Kind.SWITCH:
            return [option if typed == "yes" else f"--no-{option[2:]}"]
        case Kind.LIST:
            return [word for each in typed.split() or [""] for word in (option, each)]
        case _:
            return [option, typed]

"""The nouns of planning: what was found in a checkout, what the owner set, and the plan made of both."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.text import inert

_PLACEHOLDER: Final = re.compile(r"\$(PORT|HOST|DATA_DIR)\b")
_MAX_COMMAND: Final = 8192


class PlanKind(StrEnum):
    """What a project was recognised as."""

    PROCFILE = "procfile"
    PYTHON = "python"
    NODE = "node"
    GO = "go"
    RUBY = "ruby"
    PHP = "php"
    RUST = "rust"
    STATIC = "static"
    CUSTOM = "custom"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """A checkout as far as planning needs it."""

    files: frozenset[str]
    """Paths relative to the project's root directory, with `/`."""
    texts: Mapping[str, str]
    """The contents of those `INTERESTING` files that are there."""
    tools: frozenset[str]
    """Which of `TOOLS` the host has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the owner set for a project: None leaves it to detection, an empty command says that there is none."""

    install_command: str | None = None
    build_command: str | None = None
    run_command: str | None = None
    output_directory: str | None = None
    preflight_command: str | None = None
    release_command: str | None = None
    health: HealthSaid | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSaid:
    """What somebody said about health; None leaves a field to the next one who is asked."""

    path: str | None = None
    status: tuple[int, int] | None = None
    timeout_seconds: int | None = None
    grace_seconds: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """Something to run in the project's root directory: a detected `argv`, or an owner's own line for a `shell`;
    never both.

    A detected argv may hold `$PORT`, `$HOST` and `$DATA_DIR`, known only when the app starts: execute `filled(env)`."""

    argv: tuple[str, ...] | None = None
    shell: str | None = None

    def __post_init__(self) -> None:
        if (self.argv is None) == (self.shell is None):
            raise ValueError("a command is either an argv or a line for a shell")

    def filled(self, env: Mapping[str, str]) -> tuple[str, ...]:
        """Give the argv to execute under `env`; an owner's line goes to `/bin/sh -c`, which reads the environment
        itself."""
        if self.shell is not None:
            return ("/bin/sh", "-c", self.shell)
        return tuple(
            _PLACEHOLDER.sub(lambda found: env.get(found.group(1), found.group()), word) for word in self.argv or ()
        )

    @property
    def text(self) -> str:
        """The command as people read it."""
        if self.shell is not None:
            return self.shell
        return " ".join(word if _PLACEHOLDER.search(word) else shlex.quote(word) for word in self.argv or ())


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """When a started release counts as up: `path` answers with a status from `lowest` to `highest`."""

    path: str = "/"
    lowest: int = 200
    highest: int = 499
    """Nothing is known of an app whose owner names no path: any answer that is not its own fault will do."""
    timeout_seconds: int = 60
    """How long after the start the right answer may take."""
    grace_seconds: int = 10
    """How long after the start a wrong answer is taken for starting up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a checkout becomes a running release. All paths are relative to the project's root directory."""

    kind: PlanKind
    why: str
    """One sentence's worth: what was found, and who said otherwise."""
    install: tuple[Command, ...] = ()
    build: tuple[Command, ...] = ()
    run: Command | None = None
    """None: a static site, served from `output_directory`."""
    output_directory: str | None = None
    health: Health = field(default_factory=Health)
    needs: tuple[str, ...] = ()
    """Tools that must be on the host."""
    env: Mapping[str, str] = field(default_factory=dict)
    """Defaults beneath the owner's own variables, for install, build and run."""
    path_prefix: tuple[str, ...] = ()
    """Directories that go before the `PATH` of install, build and run."""
    preflight: Command | None = None
    """Runs once before a new release starts."""
    release: Command | None = None
    """Runs once when a new release is healthy, before the switch."""
    workers: Mapping[str, Command] = field(default_factory=dict)
    """What runs beside `run` as long as it runs, by name."""
    in_file: tuple[str, ...] = ()
    """Which of the project's settings `nanoscale.toml` decides, so that what the owner says of them does not count."""

    @property
    def start(self) -> Command | None:
        """The command that starts an instance, workers included. The app itself stays the process that was started; a
        worker that ends is started again after a growing pause."""
        if self.run is None or not self.workers:
            return self.run
        beside = [f"again {name} {shlex.quote(_line(worker))} &" for name, worker in self.workers.items()]
        return Command(shell="\n".join([_AGAIN, *beside, f"exec /bin/sh -c {shlex.quote(_line(self.run))}"]))


def _line(command: Command) -> str:
    """The command as a shell's line; placeholders, which only detected words without quotes hold, are its variables."""
    if command.shell is not None:
        return command.shell
    return " ".join(f'"{word}"' if _PLACEHOLDER.search(word) else shlex.quote(word) for word in command.argv or ())


_AGAIN: Final = """\
again() {
  pause=1
  while :; do
    began=$(date +%s)
    /bin/sh -c "$2"
    status=$?
    [ $(($(date +%s) - began)) -ge 60 ] && pause=1
    echo "$1 ended with exit status $status; it is started again in $pause s" >&2
    sleep "$pause"
    pause=$((pause * 2))
    [ "$pause" -gt 60 ] && pause=60
  done
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What one language's detection made of a tree; without `run` and `output_directory` it knows how to install but
    not what to start."""

    kind: PlanKind
    why: str
    """What it was recognised by."""
    starts: str = ""
    """What is started or served, to go on after `why`; void when the owner says otherwise."""
    install: tuple[Command, ...] = ()
    build: tuple[Command, ...] = ()
    run: Command | None = None
    output_directory: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    path_prefix: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether there is something to start or to serve."""
        return self.run is not None or self.output_directory is not None


def argv(*words: str) -> Command:
    """A detected command."""
    return Command(argv=words)


def owners(line: str, where: str) -> Command:
    """An owner's own command. Raises `DeployFailed` (`plan_invalid`)."""
    if "\0" in line or len(line) > _MAX_COMMAND or any("\ud800" <= character <= "\udfff" for character in line):
        raise invalid(f"the command in {where} is too long or holds characters that no shell takes")
    return Command(shell=line.strip())


def relative(path: str, what: str) -> str:
    """Give a path inside the project, without `.` and a final `/`; the root itself is `.`. Raises `DeployFailed`
    (`plan_invalid`)."""
    parts = [part for part in path.strip().split("/") if part not in {"", "."}]
    shown = inert(path, limit=500)
    if path.strip().startswith("/") or ".." in parts or "\\" in path or shown != path:
        raise invalid(f"{what} must be a directory inside the repository, not {shown[:100]!r}")
    return "/".join(parts) or "."


def invalid(what: str, hint: str = "") -> DeployFailed:
    """The refusal of a file or setting that plans are made from."""
    return DeployFailed(Code.PLAN_INVALID, what, hint=hint or "correct it and push again")

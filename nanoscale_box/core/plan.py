"""From a checkout to a plan: `nanoscale.toml`, then the project's settings, then what is detected; each field from
the first that has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.plan_model import (
    Command,
    Found,
    Health,
    HealthSaid,
    Plan,
    PlanKind,
    Settings,
    Tree,
    invalid,
    owners,
    relative,
)
from nanoscale_box.core.plan_more import php, ruby, rust
from nanoscale_box.core.plan_node import node
from nanoscale_box.core.plan_other import go, static
from nanoscale_box.core.plan_python import python
from nanoscale_box.core.plan_python_start import ENTRIES
from nanoscale_box.core.plan_texts import procfile
from nanoscale_box.core.plan_toml import NAME, read_toml

__all__ = [
    "INTERESTING",
    "TOOLS",
    "Command",
    "Health",
    "HealthSaid",
    "Plan",
    "PlanKind",
    "Settings",
    "Tree",
    "detect",
    "missing_tools",
    "relative",
]

INTERESTING: Final = frozenset(
    {NAME, "Procfile", "pyproject.toml", "requirements.txt", "Pipfile", "package.json", "next.config.js",
    "next.config.mjs", "next.config.ts", "Gemfile", "composer.json", "Cargo.toml"}
    | set(ENTRIES)
)  # fmt: skip
"""The files whose contents `Tree.texts` should hold; of all others only the name counts."""

TOOLS: Final = (
    "python3", "uv", "poetry", "pipenv", "node", "npm", "pnpm", "yarn", "bun", "corepack", "go", "ruby", "bundle",
    "php", "composer", "cargo",
)  # fmt: skip
"""What to look for on the host."""

_LANGUAGES: Final = (python, node, go, ruby, php, rust)
_SETTINGS: Final = "the project's settings"
_PROCFILE: Final = "the Procfile"
_WITH_NODE: Final = frozenset({"npm", "pnpm", "yarn", "corepack"})
_SURELY_THE_HOSTS: Final = frozenset({"python3", "node", "npm", "go", "ruby", "php", "cargo"})
"""Tools that no owner's earlier command installs, so that an owner's command that begins with one needs the host's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What an owner said of one field, and where; an empty value says that there shall be none."""

    value: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Start:
    """What runs or is served, and who said so; `where` is None when it was detected."""

    run: Command | None
    output_directory: str | None
    where: str | None
    release: tuple[Command, ...] = ()
    workers: Mapping[str, Command] = field(default_factory=dict)


def detect(tree: Tree, settings: Settings) -> Plan:
    """Make the plan. Raises `DeployFailed`: `plan_invalid` when a file or setting cannot be right, `plan_unknown` when
    there is nothing to start or to serve; never anything else, whatever the files hold."""
    toml = read_toml(tree)
    said = {name: _said(name, toml, settings) for name in _FIELDS}
    processes = procfile(tree) if said["run_command"] is None else None
    told = bool(said["run_command"] or said["output_directory"] or processes)
    found = _found(tree, told=told) or Found(kind=PlanKind.CUSTOM, why="")
    start = _start(found, said["run_command"], said["output_directory"], processes)
    install = _commands(said["install_command"], found.install)
    build = _commands(said["build_command"], found.build)
    return Plan(
        kind=_kind(found, start),
        why=_why(found, start, said),
        install=install,
        build=build,
        run=start.run,
        output_directory=start.output_directory,
        health=_health(toml.health, settings.health),
        needs=_needs((*install, *build, *([start.run] if start.run else []), *start.workers.values())),
        env=found.env,
        path_prefix=found.path_prefix,
        preflight=next(iter(_commands(said["preflight_command"], ())), None),
        release=next(iter(_commands(said["release_command"], start.release)), None),
        workers=start.workers,
        in_file=_in_file(said, toml),
    )


_FIELDS: Final = (
    "install_command", "build_command", "run_command", "output_directory", "preflight_command", "release_command",
)  # fmt: skip


def missing_tools(plan: Plan, tree: Tree) -> tuple[str, ...]:
    """What the plan needs and the host has not."""
    return tuple(tool for tool in plan.needs if tool not in tree.tools)


def _said(name: str, in_toml: Settings, in_settings: Settings) -> _Said | None:
    for settings, where in ((in_toml, NAME), (in_settings, _SETTINGS)):
        value: str | None = getattr(settings, name)
        if value is not None and (value.strip() or name != "output_directory"):
            return _Said(value=value, where=where)
    return None


def _in_file(said: Mapping[str, _Said | None], toml: Settings) -> tuple[str, ...]:
    decided = [name for name, one in said.items() if one is not None and one.where == NAME]
    return (*decided, *(["health_path"] if toml.health is not None and toml.health.path else []))


def _found(tree: Tree, *, told: bool) -> Found | None:
    """The first language that knows what to start, or is there at all if the owner told what to start; else files."""
    languages = (found for detector in _LANGUAGES if (found := detector(tree)) is not None)
    chosen = next((found for found in languages if told or found.complete), None) or static(tree)
    if chosen is None and not told:
        raise _unknown()
    return chosen


def _health(in_toml: HealthSaid | None, in_settings: HealthSaid | None) -> Health:
    """Each field from the first that has it. Who names a path, or has a table for health, knows the app: then an answer
    must be a good one."""
    said, then, default = in_toml or HealthSaid(), in_settings or HealthSaid(), Health()
    known = in_toml is not None or then.path is not None
    lowest, highest = said.status or then.status or ((200, 399) if known else (default.lowest, default.highest))
    timeouts = [one.timeout_seconds for one in (said, then) if one.timeout_seconds is not None]
    graces = [one.grace_seconds for one in (said, then) if one.grace_seconds is not None]
    return Health(
        path=said.path or then.path or default.path,
        lowest=lowest,
        highest=highest,
        timeout_seconds=next(iter(timeouts), default.timeout_seconds),
        grace_seconds=next(iter(graces), default.grace_seconds),
    )


def _start(found: Found, run: _Said | None, output: _Said | None, processes: Mapping[str, str] | None) -> _Start:
    served = relative(output.value, f"output_directory in {output.where}") if output else found.output_directory
    if run and run.value.strip():
        return _Start(run=owners(run.value, run.where), output_directory=served if output else None, where=run.where)
    if run or output:
        if served is None:
            raise invalid("there is no run command and no output directory to serve", hint="set one of the two")
        return _Start(run=None, output_directory=served, where=(output or run or _UNSAID).where)
    if processes:
        if "web" not in processes:
            raise invalid("the Procfile has no `web:` line", hint="add one with the command that listens on $PORT")
        return _from_procfile({name: owners(line, _PROCFILE) for name, line in processes.items()})
    return _Start(run=found.run, output_directory=None if found.run else found.output_directory, where=None)


def _from_procfile(processes: dict[str, Command]) -> _Start:
    """`web` listens, `release` runs once before the switch, all others run beside `web`."""
    web, release = processes.pop("web"), processes.pop("release", None)
    return _Start(
        run=web,
        output_directory=None,
        where=_PROCFILE,
        release=(release,) if release else (),
        workers=processes,
    )


_UNSAID: Final = _Said(value="", where=_SETTINGS)


def _kind(found: Found, start: _Start) -> PlanKind:
    if start.where == _PROCFILE:
        return PlanKind.PROCFILE
    if start.run is None:
        return PlanKind.STATIC
    return PlanKind.CUSTOM if found.kind is PlanKind.STATIC else found.kind


def _why(found: Found, start: _Start, said: Mapping[str, _Said | None]) -> str:
    unused = found.kind is PlanKind.STATIC and start.where is not None
    parts = ["" if unused else found.why if start.where else found.why + found.starts]
    for name, what in (("install_command", "install"), ("build_command", "build")):
        if one := said[name]:
            parts.append(f"{what} from {one.where}")
    if start.where:
        parts.append(f"{'run' if start.run else 'output'} from {start.where}")
    return "; ".join(part for part in parts if part)


def _commands(said: _Said | None, found: tuple[Command, ...]) -> tuple[Command, ...]:
    if said is None:
        return found
    return (owners(said.value, said.where),) if said.value.strip() else ()


def _needs(commands: Iterable[Command]) -> tuple[str, ...]:
    """The host's tools that the commands begin with, and node beneath its package managers."""
    needs: dict[str, None] = {}
    for command in commands:
        first = command.argv[0] if command.argv else (command.shell or "").partition(" ")[0]
        if first in (TOOLS if command.argv else _SURELY_THE_HOSTS):
            needs |= dict.fromkeys((first, "node") if first in _WITH_NODE else (first,))
    return tuple(needs)


def _unknown() -> DeployFailed:
    return DeployFailed(
        Code.PLAN_UNKNOWN,
        "nothing was found that could be started or served",
        hint="add a Procfile, a Python app (app.py, main.py, manage.py or a pyproject.toml script), "
        "a package.json with a start or build script, a go.mod, Gemfile, Cargo.toml, index.php or index.html, "
        "or set a run command or an output directory for the project",
    )

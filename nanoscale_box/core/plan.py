"""From a checkout to a plan: `nanoscale.toml`, then the project's settings, then what is detected; each field from
the first that has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.plan_model import (
    Command,
    Found,
    Health,
    Plan,
    PlanKind,
    Settings,
    Tree,
    invalid,
    owners,
    relative,
)
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
    "next.config.mjs", "next.config.ts"}
    | set(ENTRIES)
)  # fmt: skip
"""The files whose contents `Tree.texts` should hold; of all others only the name counts."""

TOOLS: Final = ("python3", "uv", "poetry", "pipenv", "node", "npm", "pnpm", "yarn", "bun", "corepack", "go")
"""What to look for on the host."""

_DETECTORS: Final = (python, node, go, static)
_SETTINGS: Final = "the project's settings"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """What an owner said of one field, and where."""

    value: str
    where: str


def detect(tree: Tree, settings: Settings) -> Plan:
    """Make the plan. Raises `DeployFailed`: `plan_invalid` when a file or setting cannot be right, `plan_unknown`
    when there is
    nothing to start or to serve; never anything else, whatever the files hold."""
    toml = read_toml(tree)
    install = _first(toml.settings.install_command, settings.install_command)
    build = _first(toml.settings.build_command, settings.build_command)
    run = _first(toml.settings.run_command, settings.run_command)
    output = _first(toml.settings.output_directory, settings.output_directory)
    processes = procfile(tree) if run is None else None
    found = _found(tree, any_start=bool(run or output or processes))
    if found is None and not (run or output or processes):
        raise _unknown()
    found = found or Found(kind=PlanKind.CUSTOM, why="no language was recognised")
    started, served, by = _start(found, run, output, processes)
    kind = PlanKind.PROCFILE if by == "the Procfile" else PlanKind.STATIC if started is None else found.kind
    said = [f"{name} from {one.where}" for name, one in (("install", install), ("build", build)) if one]
    ran = install is None or build is None or by == found.why
    return Plan(
        kind=kind,
        why="; ".join([found.why, *said, *([f"started by {by}"] if by != found.why else [])]),
        install=_commands(install, found.install),
        build=_commands(build, found.build),
        run=started,
        output_directory=served,
        health=toml.health or Health(),
        needs=found.needs if ran else (),
        env=found.env,
        path_prefix=found.path_prefix,
    )


def missing_tools(plan: Plan, tree: Tree) -> tuple[str, ...]:
    """What the plan needs and the host has not."""
    return tuple(tool for tool in plan.needs if tool not in tree.tools)


def _first(in_toml: str | None, in_settings: str | None) -> _Said | None:
    if in_toml is not None:
        return _Said(value=in_toml, where=NAME)
    return _Said(value=in_settings, where=_SETTINGS) if in_settings is not None else None


def _found(tree: Tree, *, any_start: bool) -> Found | None:
    """The first language that knows what to start; if the owner says what to start, the first that is there at all."""
    recognised = (found for detector in _DETECTORS if (found := detector(tree)) is not None)
    return next((found for found in recognised if any_start or found.complete), None)

"""Python: how the dependencies of a project are installed into a virtual environment of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.plan_model import Command, Found, PlanKind, Tree, argv, invalid
from nanoscale_box.core.plan_python_start import ENTRIES, start
from nanoscale_box.core.plan_texts import strings, table, text_of, toml_of
from nanoscale_box.core.text import inert

_VENV: Final = ".venv"
_PYTHON: Final = f"{_VENV}/bin/python"
_TOOLS_VENV: Final = ".tools"
"""Where uv, poetry or pipenv go when the host has them not: outside the environment that they fill."""
_REQUIREMENT: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_MANIFESTS: Final = ("pyproject.toml", "Pipfile", "requirements.txt", "setup.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Installing:
    """A way to install: the file that decided, the commands; no commands means no environment is made."""

    by: str
    commands: tuple[Command, ...] = ()
    env: Mapping[str, str] | None = None


def python(tree: Tree) -> Found | None:
    """Recognise a Python project; None when it is none. Raises `DeployFailed` (`plan_invalid`) for files that cannot
    be read."""
    told = any(manifest in tree.files for manifest in _MANIFESTS)
    if not told and ("package.json" in tree.files or not any(entry in tree.files for entry in ENTRIES)):
        return None
    pyproject = toml_of(tree, "pyproject.toml")
    installing = _installing(tree, pyproject)
    found = start(tree, pyproject, _dependencies(tree, pyproject))
    return Found(
        kind=PlanKind.PYTHON,
        why=installing.by,
        starts=f", {found[1]}" if found and found[1] != installing.by else "",
        install=installing.commands,
        run=found[0] if found else None,
        env={"PYTHONUNBUFFERED": "1", **(installing.env or {})},
        path_prefix=(f"{_VENV}/bin",),
    )


def _installing(tree: Tree, pyproject: Mapping[str, object] | None) -> _Installing:
    """The lock file decides, then what else names dependencies."""
    files = tree.files
    if "uv.lock" in files and pyproject is not None:
        return _by_tool(tree, "uv", "uv.lock", ("sync", "--frozen", "--no-dev"), {"UV_PROJECT_ENVIRONMENT": _VENV})
    if "poetry.lock" in files and pyproject is not None:
        root = () if _builds(pyproject) else ("--no-root",)
        words = ("install", "--only", "main", "--no-interaction", *root)
        return _by_tool(tree, "poetry", "poetry.lock", words, {"POETRY_VIRTUALENVS_IN_PROJECT": "true"})
    if "Pipfile" in files:
        words = ("sync",) if "Pipfile.lock" in files else ("install", "--skip-lock")
        return _by_tool(
            tree, "pipenv", "Pipfile", words, {"PIPENV_VENV_IN_PROJECT": "1", "PIPENV_IGNORE_VIRTUALENVS": "1"}
        )
    if "requirements.txt" in files:
        needed = _lines(tree)
        return _by_pip("requirements.txt", ("-r", "requirements.txt") if needed else ())
    if pyproject is not None:
        return _by_pip("pyproject.toml", (".",) if _builds(pyproject) else _checked(_listed(pyproject)))
    if "setup.py" in files:
        return _by_pip("setup.py", (".",))
    return _Installing(by=next(entry for entry in ENTRIES if entry in files))


def _by_pip(by: str, words: tuple[str, ...]) -> _Installing:
    if not words:
        return _Installing(by=f"{by} without dependencies")
    pip = argv(_PYTHON, "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *words)
    return _Installing(by=by, commands=(argv("python3", "-m", "venv", _VENV), pip))


def _by_tool(tree: Tree, tool: str, by: str, words: tuple[str, ...], env: Mapping[str, str]) -> _Installing:
    """With the host's own tool, or with one that is installed for this build alone."""
    if tool in tree.tools:
        return _Installing(by=by, commands=(argv(tool, *words),), env=env)
    made = argv("python3", "-m", "venv", _TOOLS_VENV)
    pip = argv(f"{_TOOLS_VENV}/bin/python", "-m", "pip", "install", "--disable-pip-version-check", "--no-input", tool)
    return _Installing(by=by, commands=(made, pip, argv(f"{_TOOLS_VENV}/bin/{tool}", *words)), env=env)


def _builds(pyproject: Mapping[str, object]) -> bool:
    """Whether the project can be installed itself, not only its dependencies."""
    return bool(table(pyproject, "build-system")) and bool(
        table(pyproject, "project") or table(pyproject, "tool", "poetry")
    )


def _listed(pyproject: Mapping[str, object]) -> tuple[str, ...]:
    return strings(table(pyproject, "project"), "dependencies")


def _checked(requirements: tuple[str, ...]) -> tuple[str, ...]:
    """Requirements become words of an argv, so none may look like an option of pip."""
    for requirement in requirements:
        if not _REQUIREMENT.match(requirement) or inert(requirement, limit=1000) != requirement:
            raise invalid(f"pyproject.toml: {inert(requirement, limit=60)!r} is no dependency")
    return requirements


def _lines(tree: Tree) -> tuple[str, ...]:
    """The lines of requirements.txt that say something."""
    lines = (line.strip() for line in (text_of(tree, "requirements.txt") or "").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#"))


def _dependencies(tree: Tree, pyproject: Mapping[str, object] | None) -> frozenset[str]:
    """The names of what is installed, as far as they are listed, in their normal form (PEP 503)."""
    pipfile = toml_of(tree, "Pipfile") if "requirements.txt" not in tree.files else None
    listed = [
        *_lines(tree),
        *(_listed(pyproject) if pyproject else ()),
        *table(pyproject, "tool", "poetry", "dependencies"),
        *table(pipfile, "packages"),
    ]
    found = (_REQUIREMENT.match(line) for line in listed)
    names = {re.sub(r"[-_.]+", "-", match.group()).lower() for match in found if match}
    extras = {"uvicorn"} if any(re.match(r"fastapi\[(standard|all)\]", line) for line in listed) else set()
    return frozenset(names | extras)

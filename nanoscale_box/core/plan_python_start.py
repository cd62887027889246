"""Python: what starts a project."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from nanoscale_box.core.plan_model import Command, Tree, argv
from nanoscale_box.core.plan_texts import string, table, text_of

ENTRIES: Final = (
    "manage.py",
    "app.py",
    "main.py",
    "server.py",
    "wsgi.py",
    "asgi.py",
    "app/main.py",
    "src/main.py",
    "src/app.py",
)
_PYTHON: Final = "python3"
_PLAIN: Final = ("app.py", "main.py", "server.py", "src/main.py", "src/app.py")
_SETTINGS: Final = re.compile(r"DJANGO_SETTINGS_MODULE[\"']\s*,\s*[\"']([A-Za-z_]\w{0,99})\.")
_APP: Final = re.compile(
    r"^(\w{1,99})[ \t]*(?::[^=\n]{0,99})?=[ \t]*(?:\w+\.)?(FastAPI|Starlette|Litestar|Quart|Sanic|Flask)\(",
    re.MULTILINE,
)
_PREFERRED: Final = ("start", "serve", "server", "web", "app")
_SCRIPT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")

Started = tuple[Command, str]
"""The command, and what it was found by."""


def start(tree: Tree, pyproject: Mapping[str, object] | None, dependencies: frozenset[str]) -> Started | None:
    """The first thing in `tree` that can be started; None when there is nothing. `python3` is the one of the virtual
    environment where there is one, by the plan's `path_prefix`."""
    return (
        _django(tree, dependencies)
        or _framework(tree, dependencies)
        or _script(pyproject)
        or _package(tree, pyproject)
        or _plain(tree)
    )


def _django(tree: Tree, dependencies: frozenset[str]) -> Started | None:
    if "manage.py" not in tree.files or "django" not in (text_of(tree, "manage.py") or "").lower():
        return None
    found = _SETTINGS.search(text_of(tree, "manage.py") or "")
    module = found.group(1) if found else None
    if module and f"{module}/wsgi.py" in tree.files and "gunicorn" in dependencies:
        return argv(
            _PYTHON, "-m", "gunicorn", f"{module}.wsgi:application", "--bind", "$HOST:$PORT"
        ), "Django with gunicorn"
    if module and f"{module}/asgi.py" in tree.files and "uvicorn" in dependencies:
        return _uvicorn(f"{module}.asgi:application"), "Django with uvicorn"
    return argv(_PYTHON, "manage.py", "runserver", "--noreload", "$HOST:$PORT"), "Django's own server"


def _framework(tree: Tree, dependencies: frozenset[str]) -> Started | None:
    """An application object that a server in the dependencies can serve."""
    for entry in ENTRIES:
        found = _APP.search(text_of(tree, entry) or "") if entry in tree.files else None
        if found is None:
            continue
        directory, _, name = entry.rpartition("/")
        package = directory == "app"
        target = f"{'app.' if package else ''}{name.removesuffix('.py')}:{found.group(1)}"
        served = _served(target, found.group(2), dependencies, None if package or not directory else directory)
        if served is not None:
            return served, f"{found.group(2)} in {entry}"
    return None


def _served(target: str, framework: str, dependencies: frozenset[str], folder: str | None) -> Command | None:
    if framework != "Flask":
        chosen = ("--app-dir", folder) if folder else ()
        return _uvicorn(target, *chosen) if "uvicorn" in dependencies else None
    if "gunicorn" in dependencies:
        return argv(
            _PYTHON, "-m", "gunicorn", target, "--bind", "$HOST:$PORT", *(("--chdir", folder) if folder else ())
        )
    if "flask" in dependencies and not folder:
        return argv(_PYTHON, "-m", "flask", "--app", target, "run", "--host", "$HOST", "--port", "$PORT")
    return None


def _uvicorn(target: str, *more: str) -> Command:
    return argv(_PYTHON, "-m", "uvicorn", target, "--host", "$HOST", "--port", "$PORT", *more)


def _script(pyproject: Mapping[str, object] | None) -> Started | None:
    """The one script of the project, or the one that is named like the project or like a server."""
    if not table(pyproject, "build-system"):
        return None
    scripts = table(pyproject, "project", "scripts") or table(pyproject, "tool", "poetry", "scripts")
    name = string(table(pyproject, "project"), "name")
    names = list(scripts) if len(scripts) == 1 else [script for script in (name, *_PREFERRED) if script in scripts]
    if not names or names[0] is None or not _SCRIPT.fullmatch(names[0]):
        return None
    return argv(f".venv/bin/{names[0]}"), f"its script {names[0]}"


def _package(tree: Tree, pyproject: Mapping[str, object] | None) -> Started | None:
    """`python -m` on the package that is named like the project, or on the only one that can be started so."""
    name = (string(table(pyproject, "project"), "name") or "").replace("-", "_").replace(".", "_").lower()
    runnable = sorted(path.removesuffix("/__main__.py") for path in tree.files if path.endswith("/__main__.py"))
    packages = [path for path in runnable if re.fullmatch(r"(?:src/)?[A-Za-z_]\w{0,99}", path)]
    chosen = [path for path in packages if path.removeprefix("src/") == name] or packages
    if len(chosen) != 1 or (chosen[0].startswith("src/") and not table(pyproject, "build-system")):
        return None
    module = chosen[0].removeprefix("src/")
    return argv(_PYTHON, "-m", module), f"the package {module}"


def _plain(tree: Tree) -> Started | None:
    for entry in _PLAIN:
        if entry in tree.files:
            return argv(_PYTHON, entry), entry
    return None

"""Node: package managers by their lock files, start scripts, and sites that are only built."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from nanoscale_box.core.plan_model import Command, Found, PlanKind, Tree, argv, invalid
from nanoscale_box.core.plan_texts import json_of, string, table, text_of

_LOCKS: Final = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)
_NODE_FILE: Final = re.compile(r"node\s+((?:\./)?[A-Za-z0-9_][\w./-]{0,200}|\./[\w./-]{1,200})")
# Start scripts that serve sources to a developer, not what was built.
_DEVELOPING: Final = re.compile(
    r"\b(?:vite(?![\w-])|react-scripts start|ng serve|webpack(?:-dev-server| serve)|parcel|astro (?:dev|preview)"
    r"|gatsby develop|vue-cli-service serve|eleventy|vitepress|docusaurus start|live-server|browser-sync)"
)
_OUTPUTS: Final = (
    ("react-scripts", "build"),
    ("@docusaurus/core", "build"),
    ("@sveltejs/adapter-static", "build"),
    ("gatsby", "public"),
    ("@11ty/eleventy", "_site"),
    ("vitepress", ".vitepress/dist"),
    ("next", "out"),
)
_ENTRIES: Final = (
    "server.js",
    "index.js",
    "app.js",
    "main.js",
    "server.mjs",
    "index.mjs",
    "src/index.js",
    "src/server.js",
)
_CONFIGS: Final = ("next.config.js", "next.config.mjs", "next.config.ts")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Manager:
    """A package manager as it is called here: perhaps by corepack."""

    name: str
    words: tuple[str, ...]
    lock: str | None

    def run(self, script: str) -> Command:
        """The command that runs a script of package.json."""
        return argv(*self.words, "run", script)


def node(tree: Tree) -> Found | None:
    """Recognise a Node project; None when it is none. Raises `DeployFailed` (`plan_invalid`) for a package.json that
    cannot be read."""
    if "package.json" not in tree.files:
        entry = next((entry for entry in ("server.js", "index.js", "app.js") if entry in tree.files), None)
        if entry is None or "index.html" in tree.files:
            return None
        return Found(kind=PlanKind.NODE, why=entry, run=argv("node", entry), env=_ENV)
    package = json_of(tree, "package.json") or {}
    scripts = table(package, "scripts")
    for name in ("start", "build"):
        if name in scripts and not isinstance(scripts[name], str):
            raise invalid(f"package.json: scripts.{name} must be text")
    manager = _manager(tree, package)
    install = (_install(tree, manager, package),) if _has_dependencies(package) else ()
    build = (manager.run("build"),) if "build" in scripts else ()
    run, why = _start(tree, package, scripts, manager)
    output = _output(tree, package) if run is None and build else None
    why = f"a build script, served from {output}" if output else why
    return Found(
        kind=PlanKind.NODE,
        why="package.json",
        starts=f" with {why}" if why else "",
        install=install,
        build=build,
        run=run,
        output_directory=output,
        env=_ENV,
        path_prefix=("node_modules/.bin",),
    )


_ENV: Final[Mapping[str, str]] = {"NODE_ENV": "production"}


def _manager(tree: Tree, package: Mapping[str, object]) -> _Manager:
    """By lock file, then by `packageManager`, else npm; corepack stands in for a yarn or pnpm that the host has not."""
    declared = (string(package, "packageManager") or "").partition("@")[0]
    by_lock = next(((lock, name) for lock, name in _LOCKS if lock in tree.files), None)
    lock, name = by_lock or (None, declared if declared in {"npm", "pnpm", "yarn", "bun"} else "npm")
    if name in {"pnpm", "yarn"} and name not in tree.tools and "corepack" in tree.tools:
        return _Manager(name=name, words=("corepack", name), lock=lock)
    return _Manager(name=name, words=(name,), lock=lock)


def _install(tree: Tree, manager: _Manager, package: Mapping[str, object]) -> Command:
    """What builds is often a development dependency, so those are installed too, whatever NODE_ENV says."""
    match manager.name:
        case "pnpm":
            frozen = ("--frozen-lockfile",) if manager.lock else ()
            return argv(*manager.words, "install", *frozen, "--prod=false")
        case "yarn":
            return argv(*manager.words, "install", *_yarn_options(tree, manager, package))
        case "bun":
            return argv("bun", "install", *(("--frozen-lockfile",) if manager.lock else ()))
        case _:
            return argv("npm", "ci" if manager.lock else "install", "--include=dev", "--no-audit", "--no-fund")


def _yarn_options(tree: Tree, manager: _Manager, package: Mapping[str, object]) -> tuple[str, ...]:
    """Yarn 1 and what came after it name the same things differently."""
    version = (string(package, "packageManager") or "yarn@1").partition("@")[2]
    if ".yarnrc.yml" in tree.files or not version.startswith("1"):
        return ("--immutable",) if manager.lock else ()
    return (*(("--frozen-lockfile",) if manager.lock else ()), "--production=false")


def _has_dependencies(package: Mapping[str, object]) -> bool:
    kinds = ("dependencies", "devDependencies", "optionalDependencies", "workspaces")
    return any(package.get(kind) for kind in kinds)


def _start(
    tree: Tree, package: Mapping[str, object], scripts: Mapping[str, object], manager: _Manager
) -> tuple[Command | None, str]:
    """The start script, unless it only serves a developer; else `main`, else a file with a usual name."""
    script = string(scripts, "start")
    if script and not ("build" in scripts and _DEVELOPING.search(script) and not re.search(r"\bnode\b", script)):
        plain = _NODE_FILE.fullmatch(script.strip())
        # Started without its package manager, the app gets the stop signal itself.
        if plain and "prestart" not in scripts and ".." not in plain.group(1):
            return argv("node", plain.group(1)), "a start script"
        return manager.run("start"), "a start script"
    page = "index.html" in tree.files and not package.get("dependencies")
    if page or (_static(package) and "build" in scripts):
        return None, ""
    main = (string(package, "main") or "").removeprefix("./")
    built = {main} if "build" in scripts and re.match(r"(?:dist|build|out|lib)/", main) else set()
    for entry in (main, f"{main}.js", *_ENTRIES):
        if entry in tree.files | built and re.fullmatch(r"[A-Za-z0-9_][\w./-]*", entry) and ".." not in entry:
            return argv("node", entry), entry
    return None, ""


def _names(package: Mapping[str, object]) -> frozenset[str]:
    return frozenset((*table(package, "dependencies"), *table(package, "devDependencies")))


def _static(package: Mapping[str, object]) -> bool:
    """Whether a tool is used whose build is a site of plain files."""
    return "vite" in _names(package) or any(name in _names(package) for name, _ in _OUTPUTS)


def _output(tree: Tree, package: Mapping[str, object]) -> str | None:
    """Where a build without a start script leaves its site; a Next.js that does not export leaves none."""
    names = _names(package)
    if "next" in names and not any(re.search(r"output:\s*[\"']export", text_of(tree, path) or "") for path in _CONFIGS):
        return None
    usual = "public" if "public/index.html" in tree.files and not _static(package) else "dist"
    return next((output for name, output in _OUTPUTS if name in names), usual)

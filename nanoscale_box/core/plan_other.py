"""Go, and sites that are plain files."""

from __future__ import annotations

from typing import Final

from nanoscale_box.core.plan_model import Found, PlanKind, Tree, argv

_SITES: Final = (".", "public", "dist", "site", "www", "docs")
_BINARY: Final = ".build/app"


def go(tree: Tree) -> Found | None:
    """Recognise a Go module: the main package at its root, or the only one beneath cmd/."""
    if "go.mod" not in tree.files:
        return None
    sources = [path.split("/") for path in tree.files if path.endswith(".go") and not path.endswith("_test.go")]
    commands = sorted({parts[1] for parts in sources if len(parts) == 3 and parts[0] == "cmd"})
    package = None
    if ["main.go"] in sources or (len(commands) != 1 and any(len(parts) == 1 for parts in sources)):
        package = "."
    elif len(commands) == 1:
        package = f"./cmd/{commands[0]}"
    if package is None:
        return Found(kind=PlanKind.GO, why="go.mod")
    return Found(
        kind=PlanKind.GO,
        why=f"go.mod, package {package}",
        build=(argv("go", "build", "-o", _BINARY, package),),
        run=argv(f"./{_BINARY}"),
    )


def static(tree: Tree) -> Found | None:
    """Recognise a site of plain files by its index.html."""
    for directory in _SITES:
        index = "index.html" if directory == "." else f"{directory}/index.html"
        if index in tree.files:
            return Found(kind=PlanKind.STATIC, why=index, output_directory=directory)
    return None

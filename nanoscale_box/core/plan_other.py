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
    commands = sorted({path.split("/")[1] for path in tree.files if path.startswith("cmd/") and path.count("/") == 2 and path.endswith(".go")})
    at_root = any(path.endswith(".go") and "/" not in path and not path.endswith("_test.go") for path in tree.files)
    package = "." if "main.go" in tree.files or at_root and len(commands) != 1 else f"./cmd/{commands[0]}" if
    len(commands) == 1 else None
    if package is None:
        return Found(kind=PlanKind.GO, why="go.mod", needs=("go",))
    return Found(
        kind=PlanKind.GO,
        why=f"go.mod, package {package}",
        build=(argv("go", "build", "-o", _BINARY, package),),
        run=argv(f"./{_BINARY}"),
        needs=("go",),
    )


def static(tree: Tree) -> Found | None:
    """Recognise a site of plain files by its index.html."""
    for directory in _SITES:
        index = "index.html" if directory == "." else f"{directory}/index.html"
        if index in tree.files:
            return Found(kind=PlanKind.STATIC, why=index, output_directory=directory)
    return None

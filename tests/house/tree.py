"""The tree of the house as the tests of this room read it: its modules, parsed, and its functions."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PRODUCT = ROOT / "nanoscale_box"
TESTS = ROOT / "tests"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One module: where it lies, its text, its syntax."""

    path: Path
    text: str
    syntax: ast.Module

    @property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return self.text.splitlines()

    @property
    def functions(self) -> list[Function]:
        """Every function and method, nested ones too."""
        return [node for node in ast.walk(self.syntax) if isinstance(node, Function)]

    def at(self, node: ast.stmt | ast.expr | ast.excepthandler) -> str:
        """Where a node stands, as an editor opens it."""
        return f"{self.path}:{node.lineno}"


@cache
def sources(under: Path) -> tuple[Source, ...]:
    """Every module below a folder, in order of its path."""
    found = []
    for path in sorted(under.rglob("*.py")):
        text = path.read_text()
        found.append(Source(path=path.relative_to(ROOT), text=text, syntax=ast.parse(text)))
    return tuple(found)


def length(function: Function) -> int:
    """Lines from ``def`` to the last one."""
    return (function.end_lineno or function.lineno) - function.lineno + 1

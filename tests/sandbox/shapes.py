"""Compares JSON with the shapes in `github_shapes.json`."""

from __future__ import annotations

import json
import re
from pathlib import Path

FIXTURE = json.loads((Path(__file__).parent / "github_shapes.json").read_text())
SHAPES: dict[str, dict[str, str]] = FIXTURE["shapes"]
ANSWERS: dict[str, str] = FIXTURE["answers"]
PLAIN: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "null": type(None),
    "object": dict,
    "any": object,
}
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def faults(value: object, kind: str, where: str = "") -> list[str]:
    """What is wrong with `value` as a `kind`, each with its place; empty when nothing is."""
    found: list[str] = []
    for choice in kind.split("|"):
        wrong = _faults_of(value, choice, where)
        if not wrong:
            return []
        found = found or wrong
    return found


def _faults_of(value: object, kind: str, where: str) -> list[str]:
    if kind.startswith("["):
        if not isinstance(value, list):
            return [f"{where}: not a list"]
        return [one for place, item in enumerate(value) for one in faults(item, kind[1:-1], f"{where}[{place}]")]
    if kind in SHAPES:
        return _faults_of_shape(value, SHAPES[kind], where)
    return [] if _is_plain(value, kind) else [f"{where}: {value!r} is no {kind}"]


def _faults_of_shape(value: object, shape: dict[str, str], where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where}: not an object"]
    found = []
    for kind, names in shape.items():
        for name in names.split():
            place = f"{where}.{name}"
            found += faults(value[name], kind, place) if name in value else [f"{place}: missing"]
    return found


def _is_plain(value: object, kind: str) -> bool:
    if kind.startswith("="):
        return value == kind[1:]
    if kind == "time":
        return isinstance(value, str) and TIME.fullmatch(value) is not None
    if isinstance(value, bool) and kind in ("integer", "number"):
        return False
    return isinstance(value, PLAIN[kind])

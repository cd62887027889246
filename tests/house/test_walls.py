"""The walls between the rooms: the contracts hold, each of them breaks when it should, and the core stays pure."""

from __future__ import annotations

import ast
import graphlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import grimp
import pytest

from tests.house.tree import PRODUCT, ROOT, sources

CONTRACTS: list[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"][
    "contracts"
]

# For each contract an import that must break it, and the room it is put into.
FORBIDDEN = {
    "faces": ("wire", "nanoscale_box.client"),
    "house": ("store", "nanoscale_box.adapters"),
    "core": ("core", "asyncio"),
    "engine": ("engine", "msgspec"),
    "store": ("store", "nanoscale_box.wire"),
    "adapters": ("adapters", "nanoscale_box.wire"),
    "web": ("web", "nanoscale_box.client"),
    "wire": ("wire", "nanoscale_box.core.errors"),
    "client": ("client", "nanoscale_box.core.text"),
    "tui": ("tui", "nanoscale_box.core.model"),
    "cli": ("cli", "nanoscale_box.engine"),
    "demo": ("demo", "nanoscale_box.engine"),
    "service": ("service", "nanoscale_box.core.text"),
    "sandbox": ("sandbox", "nanoscale_box.core.model"),
    "config": ("config_injected", "nanoscale_box.engine"),
    "places": ("places", "msgspec"),
    "door-config": ("web", "nanoscale_box.config"),
    "door-daemon": ("cli", "nanoscale_box.daemon"),
    "door-hosting": ("cli", "nanoscale_box.hosting"),
    "door-demo": ("cli", "nanoscale_box.demo"),
    "door-sandbox": ("demo", "nanoscale_box.sandbox"),
    "door-aiosqlite": ("store", "aiosqlite"),
    "door-sqlite3": ("adapters", "sqlite3"),
    "door-dulwich": ("adapters", "dulwich"),
    "door-apscheduler": ("adapters", "apscheduler"),
    "door-cryptography": ("adapters", "cryptography"),
    "door-jwt": ("web", "jwt"),
    "door-gidgethub": ("web", "gidgethub"),
    "door-textual": ("cli", "textual"),
    "door-rich": ("cli", "rich"),
    "door-aiohttp": ("store", "aiohttp"),
    "door-aiohttp-sse": ("client", "aiohttp_sse"),
    "door-segno": ("web", "segno"),
    "door-shtab": ("tui", "shtab"),
}

# What a pure module may not call, whatever it may import: a clock, a disk, a terminal.
IMPURE = re.compile(r"(?:^|\.)(?:now|utcnow|today|open|print|input|urandom|urlopen|getenv)$")


def test_every_contract_is_kept() -> None:
    kept, broken, told = lint(ROOT)
    assert broken == set(), told
    assert kept == {contract["name"] for contract in CONTRACTS}


def test_every_contract_breaks_on_the_import_it_forbids(tmp_path: Path) -> None:
    for part in ("nanoscale_box", "tests/house"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for room, forbidden in FORBIDDEN.values():
        inject(tmp_path / "nanoscale_box", room, forbidden)
    kept, _, told = lint(tmp_path)
    assert set(FORBIDDEN) == {contract["id"] for contract in CONTRACTS}
    assert kept == set(), told


def test_every_room_has_its_wall() -> None:
    rooms = {f"nanoscale_box.{path.stem}" for path in PRODUCT.iterdir() if path.suffix == ".py" or path.is_dir()}
    walled = [str(contract["room"]) for contract in CONTRACTS if contract["type"] == "only"]
    front = {"nanoscale_box.__init__", "nanoscale_box.__main__", "nanoscale_box.__pycache__"}
    front |= {"nanoscale_box.hosting", *(room for room in rooms if room.startswith("nanoscale_box.daemon"))}
    assert {room for room in rooms - front if not any(fnmatchcase(room, wall) for wall in walled)} == set()


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("nanoscale_box", exclude_type_checking_imports=True, cache_dir=None)
    order = graphlib.TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules})
    try:
        order.prepare()
    except graphlib.CycleError as cycle:
        pytest.fail(f"These import each other: {' -> '.join(cycle.args[1])}", pytrace=False)
    assert order.is_active()


def test_the_core_calls_no_clock_no_disk_and_no_terminal() -> None:
    calls = [
        f"{source.at(node)} {ast.unparse(node.func)}"
        for source in sources(PRODUCT / "core")
        for node in ast.walk(source.syntax)
        if isinstance(node, ast.Call) and IMPURE.search(ast.unparse(node.func))
    ]
    imports = [str(source.path) for source in sources(PRODUCT / "core") if "urllib.request" in source.text]
    assert calls + imports == []


def inject(product: Path, room: str, forbidden: str) -> None:
    """Puts an import into a new module of a room, or at the end of a room that is one file."""
    folder = product / room
    file = folder / "injected.py" if folder.is_dir() else product / f"{room}.py"
    with file.open("a") as module:
        module.write(f"\nimport {forbidden}\n")


def lint(root: Path) -> tuple[set[str], set[str], str]:
    """The contracts kept and broken in a tree, by name, and what was said about them."""
    done = subprocess.run(
        [Path(sys.executable).parent / "lint-imports", "--no-cache", "--no-logo"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root), "COLUMNS": "400"},
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    verdicts = re.findall(r"^(.+) (KEPT|BROKEN)", done.stdout, re.MULTILINE)
    assert verdicts, done.stdout + done.stderr
    return (
        {name for name, verdict in verdicts if verdict == "KEPT"},
        {name for name, verdict in verdicts if verdict == "BROKEN"},
        done.stdout,
    )

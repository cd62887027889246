"""Hygiene of the checkout: it names no machine, its scripts can be run, its pins are whole, name no host, and agree."""

from __future__ import annotations

import os
import re
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import nanoscale_box
from tests.house.tree import ROOT

SETS = ("box", "test", "check")
PINS = {name: (ROOT / "scripts" / "requirements" / f"{name}.txt").read_text() for name in SETS}
PIN = re.compile(r"^([a-z0-9-]+)==(\S+)(.*(?:\n {4}.*)*)", re.MULTILINE)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TEXT = {"", ".cfg", ".css", ".html", ".ini", ".json", ".md", ".py", ".service", ".sh", ".sql", ".tcss", ".toml", ".txt"}
NOT_OURS = {".git", ".venv", "node_modules"}


def files() -> list[Path]:
    """Every text file of the checkout that is ours."""
    found = []
    for folder, names, entries in os.walk(ROOT):
        names[:] = [name for name in names if name not in NOT_OURS and not name.endswith(("_cache", "__"))]
        names[:] = [name for name in names if name != ".hypothesis"]
        found += [Path(folder, entry) for entry in entries if Path(entry).suffix in TEXT]
    return found


def test_no_file_names_the_machine_it_was_written_on() -> None:
    here = {f"{ROOT}/", f"{Path(sys.base_prefix)}/"} - {"/usr/", "/usr/local/"}
    found = [f"{path}: {name}" for path in files() for name in here if name in path.read_text(errors="replace")]
    assert found == []


def test_scripts_can_be_run_and_say_with_what() -> None:
    scripts = [path for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.suffix] + [
        ROOT / ".ci" / "run"
    ]
    assert {"box", "test", "check", "renew-requirements"} <= {path.name for path in scripts}
    assert [str(path) for path in scripts if not os.access(path, os.X_OK)] == []
    assert [str(path) for path in scripts if not path.read_text().startswith("#!/")] == []


@pytest.mark.parametrize("name", SETS)
def test_pins_are_whole_and_name_no_host(name: str) -> None:
    text = PINS[name]
    pins = PIN.findall(text)
    assert len(pins) > 30
    assert [
        line for line in text.splitlines() if not re.match(r"#|    --hash=sha256:[0-9a-f]{64}|[a-z0-9-]+==", line)
    ] == []
    assert [package for package, _, hashes in pins if "--hash=sha256:" not in hashes] == []
    assert "://" not in text


def test_each_set_pins_what_the_one_before_it_pins() -> None:
    pins = {name: {package: (version, hashes) for package, version, hashes in PIN.findall(PINS[name])} for name in SETS}
    assert pins["box"].items() <= pins["test"].items()
    assert pins["test"].items() <= pins["check"].items()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("box", PROJECT["project"]["dependencies"] + PROJECT["project"]["optional-dependencies"]["ingress"]),
        ("test", PROJECT["dependency-groups"]["test"]),
        ("check", PROJECT["dependency-groups"]["check"]),
    ],
)
def test_every_dependency_is_pinned_above_its_floor(name: str, wanted: list[str]) -> None:
    versions = {package: version for package, version, _ in PIN.findall(PINS[name])}
    for requirement in map(Requirement, wanted):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), str(requirement)


def test_the_version_has_one_source() -> None:
    assert "version" in PROJECT["project"]["dynamic"]
    assert PROJECT["tool"]["hatch"]["version"]["path"] == "nanoscale_box/__init__.py"
    assert re.fullmatch(r"\d+\.\d+\.\d+", nanoscale_box.__version__)

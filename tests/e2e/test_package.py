"""What is handed out: the wheel and the sdist hold all of the product, and it runs from the wheel alone."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nanoscale_box import __version__
from tests.e2e.harness import CHECKOUT
from tests.e2e.processes import at_work_in
from tests.needs import lacking, needs_caddy
from tests.ports import free_port

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(280)]
PIP_HERE = find_spec("pip") is not None
"""Whether the tests' own environment has pip (one that uv made has none): to put one elsewhere is dear."""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and an sdist of this checkout."""
    folder = tmp_path_factory.mktemp("built")
    build(CHECKOUT, folder)
    return folder


def build(checkout: Path, folder: Path) -> None:
    """As `python -m build` does it, with the builder that is here."""
    argv = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-t", "wheel", "-d", str(folder)]
    done = subprocess.run(argv, cwd=checkout, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def wheel_in(folder: Path) -> Path:
    (found,) = folder.glob("*.whl")
    return found


def files_of(wheel: Path) -> set[str]:
    """What a wheel holds of the package."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if name.startswith("nanoscale_box/")}


def test_the_wheel_holds_the_whole_package(built: Path) -> None:
    there = {
        str(path.relative_to(CHECKOUT))
        for path in (CHECKOUT / "nanoscale_box").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    units = {f"nanoscale_box/service/systemd/{path.name}" for path in (CHECKOUT / "systemd").iterdir()}
    assert files_of(wheel_in(built)) == there | units


def test_the_sdist_builds_the_same_wheel(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (unpacked,) = tmp_path.iterdir()
    build(unpacked, tmp_path)
    assert wheel_in(tmp_path).read_bytes() == wheel_in(built).read_bytes()


def test_the_version_stands_in_one_place() -> None:
    told = re.compile(rf"(?<![\d.]){re.escape(__version__)}(?![\d.])")
    texts = ["nanoscale_box", "systemd", "scripts", "docs", "pyproject.toml", "README.md"]
    files = [
        path for name in texts for path in ((CHECKOUT / name).rglob("*") if "." not in name else [CHECKOUT / name])
    ]
    own = [one for one in files if one.suffix in {".py", ".md", ".toml", ".service", ".conf", ".rules", ".sh", ""}]
    beside = [one for one in own if one.is_file() and "sandbox" not in one.parts and "requirements" not in one.parts]
    assert len(beside) > 300
    assert [str(one.relative_to(CHECKOUT)) for one in beside if told.search(one.read_text())] == [
        "nanoscale_box/__init__.py"
    ]


def pip_for(folder: Path) -> list[str]:
    """What works as pip in another environment."""
    python = str(folder / "bin" / "python")
    return [sys.executable, "-Im", "pip", "--python", python] if PIP_HERE else [python, "-Im", "pip"]


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the programs of an environment are that held nothing before: the pinned packages, and the wheel."""
    folder = tmp_path_factory.mktemp("empty")
    subprocess.run(
        [sys.executable, "-m", "venv", *(["--without-pip"] if PIP_HERE else []), str(folder)], check=True, timeout=60
    )
    pip = [*pip_for(folder), "install", "--quiet", "--no-input", "--no-deps", "--no-compile"]
    pins = str(CHECKOUT / "scripts" / "requirements" / "box.txt")
    for words in (["--only-binary=:all:", "--require-hashes", "-r", pins], [str(wheel_in(built))]):
        done = subprocess.run([*pip, *words], capture_output=True, text=True, timeout=100, check=False)
        if re.search(r"No matching distribution|Could not find|NewConnectionError|Retrying", done.stderr):
            lacking("This machine does not reach a package index.")
        assert done.returncode == 0, done.stderr
    return folder / "bin"


def test_from_an_empty_environment(installed: Path, place: Path) -> None:
    """The command, the module, what is pinned against what is asked for, and a box that comes up and answers."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    ports = {f"NANOSCALE_{name}LISTEN": f"127.0.0.1:{free_port()}" for name in ("", "INGRESS_")}
    environ = {**kept, "HOME": str(place), "NANOSCALE_SOCKET": str(place / "box.sock"), **ports}

    def run(*words: str) -> str:
        done = subprocess.run(words, env=environ, cwd=place, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    program, python = str(installed / "nanoscale-box"), str(installed / "python")
    assert run(program, "--version") == f"nanoscale-box {__version__}\n"
    assert "usage: nanoscale-box" in run(python, "-Im", "nanoscale_box", "--help")
    assert "No broken requirements" in run(*pip_for(installed.parent), "check")
    box = subprocess.Popen([program, "serve"], env=environ, cwd=place, stderr=subprocess.PIPE, text=True)
    assert box.stderr is not None
    try:
        assert "event=ready" in next(line for line in box.stderr if "event=ready" in line or "level=error" in line)
        assert "GitHub" in run(program, "status")
        run(program, "down")  # the ingress outlives its box otherwise
    finally:
        box.terminate()
        box.stderr.read()
        box.stderr.close()
        assert box.wait(timeout=40) == 0
    assert at_work_in(place) == []


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose path is short enough for sockets."""
    with TemporaryDirectory(prefix="package-") as name:
        yield Path(name)


def test_the_journey_from_the_wheel_alone(built: Path, tmp_path: Path, place: Path) -> None:
    """The box, the simulated GitHub and the demo, none of them from the checkout."""
    needs_caddy()
    code = tmp_path / "code"
    with zipfile.ZipFile(wheel_in(built)) as archive:
        archive.extractall(code)
    kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environ = {**kept, "TMPDIR": str(place), "HOME": str(place), "PYTHONPATH": str(code)}

    def run(*words: str) -> str:
        done = subprocess.run(
            [sys.executable, *words], env=environ, cwd=place, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    where = run("-c", "import nanoscale_box, nanoscale_box.sandbox as s; print(nanoscale_box.__file__, s.__file__)")
    assert all(path.startswith(str(code)) for path in where.split())
    assert '"step": "done", "ok": true' in run("-m", "nanoscale_box", "demo", "--headless", "--json")

"""What is handed out: the wheel and the sdist hold all of the product, and it runs from the wheel alone."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.e2e.harness import CHECKOUT
from tests.needs import needs_caddy

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


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

"""What a test needs and a machine may lack: a skip with a sentence, or a failure where everything is promised.

Called first thing in a test or a fixture, or at the top of a module when all of it needs the same. With
``NANOSCALE_TEST_REQUIRE=all`` in the environment, as ``.ci/run`` sets it, what is missing fails the test.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import NoReturn

import pytest

CADDY_FLOOR = (2, 11)


def lacking(what: str) -> NoReturn:
    """Ends the test because of what this machine lacks, told in one sentence."""
    if os.environ.get("NANOSCALE_TEST_REQUIRE") == "all":
        pytest.fail(f"{what} NANOSCALE_TEST_REQUIRE=all promises it.", pytrace=False)
    pytest.skip(what, allow_module_level=True)


def needs(*programs: str) -> None:
    """Programs that must be on PATH."""
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        lacking(f"This machine has no {' and no '.join(missing)} on PATH.")


def needs_root() -> None:
    """A test that only root can run."""
    if os.geteuid() != 0:
        lacking("This test has to run as root.")


def needs_python_for_everybody() -> str:
    """A Python of this version that users other than root may start: one in root's own folder is not."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for found in (sys.executable, shutil.which(version, path="/usr/local/bin:/usr/bin")):
        if found is not None and all(path.stat().st_mode & 0o001 for path in Path(os.path.realpath(found)).parents):
            return found
    lacking(f"This machine has no {version} that users other than root may start.")


def needs_chromium() -> None:
    """A Chromium and the driver of the same version."""
    needs("chromium", "chromedriver")
    versions = {name: major_version(name) for name in ("chromium", "chromedriver")}
    if len(set(versions.values())) > 1:
        lacking(f"This machine's chromedriver is of another version than its Chromium: {versions}.")


def needs_caddy() -> Path:
    """A Caddy of 2.11 or newer: the one on PATH, else the one of the `ingress` extra beside the interpreter."""
    found = caddy()
    if found is None:
        lacking("This machine has no Caddy of 2.11 or newer; the extra `ingress` brings one.")
    return found


def needs_bubblewrap() -> Path:
    """A bubblewrap that may make its namespaces: some machines have the program and refuse it."""
    needs("bwrap")
    found = Path(str(shutil.which("bwrap")))
    if not bubblewrap_works(found):
        lacking("This machine's kernel refuses bubblewrap its namespaces.")
    return found


@cache
def caddy() -> Path | None:
    """The first Caddy that is new enough, or None."""
    beside = Path(sys.executable).parent / "caddy"
    for candidate in (shutil.which("caddy"), beside if beside.exists() else None):
        if candidate is not None and caddy_version(Path(candidate)) >= CADDY_FLOOR:
            return Path(candidate)
    return None


def caddy_version(program: Path) -> tuple[int, int]:
    """Major and minor version as the program tells them, or (0, 0) where it tells none."""
    told = subprocess.run([program, "version"], capture_output=True, text=True, timeout=20, check=False).stdout
    match = re.match(r"v?(\d+)\.(\d+)", told)
    return (int(match[1]), int(match[2])) if match else (0, 0)


@cache
def major_version(program: str) -> str:
    """The first number of the version that a program tells."""
    told = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    match = re.search(r"\b(\d+)\.\d+", told)
    return match[1] if match else ""


@cache
def bubblewrap_works(program: Path) -> bool:
    """Whether a sandbox of the kind that apps get can be made at all."""
    argv = [str(program), "--unshare-pid", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
    return subprocess.run(argv, capture_output=True, timeout=20, check=False).returncode == 0

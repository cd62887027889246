"""The walls as a running interpreter sees them: what the daemon, the command line and `--help` really load."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tests.house.tree import ROOT

# Runs the statements given, whatever they print, and tells the modules loaded by then, and those of other people among
# them, but for what the environment itself loads at every start.
TELL = """
import contextlib, io, json, sys
before = set(sys.modules)
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    exec(sys.argv.pop())
files = {name: getattr(module, "__file__", None) or "" for name, module in sys.modules.items() if name not in before}
outside = [name for name, file in files.items() if "site-packages" in file]
print(json.dumps([list(sys.modules), outside]))
"""
EVERY_VERB = """
import importlib, pkgutil, nanoscale_box.cli as cli
for module in pkgutil.walk_packages(cli.__path__, "nanoscale_box.cli."):
    importlib.import_module(module.name)
"""
HEAVY = {"aiosqlite", "apscheduler", "cryptography", "dulwich", "gidgethub", "textual"}


def test_the_daemon_starts_without_the_terminal_ui() -> None:
    loaded, _ = modules_after("import nanoscale_box.daemon")
    assert "nanoscale_box.engine" in loaded
    assert loaded & {"textual", "nanoscale_box.tui", "nanoscale_box.cli", "nanoscale_box.sandbox"} == set()


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    loaded, _ = modules_after(EVERY_VERB)
    assert "nanoscale_box.cli" in loaded
    assert loaded & HEAVY == set()
    assert (
        loaded & {"nanoscale_box.engine", "nanoscale_box.store", "nanoscale_box.adapters", "nanoscale_box.web"} == set()
    )


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_nothing_but_argparse(flag: str) -> None:
    loaded, outside = modules_after(
        f"import runpy; sys.argv = ['nanoscale-box', '{flag}']; runpy.run_module('nanoscale_box', run_name='__main__')"
    )
    assert "argparse" in loaded
    assert outside == set()
    assert loaded & {"asyncio", "ssl", "socket"} == set()


def test_the_sandbox_loads_nothing_of_the_box() -> None:
    loaded, _ = modules_after("import nanoscale_box.sandbox.__main__")
    ours = {
        name for name in loaded if name.startswith("nanoscale_box.") and not name.startswith("nanoscale_box.sandbox")
    }
    assert ours == set()


def modules_after(statements: str) -> tuple[set[str], set[str]]:
    """The modules that a fresh interpreter has loaded after some statements: all of them, and those of other people."""
    done = subprocess.run(
        [sys.executable, "-c", TELL, statements],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )
    assert done.returncode == 0, done.stderr
    loaded, outside = json.loads(done.stdout)
    return set(loaded), set(outside)

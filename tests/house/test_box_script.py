"""`scripts/box` on a small checkout of its own: what a first start makes, and what each kind of trouble says."""

from __future__ import annotations

import errno
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from scripts import install
from tests.house.tree import ROOT

# Stands for uv, so that nothing is downloaded: says what it is told, waits where it is told, ends as it is told.
UV = """#!/bin/sh
[ "$1" = --version ] && exit 0
echo "$@" >>"$0.calls"
[ ! -e "$0.gate" ] || { echo >"$0.gate"; read _ <"$0.gate"; }
[ ! -e "$0.fails" ] || { cat "$0.fails"; exit 1; }
"""
MAIN = '"""Tells what it was started with."""\nimport sys\nprint("here", sys.argv[1:])\nsys.exit(7)\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with no packages to install, in a folder with a space and a quote, and a stand-in for uv."""
    root = tmp_path / "it's a checkout"
    shutil.copytree(ROOT / "scripts", root / "scripts", ignore=shutil.ignore_patterns("requirements", "__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", root)
    (root / "scripts" / "requirements").mkdir()
    for name in ("box", "test", "check"):
        (root / "scripts" / "requirements" / f"{name}.txt").write_text("# nothing\n")
    (root / "nanoscale_box").mkdir()
    (root / "nanoscale_box" / "__init__.py").touch()
    (root / "nanoscale_box" / "__main__.py").write_text(MAIN)
    uv = tmp_path / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(UV)
    uv.chmod(0o755)
    return root


def environment(checkout: Path, **more: str) -> dict[str, str]:
    """No HOME, and this interpreter as the Python to be found."""
    path = f"{checkout.parent / 'bin'}:{Path(sys._base_executable).parent}:{os.defpath}"  # type: ignore[attr-defined]
    return {"PATH": path, **more}


def box(checkout: Path, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    """One start from another folder, with whatever it says."""
    return subprocess.run(
        [checkout / "scripts" / "box", *arguments],
        cwd="/",
        env=environment(checkout, **more),
        capture_output=True,
        text=True,
        check=False,
        timeout=50,
    )


def calls(checkout: Path) -> list[str]:
    """The installations that the stand-in for uv was asked for."""
    told = checkout.parent / "bin" / "uv.calls"
    return told.read_text().splitlines() if told.exists() else []


def test_the_first_start_installs_and_the_second_says_nothing(checkout: Path) -> None:
    first = box(checkout, "a", "b c")
    assert (first.returncode, first.stdout) == (7, "here ['a', 'b c']\n")
    assert "virtual environment" in first.stderr
    assert "ready after" in first.stderr
    assert "\x1b" not in first.stderr
    assert "--require-hashes" in calls(checkout)[0]
    second = box(checkout)
    assert (second.returncode, second.stdout, second.stderr) == (7, "here []\n", "")
    assert len(calls(checkout)) == 1


def test_it_starts_through_a_link(checkout: Path) -> None:
    link = checkout.parent / "bin" / "nb"
    link.symlink_to(checkout / "scripts" / "box")
    done = subprocess.run(["nb"], env=environment(checkout), capture_output=True, text=True, check=False, timeout=50)
    assert (done.returncode, done.stdout) == (7, "here []\n")


def test_new_pins_are_installed_into_what_is_there(checkout: Path) -> None:
    box(checkout)
    kept = checkout / ".venv" / "lib" / "kept"
    kept.touch()
    (checkout / "scripts" / "requirements" / "box.txt").write_text("# something else\n")
    assert "ready after" in box(checkout).stderr
    assert len(calls(checkout)) == 2
    assert kept.exists()


def test_a_larger_set_serves_the_smaller_one(checkout: Path) -> None:
    installer = [sys.executable, "-IS", str(checkout / "scripts" / "install.py")]
    subprocess.run([*installer, "check"], env=environment(checkout), check=True, capture_output=True, timeout=50)
    assert box(checkout).stderr == ""
    assert len(calls(checkout)) == 1


def test_a_checkout_that_was_moved_sets_itself_up_again(checkout: Path) -> None:
    box(checkout)
    moved = checkout.rename(checkout.parent / "moved")
    done = box(moved)
    assert done.stdout == "here []\n"
    assert f"setting up {moved}" in done.stderr


def test_what_fails_is_a_sentence_and_the_next_start_begins_anew(checkout: Path) -> None:
    fails = checkout.parent / "bin" / "uv.fails"
    fails.write_text("error: Request failed after 3 retries: dns error\n")
    failed = box(checkout)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert "the package index cannot be reached; check the network" in failed.stderr
    assert "Traceback" not in failed.stderr
    stray = checkout / ".venv" / "stray"
    stray.touch()
    fails.unlink()
    assert box(checkout).stdout == "here []\n"
    assert not stray.exists()


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE", "is not the package that was pinned"),
        ("ERROR: No matching distribution found for aiohttp==3.14.5", "has no build for this machine"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("something nobody thought of", "last words were: something nobody thought of"),
    ],
)
def test_what_an_installer_says_becomes_a_sentence(checkout: Path, said: str, sentence: str) -> None:
    (checkout.parent / "bin" / "uv.fails").write_text(said)
    assert sentence in box(checkout).stderr


def test_an_interrupted_start_is_not_mistaken_for_a_finished_one(checkout: Path) -> None:
    gate = checkout.parent / "bin" / "uv.gate"
    os.mkfifo(gate)
    installing = subprocess.Popen(
        [sys.executable, "-IS", str(checkout / "scripts" / "install.py"), "box"],
        env=environment(checkout),
        stderr=subprocess.PIPE,
        text=True,
    )
    gate.read_text()
    installing.send_signal(signal.SIGINT)
    _, said = installing.communicate(timeout=20)
    assert installing.returncode == 130
    assert "interrupted" in said
    gate.unlink()
    assert box(checkout).stdout == "here []\n"
    assert len(calls(checkout)) == 2


EARLY = """
import os, signal, subprocess, sys
sys.path.insert(0, sys.argv[1])
import install
start = subprocess.Popen
class Early(start):
    def __init__(self, argv, **options):
        super().__init__(argv, **options)
        if "pip" in argv:
            os.kill(os.getpid(), signal.SIGINT)
subprocess.Popen = Early
sys.exit(install.main("box"))
"""


def test_an_interruption_while_the_installer_starts_ends_it_too(checkout: Path) -> None:
    gate = checkout.parent / "bin" / "uv.gate"
    os.mkfifo(gate)
    argv = [sys.executable, "-c", EARLY, str(checkout / "scripts")]
    done = subprocess.run(argv, env=environment(checkout), capture_output=True, text=True, check=False, timeout=20)
    assert (done.returncode, "interrupted" in done.stderr) == (130, True), done.stderr
    gate.unlink()
    assert box(checkout).stdout == "here []\n", "nobody holds the lock any more"


def test_nothing_is_made_in_the_home_of_whoever_installs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pip asks a `rustc` for its version, and where that is rustup's, it makes itself a home first."""
    rustc = tmp_path / "bin" / "rustc"
    rustc.parent.mkdir()
    rustc.write_text('#!/bin/sh\nmkdir -p "${RUSTUP_HOME:-$HOME/.rustup}"\n')
    rustc.chmod(0o755)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(install, "LOG", tmp_path / "install.log")
    monkeypatch.setattr(install, "show", lambda *_, **__: None)
    with (tmp_path / "lock").open("w") as lock:
        install.run("a phase", [str(rustc), "--version"], lock.fileno(), may_fail=True)
    assert list(home.iterdir()) == []


def test_two_at_once_wait_for_each_other(checkout: Path) -> None:
    gate = checkout.parent / "bin" / "uv.gate"
    os.mkfifo(gate)
    argv = [sys.executable, "-IS", str(checkout / "scripts" / "install.py"), "box"]
    first = subprocess.Popen(argv, env=environment(checkout), stderr=subprocess.PIPE, text=True)
    gate.read_text()
    second = subprocess.Popen(argv, env=environment(checkout), stderr=subprocess.PIPE, text=True)
    assert second.stderr is not None
    assert "somebody else is setting up .venv" in second.stderr.readline()
    gate.write_text("\n")
    assert (first.wait(20), second.wait(20)) == (0, 0)
    first.communicate()
    second.communicate()
    assert len(calls(checkout)) == 1


def test_a_python_that_will_not_do_is_named(checkout: Path) -> None:
    done = box(checkout, NANOSCALE_PYTHON="/bin/false")
    assert done.returncode == 1
    assert done.stderr.startswith("nanoscale-box: NANOSCALE_PYTHON is /bin/false, which is no Python 3.11 or newer")


def test_no_python_at_all_is_a_sentence(checkout: Path) -> None:
    bare = checkout.parent / "bare"
    bare.mkdir()
    for program in ("sh", "dirname", "readlink"):
        (bare / program).symlink_to(str(shutil.which(program)))
    done = subprocess.run(
        [checkout / "scripts" / "box"], env={"PATH": str(bare)}, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 1
    assert done.stderr.startswith("nanoscale-box: there is no Python 3.11 or newer here; install one")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (errno.EROFS, "cannot be written to by you; copy the checkout to a folder of your own"),
        (errno.EACCES, "cannot be written to by you; copy the checkout to a folder of your own"),
        (errno.ENOSPC, "the disk is full; make room"),
    ],
)
def test_a_file_that_cannot_be_written_is_a_sentence(number: int, sentence: str) -> None:
    assert sentence in install.unwritable(OSError(number, "no"))

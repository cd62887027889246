"""What the installation does to the machine: runs its programs and writes its files; every failure is a sentence."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

SECONDS: Final = 180.0


class Trouble(Exception):
    """It cannot go on, told in one sentence."""


def say(sentence: str) -> None:
    """One line for the person who waits."""
    sys.stdout.write(f"{sentence}\n")
    sys.stdout.flush()


def run(*argv: str, stdin: bytes | None = None) -> bytes:
    """Run a program; what it prints, or `Trouble`."""
    status, printed, errors = attempt(*argv, stdin=stdin)
    if status != 0:
        said = (errors or printed).decode(errors="replace").strip().splitlines()
        raise Trouble(f"`{' '.join(argv)}` failed: {said[-1] if said else f'exit status {status}'}")
    return printed


def attempt(*argv: str, stdin: bytes | None = None) -> tuple[int, bytes, bytes]:
    """Run a program that may fail: its exit status, what it prints, and its errors."""
    try:
        done = subprocess.run(
            argv, input=stdin, stdin=subprocess.DEVNULL if stdin is None else None, capture_output=True,
            timeout=SECONDS, check=False,
        )  # fmt: skip
    except FileNotFoundError:
        return 127, b"", f"there is no program {argv[0]}".encode()
    except subprocess.TimeoutExpired:
        return 124, b"", f"it took longer than {SECONDS:g} seconds".encode()
    return done.returncode, done.stdout, done.stderr


def write(path: Path, text: str | bytes, *, mode: int = 0o644, owner: tuple[int, int] = (0, 0)) -> bool:
    """Put a file in place by one rename; whether that changed anything."""
    raw = text.encode() if isinstance(text, str) else text
    if path.is_file() and not path.is_symlink() and path.read_bytes() == raw:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "wb") as file:
        file.write(raw)
        os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        os.fsync(file.fileno())
    fresh.rename(path)
    return True


def point(link: Path, target: Path) -> None:
    """Let a link lead somewhere else, at once and whole."""
    link.parent.mkdir(parents=True, exist_ok=True)
    fresh = link.with_name(f".{link.name}.new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    fresh.rename(link)


def state_of(unit: str) -> str:
    """`active`, `inactive`, `failed` and so on."""
    return attempt("systemctl", "is-active", unit)[1].decode().strip()


def last_words(unit: str) -> str:
    """The end of what a unit's own program said, in one line."""
    _, printed, _ = attempt("journalctl", f"_SYSTEMD_UNIT={unit}", "--no-pager", "--output=cat", "--lines=3")
    return " / ".join(printed.decode(errors="replace").split("\n")).strip(" /")[-600:]

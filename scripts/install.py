"""Makes .venv beside the checkout hold a set of pinned packages; when it does already, that is seen at once.

    install.py box|test|check

Each set holds the ones before it at the same versions, so all three share one environment. The stamp is written last
and names what it was made from; an interrupted run leaves a mark, and the next one starts over from nothing.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"
SITE = VENV / "lib" / f"python{VERSION}" / "site-packages"
STAMP = VENV / "nanoscale-box.stamp"
UNFINISHED = VENV / "nanoscale-box.unfinished"
LOG = VENV / "nanoscale-box.log"
SETS = ("box", "test", "check")

# What would bend the installers away from .venv. Indexes, proxies and certificates stay as the owner set them.
BENDING = ("PIP_PREFIX", "PIP_TARGET", "PIP_USER", "PYTHONHOME", "PYTHONPATH", "UV_SYSTEM_PYTHON", "VIRTUAL_ENV")

ENDING = (signal.SIGINT, signal.SIGTERM)

REDRAW = "\r\x1b[K" if sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb" else ""

DISK_FULL = "the disk is full; make room and run the same command again"

# The first pattern found in what an installer said decides the sentence.
REASONS = {
    r"No space left|Disk quota": DISK_FULL,
    r"MATCH THE HASHES|[Hh]ash mismatch": (
        "a download is not the package that was pinned, so nothing of it was installed; run the same command again, "
        "and do not trust this network if it happens twice"
    ),
    r"[Rr]esolution|resolve host|NewConnection|unreachable|[Cc]onnection (?:refused|reset|aborted)|timed out|"
    r"ProxyError|SSLError|CERTIFICATE|dns error|error sending request|Failed to fetch": (
        "the package index cannot be reached; check the network (a proxy goes into HTTPS_PROXY, a mirror into "
        "PIP_INDEX_URL, or UV_DEFAULT_INDEX for uv) and run the same command again"
    ),
    r"No matching distribution|no wheels|no compatible|No solution": (
        f"a package has no build for this machine ({os.uname().machine}, Python {VERSION}); name another Python, "
        "3.11 to 3.14, in NANOSCALE_PYTHON"
    ),
    r"ensurepip|No module named '?venv": (
        "this Python cannot make virtual environments; install what it lacks (on Debian or Ubuntu: apt install "
        "python3-venv), or install uv, and run the same command again"
    ),
}


class Trouble(Exception):
    """The installation cannot go on, told in one sentence."""


def main(wanted: str) -> int:
    """0 once the environment holds the set, 1 with a sentence when it cannot, 130 when interrupted."""
    if fresh(wanted):
        return 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with locked() as lock:
            if not fresh(wanted):
                install(wanted, lock)
    except Trouble as trouble:
        say(f"{trouble}.")
    except OSError as error:
        say(f"{unwritable(error)}.")
    except KeyboardInterrupt:
        say("interrupted; the next start sets it up from the beginning.")
        return 130
    else:
        return 0
    return 1


def fresh(wanted: str) -> bool:
    """Whether the stamp names exactly what the set would be made from now."""
    try:
        stamp = STAMP.read_text()
    except OSError:
        return False
    return stamp.startswith(f"{ROOT}\n") and f"{wanted} {key(wanted)}\n" in stamp and PYTHON.exists()


def key(wanted: str) -> str:
    """What a set is made from: its pins, the project's description, this version of Python, this kind of machine."""
    digest = sha256(f"{VERSION} {os.uname().machine}\n".encode())
    for source in (requirements(wanted), ROOT / "pyproject.toml", Path(__file__)):
        digest.update(source.read_bytes())
    return digest.hexdigest()


def requirements(wanted: str) -> Path:
    """The file with the pins and hashes of a set."""
    return ROOT / "scripts" / "requirements" / f"{wanted}.txt"


@contextlib.contextmanager
def locked() -> Iterator[int]:
    """One installation at a time. The installers inherit the lock, so one that outlives us still holds it."""
    lock = os.open(ROOT / ".venv.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("somebody else is setting up .venv; waiting for them.")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield lock
    finally:
        os.close(lock)


def install(wanted: str, lock: int) -> None:
    """The whole story: an environment, its packages, the checkout in it, byte code, the stamp."""
    started = time.monotonic()
    uv = shutil.which("uv")
    uv = uv if uv and answers(uv, "--version") else None
    say(f"setting up {VENV} with Python {VERSION} and {'uv' if uv else 'pip'}, once.")
    begin(rebuild=not reusable(uv))
    if not PYTHON.exists():
        run("virtual environment", [base_python(), "-Im", "venv", *(["--without-pip"] if uv else []), str(VENV)], lock)
    pins = requirements(wanted)
    count = len(re.findall(r"^[\w.-]+==(?!.*win32)", pins.read_text(), re.MULTILINE))
    run(f"{count} packages", [*installer(uv), "-r", str(pins)], lock, count)
    place_checkout()
    compiling = [str(PYTHON), "-Im", "compileall", "-q", "-j0", str(SITE), str(ROOT / "nanoscale_box")]
    run("byte code", compiling, lock, may_fail=True)
    finish(SETS[: SETS.index(wanted) + 1])
    say(f"ready after {time.monotonic() - started:.1f} s.")


def reusable(uv: str | None) -> bool:
    """Whether what lies in .venv can be brought up to date in place, whoever made it."""
    made_elsewhere = STAMP.exists() and not STAMP.read_text().startswith(f"{ROOT}\n")
    if UNFINISHED.exists() or made_elsewhere or not SITE.is_dir():
        return False
    same_version = f"import sys; sys.exit('%d.%d' % sys.version_info[:2] != '{VERSION}')"
    return answers(str(PYTHON), "-IS", "-c", same_version) and bool(uv or (SITE / "pip").is_dir())


def base_python() -> str:
    """The Python that this one stands on, by a path that outlives the emptying of .venv."""
    return os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def answers(*argv: str) -> bool:
    """Whether a program is there, can be started, and ends well."""
    try:
        return subprocess.run(argv, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def begin(*, rebuild: bool) -> None:
    """Marks the environment as unfinished, and empties it first where nothing in it can be kept."""
    VENV.mkdir(exist_ok=True)
    UNFINISHED.touch()
    STAMP.unlink(missing_ok=True)
    for child in VENV.iterdir() if rebuild else ():
        if child == UNFINISHED:
            continue
        if child.is_dir() and not child.is_symlink():
            shutil.rmtree(child)
        else:
            child.unlink()
    LOG.write_text("")


def installer(uv: str | None) -> list[str]:
    """The command that installs wheels into .venv, each held against its hash; it builds and resolves nothing."""
    if uv:
        return [uv, "pip", "install", "--python", str(PYTHON), "--no-deps", "--no-build", "--require-hashes"]
    quiet = ["--no-input", "--disable-pip-version-check", "--progress-bar=off", "--no-warn-conflicts"]
    wheels = ["--no-deps", "--only-binary=:all:", "--no-compile", "--require-hashes"]
    return [str(PYTHON), "-Im", "pip", "install", *quiet, *wheels]


def place_checkout() -> None:
    """The checkout itself is what runs: a line on the environment's path, and the command that starts it."""
    (SITE / "nanoscale-box.pth").write_text(f"{ROOT}\n")
    command = VENV / "bin" / "nanoscale-box"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(PYTHON))} -Im nanoscale_box "$@"\n')
    command.chmod(0o755)


def finish(sets: tuple[str, ...]) -> None:
    """Writes the stamp in one piece, then takes the mark away."""
    new = STAMP.with_suffix(".new")
    new.write_text(f"{ROOT}\n" + "".join(f"{name} {key(name)}\n" for name in sets))
    new.replace(STAMP)
    UNFINISHED.unlink()


def run(label: str, argv: list[str], lock: int, count: int = 0, *, may_fail: bool = False) -> None:
    """One phase: runs a command, shows that it goes on, logs what it says; raises a sentence if it fails."""
    started = time.monotonic()
    environment = {name: value for name, value in os.environ.items() if name not in BENDING}
    environment.setdefault("PIP_RETRIES", "2")
    environment.setdefault("RUSTUP_HOME", os.devnull)  # pip starts `rustc`, and rustup's would make itself a home
    said = b""
    child = None
    with LOG.open("ab") as log, contextlib.ExitStack() as stack:
        try:
            with undisturbed():
                child = stack.enter_context(
                    subprocess.Popen(
                        argv,
                        cwd=ROOT,
                        env=environment,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                        pass_fds=[lock],
                    )
                )
            for chunk in chunks(child.stdout.fileno() if child.stdout else -1):
                log.write(chunk)
                said += chunk
                seen = len(re.findall(rb"^(?:Collecting|Requirement already) ", said, re.MULTILINE))
                show(label, started, f"{seen} of {count}" if 0 < seen <= count else "")
            code = child.wait()
        finally:
            if child is not None and child.poll() is None:
                child.terminate()
    show(label, started, done=True)
    if code and not may_fail:
        raise Trouble(reason(said.decode(errors="replace")))


@contextlib.contextmanager
def undisturbed() -> Iterator[None]:
    """An interruption waits for the end of this block: what is being started has to be known to be ended."""
    came: list[int] = []
    before = {number: signal.signal(number, lambda *told: came.append(told[0])) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if came:
        raise KeyboardInterrupt


def chunks(source: int) -> Iterator[bytes]:
    """What a pipe says, as it says it, and an empty chunk for every fifth of a second of silence."""
    while True:
        ready, _, _ = select.select([source], [], [], 0.2)
        chunk = os.read(source, 65536) if ready else b""
        if ready and not chunk:
            return
        yield chunk


def reason(said: str) -> str:
    """The sentence for a failure, from what the installer said."""
    for pattern, sentence in REASONS.items():
        if re.search(pattern, said):
            return f"{sentence} (what was said: {LOG})"
    last = (said.strip() or "nothing at all").splitlines()[-1]
    return f"setting up failed; the installer's last words were: {last} (all of them: {LOG})"


def unwritable(error: OSError) -> str:
    """The sentence for a file that cannot be written or read."""
    match error.errno:
        case errno.EROFS | errno.EACCES | errno.EPERM:
            return f"{ROOT} cannot be written to by you; copy the checkout to a folder of your own and start it there"
        case errno.ENOSPC | errno.EDQUOT:
            return DISK_FULL
        case _:
            return f"setting up failed: {error}; mend that and run the same command again"


def say(sentence: str) -> None:
    """One line on standard error, in place of a phase that was being redrawn."""
    print(f"{REDRAW}nanoscale-box: {sentence}", file=sys.stderr, flush=True)


def show(label: str, started: float, detail: str = "", *, done: bool = False) -> None:
    """The phase and its time: redrawn in place on a terminal, once at the end everywhere else."""
    if REDRAW or done:
        line = f"  {label}{f' ({detail})' if detail else ''}  {time.monotonic() - started:.1f} s"
        print(f"{REDRAW}{line}", end="\n" if done else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

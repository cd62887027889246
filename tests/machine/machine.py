"""Boots, enters and ends the machine; nothing of it is left afterwards."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.dealing import RUN
from tests.needs import lacking, needs, needs_root

SYSTEMD = ("/usr/lib/systemd/systemd", "/lib/systemd/systemd")
POLKIT = ("/usr/lib/polkit-1/polkitd", "/usr/libexec/polkitd")
BOX = "nanoscale-box"
GROUP = f"nanoscale-box-test-{RUN}"
SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """A machine that runs; `pid` is its first process as this machine numbers it."""

    pid: int

    @property
    def root(self) -> Path:
        """Its file system as seen from here."""
        return Path(f"/proc/{self.pid}/root")

    def run(
        self, *argv: str, user: str | None = None, check: bool = True, seconds: float = SECONDS, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in there, as root or as a user, with an environment of its own."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--cgroup", "--ipc", "--uts"]
        become = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **environ}
        done = subprocess.run(
            [*enter, *become, *argv], env=env, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds, check=False,
        )  # fmt: skip
        if check and done.returncode != 0:
            journal = self.run("journalctl", "--no-pager", "--lines=40", check=False).stdout
            raise AssertionError(f"{' '.join(argv)}: {done.returncode}\n{done.stdout}\n{done.stderr}\n{journal}")
        return done

    def says(self, *argv: str, user: str | None = None) -> str:
        """What a command prints."""
        return self.run(*argv, user=user).stdout.strip()

    def until(self, holds: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + seconds
        while not holds():
            if time.monotonic() > deadline:
                raise AssertionError(
                    f"not seen: {what}\n{self.run('journalctl', '--no-pager', '-n60', check=False).stdout}"
                )
            time.sleep(0.05)


def needs_systemd() -> str:
    """Everything that a machine is made of."""
    needs_root()
    needs("unshare", "nsenter", "setpriv", "systemctl", "journalctl", "dbus-daemon")
    if not any(Path(found).exists() for found in POLKIT):
        lacking("This machine has no polkit daemon (Debian's package polkitd).")
    found = next((found for found in SYSTEMD if Path(found).exists()), None)
    if found is None:
        lacking("This machine has no systemd.")
    return found


@contextmanager
def machine() -> Iterator[Machine]:
    """A machine for a while. It lives in a control group of its own, which ends it whole."""
    systemd = needs_systemd()
    with _group() as group:
        boot = Path(__file__).with_name("boot.py")
        namespaces = ["--mount", "--pid", "--fork", "--cgroup", "--ipc", "--uts", "--kill-child=SIGKILL"]
        process = subprocess.Popen(
            ["unshare", *namespaces, sys.executable, "-IS", str(boot), systemd],
            preexec_fn=lambda: (group / "cgroup.procs").write_text(str(os.getpid())),  # noqa: PLW1509 - before anything else runs
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        try:
            yield _running(process)
        finally:
            process.kill()
            process.communicate(timeout=SECONDS)


def _running(process: subprocess.Popen[bytes]) -> Machine:
    """The machine once its systemd says that it runs."""
    deadline = time.monotonic() + SECONDS
    said = ""
    while time.monotonic() < deadline:
        if process.poll() is not None:
            lacking(f"A systemd in namespaces of its own ends at once here: {process.communicate()[1].decode()[-300:]}")
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        if children:
            found = Machine(pid=int(children[0]))
            said = found.run("systemctl", "is-system-running", check=False).stdout.strip()
            if said in {"running", "degraded"}:
                return found
        time.sleep(0.05)
    raise AssertionError(f"the machine does not come up: {said}")


@contextmanager
def _group() -> Iterator[Path]:
    """A control group of the version that systemd needs, removed at the end with all in it."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    where = next((Path(fields[1]) for fields in mounts if fields[2] == "cgroup2"), None)
    if where is None:
        lacking("This machine has no cgroup2 mounted.")
    group = where / GROUP
    group.mkdir()
    try:
        yield group
    finally:
        _remove(group)


def _remove(group: Path) -> None:
    deadline = time.monotonic() + SECONDS
    while any(pids := [path.read_text().split() for path in group.rglob("cgroup.procs")]):
        for pid in {pid for some in pids for pid in some}:
            try:
                os.kill(int(pid), signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise AssertionError(f"processes are left in {group}")
        time.sleep(0.02)
    for folder in [
        *sorted((path for path in group.rglob("*") if path.is_dir()), key=lambda path: -len(path.parts)),
        group,
    ]:
        while not _is_gone(folder):  # the kernel may still put the last process away
            if time.monotonic() > deadline:
                raise AssertionError(f"{folder} is still in use")
            time.sleep(0.02)


def _is_gone(folder: Path) -> bool:
    try:
        folder.rmdir()
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        return False
    return True

"""Sets commands apart with bubblewrap: they see the machine's programs, their own folders and their own processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from nanoscale_box.adapters import shell
from nanoscale_box.adapters.isolation import Isolate, Reach, not_isolated
from nanoscale_box.core.errors import DeployFailed
from nanoscale_box.core.text import inert
from nanoscale_box.engine.ports import Isolation

_SYSTEM: Final = ("usr", "bin", "sbin", "lib", "lib32", "lib64", "libx32", "etc", "opt", "sys", "nix", "gnu")
"""What programs are made of, whichever of it a distribution has."""
_RESOLVER: Final = "/run/systemd/resolve"
"""Where /etc/resolv.conf often leads."""
_SWITCHES: Final = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
"""Files of the kernel that belong to root by number: an app of root's could write to them without any capability."""
_SECONDS: Final = 20.0
_GAPS: Final = ("CPU", "tasks")
"""Memory can be limited for a process (setrlimit(2)); these only for a control group, which is systemd's to make."""
_MOST_COVERED: Final = 500
_INSTALL: Final = "install bubblewrap (on Debian or Ubuntu: apt install bubblewrap), then restart the box"
_ALLOW: Final = "allow user namespaces, see docs/troubleshooting.md"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What of the machine a sandbox is made of."""

    program: str
    """bubblewrap itself."""
    system: tuple[tuple[str, str | None], ...]
    """Folders at the root that hold programs, each with where it leads if it is a link."""
    home: str
    """The box's own folder, hidden wherever it lies."""
    tools: tuple[str, ...] = ()
    """Folders elsewhere that the search path names."""
    covered: tuple[tuple[str, bool], ...] = ()
    """What only its owner may read below /etc, each with whether it is a folder."""
    user_namespace: bool = True
    """Without, only root can make a sandbox."""


def argv_of(machine: Machine, command: Sequence[str], reach: Reach) -> list[str]:
    """The command in a sandbox: bwrap(1). The network stays; the environment goes through as it is and stands in no
    argument."""
    apart = ["--unshare-user"] if machine.user_namespace else []
    apart += ["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try", "--cap-drop", "ALL"]
    empty = [word for folder in ("/tmp", "/var/tmp", "/run") for word in ("--tmpfs", folder)]  # noqa: S108 - the sandbox's own
    seen: list[str] = []
    for path, leads_to in machine.system:
        seen += ["--symlink", leads_to, path] if leads_to else ["--ro-bind", path, path]
    for path, is_folder in machine.covered:
        seen += ["--tmpfs", path] if is_folder else ["--ro-bind", "/dev/null", path]
    for path in (_RESOLVER, *machine.tools):
        seen += ["--ro-bind-try", path, path]
    own = ["--tmpfs", machine.home]
    own += [word for path in map(str, reach.readable) for word in ("--ro-bind-try", path, path)]
    own += [word for path in map(str, reach.writable) for word in ("--bind", path, path)]
    kernel = ["--proc", "/proc", "--dev", "/dev"]
    kernel += [word for path in _SWITCHES for word in ("--ro-bind-try", path, path)]
    return [machine.program, *apart, *empty, *seen, *own, *kernel, "--chdir", str(reach.work), "--", *command]


async def isolation(search_path: str, home: Path) -> tuple[Isolate, Isolation]:
    """How commands are set apart on this machine, found out by trying; `home` is a folder to try in."""
    program = shutil.which("bwrap", path=search_path)
    if program is None:
        return not_isolated, Isolation(by=None, why_not="bubblewrap is not installed", fix=_INSTALL)
    said = ""
    for user_namespace in (True, False) if os.geteuid() == 0 else (True,):
        machine = survey(program, search_path, home, user_namespace=user_namespace)
        status, said = await _try(argv_of(machine, ["true"], Reach(work=home, writable=(home,))), home, search_path)
        if status == 0:
            return partial(_wrapped, machine), Isolation(by="bubblewrap", gaps=_GAPS)
    why = f"bubblewrap is refused by this machine ({inert(said, limit=200) or 'it says nothing'})"
    return not_isolated, Isolation(by=None, why_not=why, fix=_ALLOW)


def _wrapped(machine: Machine, command: Sequence[str], reach: Reach) -> Sequence[str]:
    return argv_of(machine, command, reach)


def survey(program: str, search_path: str, home: Path, *, user_namespace: bool = True) -> Machine:
    """Look at the machine once."""
    system: list[tuple[str, str | None]] = []
    for path in (Path("/", name) for name in _SYSTEM):
        if path.is_symlink():
            system.append((str(path), os.readlink(path)))
        elif path.is_dir():
            system.append((str(path), None))
    return Machine(
        program=program,
        system=tuple(system),
        home=str(home),
        tools=tuple(_tools(search_path, [path for path, _ in system], (str(home), os.path.expanduser("~")))),
        covered=tuple(_private(Path("/etc"))) if os.geteuid() == 0 else (),
        user_namespace=user_namespace,
    )


def _tools(search_path: str, system: Sequence[str], homes: Sequence[str]) -> Iterator[str]:
    """What the search path names outside of the system's folders: of `.../node/bin` all of `.../node`, since programs
    look beside themselves for their libraries; but no one's whole home, and of `~/.local/bin` that folder alone."""
    seen = set()
    for name in search_path.split(os.pathsep):
        folder = os.path.normpath(name)
        if not os.path.isabs(folder) or any(_is_within(folder, path) for path in system):
            continue
        parent, base = os.path.split(folder)
        private = any(_is_within(home, parent) for home in homes) or (
            os.path.basename(parent).startswith(".") and os.path.dirname(parent) in homes
        )
        wanted = parent if base in {"bin", "sbin"} and not private else folder
        if wanted not in seen and os.path.isdir(wanted):
            seen.add(wanted)
            yield wanted


def _is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def _private(folder: Path) -> Iterator[tuple[str, bool]]:
    """What below a folder not everybody may read: an app of root's could, since it has root's number."""
    left = _MOST_COVERED
    todo = [folder]
    while todo and left:
        with os.scandir(todo.pop()) as entries:
            for entry in sorted(entries, key=lambda one: one.name):
                if entry.is_symlink():
                    continue
                is_folder = entry.is_dir(follow_symlinks=False)
                if not entry.stat(follow_symlinks=False).st_mode & 0o004:
                    left -= 1
                    yield entry.path, is_folder
                elif is_folder:
                    todo.append(Path(entry.path))


async def _try(argv: Sequence[str], folder: Path, search_path: str) -> tuple[int, str]:
    """How a command ends and the last it says."""
    lines: list[str] = []
    try:
        status = await shell.run(argv, folder=folder, env={"PATH": search_path}, line=lines.append, seconds=_SECONDS)
    except TimeoutError:
        return 1, "it did not end"
    except DeployFailed as error:
        return 1, error.detail
    return status, lines[-1] if lines else ""

"""The program that a unit of an app or a build starts: it reads what it is to become from the unit's order.

Run by path in isolated mode by systemd, as the project's own user and within all of the unit's walls. The order is a
file that only this unit sees; it holds the environment, so that no secret stands in an argument, in a unit file or on
disk. `socket`: where to print instead of the journal, `errors` whether those go there, too. `empty`: folders to empty.
`bring`: whether to copy the checkout into the work folder. `folders`: to be made if missing. `folder`, `argv` and
`env`: the command it then becomes.
"""

import json
import os
import shutil
import signal
import socket
import sys
from collections.abc import Callable

ORDER = "/run/nanoscale-box/order.json"
CHECKOUT = "/var/lib/nanoscale-box/checkout"
WORK = "/var/lib/nanoscale-box/release"
CANNOT_RUN = 126
NOT_FOUND = 127


def main() -> int:
    """Do what the order says; gives the exit status, or never comes back."""
    with open(ORDER, encoding="utf-8") as file:
        order = json.load(file)
    if order["socket"]:
        print_to(order["socket"], (1, 2) if order["errors"] else (1,))
    try:
        for folder in order["empty"]:
            empty(folder)
        if order["bring"]:
            shutil.copytree(CHECKOUT, WORK, symlinks=True, dirs_exist_ok=True)
        for folder in order["folders"]:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        os.chdir(order["folder"])
    except OSError as error:
        return refused(f"{error.filename or order['folder']}: {error.strerror}")
    return become(order["argv"], order["env"])


def print_to(path: str, descriptors: tuple[int, ...]) -> None:
    """Let what is printed go to the box's socket."""
    with socket.socket(socket.AF_UNIX) as box:
        box.connect(path)
        for descriptor in descriptors:
            os.dup2(box.fileno(), descriptor)


def empty(folder: str) -> None:
    """Remove what an earlier build left."""
    if not os.path.isdir(folder):
        return
    with os.scandir(folder) as entries:
        for entry in list(entries):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path, onerror=open_up)
            else:
                os.unlink(entry.path)


def open_up(function: Callable[[str], object], path: str, error: object) -> None:
    """Some tools keep folders that even their owner may not write to."""
    os.chmod(os.path.dirname(path), 0o700)
    os.chmod(path, 0o700)
    function(path)


def become(argv: list[str], env: dict[str, str]) -> int:
    """Turn into the command; gives an exit status only if that fails."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for ignored in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and what is ignored stays so
        signal.signal(ignored, signal.SIG_DFL)
    os.environ["PATH"] = env.get("PATH", os.defpath)
    try:
        os.execvpe(argv[0], argv, env)  # noqa: S606 - no shell is the point
    except FileNotFoundError:
        refused(f"{argv[0]}: there is no such program")
        return NOT_FOUND
    except OSError as error:
        return refused(f"{argv[0]}: cannot be run: {error.strerror}")


def refused(why: str) -> int:
    """Say why nothing was run."""
    os.write(2, f"{why}\n".encode(errors="replace"))
    return CANNOT_RUN


if __name__ == "__main__":
    sys.exit(main())

"""The command line without the third of a second that an interpreter and its imports take: a process that has imported
everything forks one for each command, which is given the caller's arguments, environment, folder and open files.

`python -m tests.docs.quick SOCKET` serves; the program that `write_command` writes is what the shell finds on its PATH.
With `PLAIN` in the environment that program is an interpreter of its own, for commands that need their terminal.
"""

from __future__ import annotations

import importlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Final, NoReturn

from tests.house.tree import ROOT

_CALLER: Final = """\
#!{python} -IS
import os, socket, sys
if "PLAIN" in os.environ:
    os.execv({python!r}, [{python!r}, "-m", "nanoscale_box", *sys.argv[1:]])
told = [str(len(sys.argv) - 1), *sys.argv[1:], os.getcwd(), *(f"{{k}}={{v}}" for k, v in os.environ.items())]
body = "\\0".join(told).encode("utf-8", "surrogateescape")
with socket.socket(socket.AF_UNIX) as door:
    door.connect({door!r})
    socket.send_fds(door, [len(body).to_bytes(4, "big")], [0, 1, 2])
    door.sendall(body)
    status = door.recv(1)
sys.exit(status[0] if status else 70)
"""
_IMPORTED: Final = ("cli.main", "cli.printing", "client.box_client", "client.errors", "wire.shapes", "__main__")


def write_command(path: Path, door: Path) -> None:
    """The program that hands its command line to the process behind the door."""
    path.write_text(_CALLER.format(python=sys.executable, door=str(door)))
    path.chmod(0o755)


def main(door: str) -> NoReturn:
    """Serve until ended."""
    for name in (*_IMPORTED, *(f"cli.{path.stem}" for path in (ROOT / "nanoscale_box" / "cli").glob("[a-z]*.py"))):
        importlib.import_module(f"nanoscale_box.{name}")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(door)
        listening.listen(16)
        print("ready", flush=True)
        while True:
            caller, _ = listening.accept()
            with caller:
                if os.fork() == 0:
                    listening.close()
                    _carry_out(caller)


def _carry_out(caller: socket.socket) -> NoReturn:
    """Become the command; the caller is told its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    size, files, _, _ = socket.recv_fds(caller, 4, 3)
    body = b""
    while len(body) < int.from_bytes(size, "big"):
        body += caller.recv(65536)
    count, *words = body.decode("utf-8", "surrogateescape").split("\0")
    arguments, folder, environ = words[: int(count)], words[int(count)], words[int(count) + 1 :]
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", buffering=1)  # noqa: SIM115 - for good
    os.chdir(folder)
    os.environ.clear()
    os.environ.update({entry.partition("=")[0]: entry.partition("=")[2] for entry in environ})
    status = _status(arguments)
    caller.sendall(bytes([status]))
    os._exit(status)


def _status(arguments: list[str]) -> int:
    """What a program that is this command would end with; what it raises ends this process with a traceback."""
    from nanoscale_box.__main__ import main as nanoscale_box

    try:
        status: object = nanoscale_box(arguments)
    except SystemExit as ended:
        status = ended.code
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    return status if isinstance(status, int) else int(status is not None)


if __name__ == "__main__":
    main(sys.argv[1])

"""The machine around the terminal: a browser if there is one, and whether it is reached over SSH."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import urlsplit


def opener(environ: Mapping[str, str]) -> str | None:
    """The program that opens a page in a graphical browser; None where there is no screen to open it on."""
    if sys.platform == "darwin":
        return shutil.which("open")
    if not (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")) or over_ssh(environ):
        return None
    return shutil.which("xdg-open", path=environ.get("PATH"))


def browse(url: str, environ: Mapping[str, str]) -> bool:
    """Open a web page; False when there is no browser, or it is no web page."""
    program = opener(environ)
    if program is None or urlsplit(url).scheme not in {"http", "https"}:
        return False
    try:
        subprocess.Popen(
            [program, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    return True


def over_ssh(environ: Mapping[str, str]) -> bool:
    """Whether the person sits at another machine."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def tunnel(url: str, environ: Mapping[str, str]) -> str | None:
    """The command that makes a page of this machine's own reachable from the machine one sits at; None: it is."""
    parts = urlsplit(url)
    if not over_ssh(environ) or parts.hostname not in {"127.0.0.1", "localhost", "::1"} or parts.port is None:
        return None
    address = environ.get("SSH_CONNECTION", "").split(" ")
    host = address[2] if len(address) == 4 else "THIS-MACHINE"
    user = environ.get("USER") or environ.get("LOGNAME")
    return f"ssh -L {parts.port}:127.0.0.1:{parts.port} {f'{user}@' if user else ''}{host}"

"""The machine around the terminal: a browser if there is one, and whether it is reached over SSH."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping


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
    if program is None or not url.startswith(("http://", "https://")):
        return False
    try:
        started = subprocess.Popen(
            [program, url],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return False
    # Some openers live as long as the browser; somebody has to see them end.
    threading.Thread(target=started.wait, daemon=True).start()
    return True


def over_ssh(environ: Mapping[str, str]) -> bool:
    """Whether the person sits at another machine."""
    return bool(environ.get("SSH_CONNECTION") or environ.get("SSH_TTY"))


def tunnel(url: str, environ: Mapping[str, str]) -> str | None:
    """The command that makes a page of this machine's own reachable from the machine one sits at; None: it is."""
    near = re.match(r"http://(?:127\.0\.0\.1|localhost|\[::1\]):(\d{1,5})/", url)
    if near is None or not over_ssh(environ):
        return None
    address = environ.get("SSH_CONNECTION", "").split(" ")
    host = address[2] if len(address) == 4 else "THIS-MACHINE"
    user = environ.get("USER") or environ.get("LOGNAME")
    return f"ssh -L {near[1]}:127.0.0.1:{near[1]} {f'{user}@' if user else ''}{host}"

"""Where home and socket are by default: pure, because the daemon and its clients must agree without asking each
other."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

SOCKET_NAME: Final = "box.sock"
SERVICE_SOCKET: Final = Path("/run/nanoscale-box") / SOCKET_NAME
SERVICE_HOME: Final = Path("/var/lib/nanoscale-box")


def default_home(environ: Mapping[str, str]) -> Path:
    """`NANOSCALE_HOME`, else systemd's state directory, else the XDG data directory."""
    if told := environ.get("NANOSCALE_HOME"):
        return Path(told)
    if state := environ.get("STATE_DIRECTORY"):
        return Path(state.split(":")[0])
    return _xdg(environ, "XDG_DATA_HOME", ".local/share") / "nanoscale-box"


def default_socket(environ: Mapping[str, str]) -> Path:
    """`NANOSCALE_SOCKET`, else systemd's runtime directory, else the XDG runtime directory, else below the home."""
    if told := environ.get("NANOSCALE_SOCKET"):
        return Path(told)
    if runtime := environ.get("RUNTIME_DIRECTORY"):
        return Path(runtime.split(":")[0]) / SOCKET_NAME
    return _own_socket(environ)


def socket_candidates(environ: Mapping[str, str]) -> list[Path]:
    """Where a face looks for the daemon, in order; a socket that was told is the only candidate."""
    if told := environ.get("NANOSCALE_SOCKET"):
        return [Path(told)]
    return [_own_socket(environ), SERVICE_SOCKET]


def _own_socket(environ: Mapping[str, str]) -> Path:
    if runtime := environ.get("XDG_RUNTIME_DIR"):
        return Path(runtime) / "nanoscale-box" / SOCKET_NAME
    return default_home(environ) / SOCKET_NAME


def _xdg(environ: Mapping[str, str], variable: str, below_home: str) -> Path:
    told = environ.get(variable, "")
    return Path(told) if told.startswith("/") else Path(environ.get("HOME") or "/root") / below_home

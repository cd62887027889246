"""The local door's socket file: made private from its first moment, and never taken from a box that is alive."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.core.errors import Code, ConfigurationError

# sockaddr_un holds 108 bytes, the last of them NUL.
_MAX_PATH: Final = 107


@dataclass(frozen=True, slots=True, kw_only=True)
class BoundSocket:
    """A socket and the file by which it is found."""

    listening: socket.socket
    path: Path
    inode: int

    def remove(self) -> None:
        """Remove the file, unless another box has put its own there since."""
        try:
            ours = os.lstat(self.path).st_ino == self.inode
        except FileNotFoundError:
            return
        if ours:
            self.path.unlink(missing_ok=True)


def bind_socket(path: Path, group: int | None) -> BoundSocket:
    """A bound socket file; one left behind by a box that ended is removed, one that answers is not."""
    if len(os.fsencode(path)) > _MAX_PATH:
        hint = "set NANOSCALE_SOCKET to a shorter path"
        raise ConfigurationError(Code.CONFIGURATION, f"the socket's path is longer than {_MAX_PATH} bytes", hint=hint)
    try:
        path.parent.mkdir(mode=0o700 if group is None else 0o750, parents=True, exist_ok=True)
        _clear_stale(path)
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # From its first moment nobody else may connect; umask is the process's, so nothing may await in between.
        before = os.umask(0o177)
        try:
            listening.bind(str(path))
        finally:
            os.umask(before)
        if group is not None:
            if path.stat().st_gid != group:
                os.chown(path, -1, group)
            path.chmod(0o660)
    except OSError as refused:
        raise ConfigurationError(
            Code.CONFIGURATION,
            f"the socket {path} cannot be made: {refused.strerror}",
            hint="set NANOSCALE_SOCKET to a path in a folder that belongs to you",
        ) from refused
    return BoundSocket(listening=listening, path=path, inode=os.lstat(path).st_ino)


def _clear_stale(path: Path) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        hint = "move it away, or set NANOSCALE_SOCKET to another path"
        raise ConfigurationError(Code.CONFIGURATION, f"{path} is there already and is not a socket", hint=hint)
    if _answers(path):
        hint = "use that one, or give this one its own NANOSCALE_HOME and NANOSCALE_SOCKET"
        raise ConfigurationError(Code.HOME_LOCKED, f"another box answers at {path}", hint=hint)
    path.unlink(missing_ok=True)


def _answers(path: Path) -> bool:
    """Whether somebody listens there; one too busy to accept counts."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        try:
            probe.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except TimeoutError:
            return True
    return True

"""The home is held by one process at a time."""

from __future__ import annotations

import fcntl
import os
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path

from nanoscale_box.core.errors import Code, ConfigurationError


def hold_home(home: Path, stack: ExitStack | AsyncExitStack) -> None:
    """Lock the home for this process; the kernel lets go of it however the process ends."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ConfigurationError(
            Code.CONFIGURATION,
            f"NANOSCALE_HOME ({home}) cannot be used: {error.strerror}",
            hint="set NANOSCALE_HOME to a folder of your own",
        ) from error
    stack.callback(os.close, handle)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 32, 0).decode("ascii", "replace").strip() or "another process"
        raise ConfigurationError(
            Code.HOME_LOCKED,
            f"the box at {home} is running already (process {holder})",
            hint="use that one, or set NANOSCALE_HOME and NANOSCALE_SOCKET for a second box",
        ) from None
    os.ftruncate(handle, 0)
    os.pwrite(handle, str(os.getpid()).encode(), 0)

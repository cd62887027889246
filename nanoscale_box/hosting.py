"""Opens the terminal UI on a daemon of its own, in the same event loop, where none answers."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from nanoscale_box.adapters.journal import open_journal
from nanoscale_box.adapters.private import PrivateNames
from nanoscale_box.config import Settings, read_settings
from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.daemon import running
from nanoscale_box.tui.app import attach


def host_tui(environ: Mapping[str, str]) -> int:
    """Give the exit status; the daemon's log goes to a file while the screen is the TUI's."""
    os.umask(0o077)
    try:
        return asyncio.run(_host(read_settings(environ), environ))
    except ConfigurationError as error:
        sys.stderr.write(f"nanoscale-box: {error.detail}\n  {error.hint}\n")
        return 78 if error.code is Code.CONFIGURATION else 1


async def _host(settings: Settings, environ: Mapping[str, str]) -> int:
    settings.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    log: Path = settings.home / "box.log"
    with log.open("a", encoding="utf-8") as stream:
        private = PrivateNames()
        open_journal(stream=stream, as_json=settings.log_as_json, private=private)
        async with running(settings, private) as daemon:
            status = await attach(daemon.socket, parting="", environ=environ)
    sys.stderr.write(
        "The box has stopped with the terminal UI; apps go on. Keep it running with: nanoscale-box serve\n"
    )
    return status

"""Where a crash of the terminal UI is written down, so that the terminal itself shows one sentence."""

from __future__ import annotations

import os
import tempfile
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from nanoscale_box.core.text import inert, redact
from nanoscale_box.places import default_home

_LIMIT = 100_000


def note_crash(error: BaseException, environ: Mapping[str, str]) -> Path | None:
    """Add the error to `tui.log` in the box's home, or in the folder for temporary files where that cannot be
    written; the file, or None."""
    text = "".join(traceback.format_exception(error))
    record = f"{datetime.now(UTC).isoformat()} {redact(inert(text, limit=_LIMIT, lines=True))}\n"
    for folder in (default_home(environ), Path(tempfile.gettempdir())):
        path = folder / "tui.log"
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # O_NOFOLLOW: nobody else's link in the folder for temporary files is followed.
            handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            with open(handle, "a", encoding="utf-8") as stream:
                stream.write(record)
        except OSError:
            continue
        return path
    return None

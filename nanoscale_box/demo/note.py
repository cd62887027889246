"""How `demo push` in another terminal finds the running demo: a small file that only its owner can write."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Where the running demo answers."""

    sandbox_url: str
    socket: str
    ingress_port: int

    def leave(self) -> Callable[[], None]:
        """Write the note; give what removes it."""
        path = _path()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)
        return partial(_remove, path)


def find() -> Note | None:
    """The running demo's note; None when there is no demo, or the note is not one's own."""
    path = _path()
    try:
        if path.parent.stat().st_uid != os.getuid():
            return None
        return Note(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None


def _path() -> Path:
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    base = Path(runtime) if runtime else Path(tempfile.gettempdir())
    return base / f"nanoscale-box-demo-of-{os.getuid()}" / "demo.json"


def _remove(path: Path) -> None:
    path.unlink(missing_ok=True)
    try:
        path.parent.rmdir()
    except OSError:
        return

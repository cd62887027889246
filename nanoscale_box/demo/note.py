"""How `demo push` in another terminal finds the running demo: a small file that only its owner can write."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """Where the running demo answers."""

    sandbox_url: str
    socket: str
    ingress_port: int

    @contextmanager
    def left(self) -> Iterator[None]:
        """Leave the note while the block runs, under the number of this process, so that two demos do not take each
        other's. `OSError` when the folder for it cannot be one's own."""
        folder = _folder()
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_own(folder):
            raise PermissionError(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
        path = folder / f"{os.getpid()}.json"
        fresh = path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self)))
        fresh.replace(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
            with suppress(OSError):  # another demo's note is in it
                folder.rmdir()


def find() -> Note | None:
    """The note of the demo that was started last and runs; None when there is none of one's own."""
    folder = _folder()
    if not folder.is_dir() or not _is_own(folder):
        return None
    running = [path for path in folder.glob("*.json") if Path(f"/proc/{path.stem}").exists()]
    for path in sorted(running, key=lambda path: path.stat().st_mtime, reverse=True):
        with suppress(OSError, ValueError, TypeError):
            return Note(**json.loads(path.read_text()))
    return None


def _folder() -> Path:
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    base = runtime if os.access(runtime, os.W_OK) else Path(tempfile.gettempdir())
    return base / f"nanoscale-box-demo-of-{os.getuid()}"


def _is_own(folder: Path) -> bool:
    return folder.lstat().st_uid == os.getuid()

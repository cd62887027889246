"""Removes folders whatever builds made of them: read-only, thousands of levels deep, full of links."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path

from nanoscale_box.adapters.folders import private_folder


class Remover:
    """Removes one folder after the other. A folder is gone at once, by a rename; what a crash left half removed goes
    next time. The trash is its own: two that put away the same piles would pull them from under each other."""

    def __init__(self, trash: Path) -> None:
        self._trash = trash
        self._lock = asyncio.Lock()

    async def remove(self, *folders: Path) -> None:
        """Remove the folders, or files, that are there; links are removed and never followed."""
        async with self._lock:
            await asyncio.to_thread(self._remove, folders)

    def _remove(self, folders: tuple[Path, ...]) -> None:
        private_folder(self._trash)
        for folder in folders:
            if os.path.lexists(folder):
                pile = tempfile.mkdtemp(dir=self._trash)
                _move(folder, os.path.join(pile, "0"))
        for pile in os.listdir(self._trash):
            _clear(os.path.join(self._trash, pile))


def _clear(pile: str) -> None:
    """Remove a folder by bringing every folder in it up to its first level, so no path grows long and nothing
    recurses."""
    numbers = iter(range(10**9))
    taken = set(os.listdir(pile))
    todo = [os.path.join(pile, name) for name in taken]
    while todo:
        at = todo.pop()
        if os.path.islink(at) or not os.path.isdir(at):
            os.unlink(at)
            continue
        os.chmod(at, 0o700)
        with os.scandir(at) as entries:
            found = list(entries)
        for entry in found:
            if entry.is_dir(follow_symlinks=False):
                name = next(name for name in map(str, numbers) if name not in taken)
                todo.append(_move(entry.path, os.path.join(pile, name)))
            else:
                os.unlink(entry.path)
        os.rmdir(at)
    os.rmdir(pile)


def _move(source: str | Path, target: str) -> str:
    """A folder must be writable itself to be moved to another one."""
    if os.path.isdir(source) and not os.path.islink(source):
        os.chmod(source, 0o700)
    os.rename(source, target)
    return target

"""Makes backups of a running box: the database as it is at one moment, the settings file, the table of routes, and the
keys only under a passphrase."""

from __future__ import annotations

import asyncio
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box import __version__
from nanoscale_box.adapters.archive import DATABASE, KEYS, ROUTES, SETTINGS, Manifest, pack
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.vault import Vault
from nanoscale_box.adapters.vault_lock import lock_keys
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Clock
from nanoscale_box.store.snapshots import copy_database

_MAKING: Final = "backup-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backups:
    """Backups of the box at one home."""

    folders: Folders
    vault: Vault
    clock: Clock
    settings_file: Path

    async def make(self, passphrase: Secret | None) -> Path:
        """A backup in a folder of its own below the home, which `done` removes. Keys go in only with a passphrase."""
        return await asyncio.to_thread(self._make, passphrase)

    async def done(self, made: Path) -> None:
        """It was handed on."""
        await asyncio.to_thread(_remove, made.parent)

    def _make(self, passphrase: Secret | None) -> Path:
        folder = Path(tempfile.mkdtemp(prefix=_MAKING, dir=self.folders.home))
        try:
            locked = {KEYS: lock_keys(self.vault.keys, passphrase)} if passphrase else {}
            copy_database(self.folders.home / DATABASE, folder / DATABASE)
            manifest = Manifest(version=__version__, made_at=self.clock.now(), keys=tuple(self.vault.ids()))
            pack(folder / "backup.tar.gz", manifest, self._files(folder), locked)
        except BaseException:
            _remove(folder)
            raise
        return folder / "backup.tar.gz"

    def _files(self, folder: Path) -> dict[str, Path]:
        found = {DATABASE: folder / DATABASE}
        if self.settings_file.is_file():
            found[SETTINGS] = self.settings_file
        if self.folders.routes.is_dir():
            found |= {f"{ROUTES}/{path.name}": path for path in self.folders.routes.iterdir() if path.is_file()}
        return found


def _remove(folder: Path) -> None:
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()

"""The file a backup is: a compressed tar of a handful of files by fixed names, unpacked without trusting it."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from nanoscale_box.core.errors import Code, ConfigurationError

MANIFEST: Final = "manifest.json"
DATABASE: Final = "box.db"
SETTINGS: Final = "settings.env"
KEYS: Final = "keys.locked"
ROUTES: Final = "routes"

_FORMAT: Final = 1
_PLAIN: Final = re.compile(rf"{MANIFEST}|{re.escape(DATABASE)}|{SETTINGS}|{KEYS}|{ROUTES}/[a-z0-9][a-z0-9.-]{{0,252}}")
_LARGEST: Final = 64 * 1024 * 1024
"""Bytes of any file but the database, which may be as large as the disk has room for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup says of itself."""

    version: str
    made_at: datetime
    keys: tuple[str, ...]
    """The ids of the keys that the box had; the keys themselves only if they are in it, locked."""


def pack(target: Path, manifest: Manifest, files: Mapping[str, Path], texts: Mapping[str, bytes]) -> None:
    """Write a backup of files and texts, each under its name, to a new file that only its owner can read."""
    said = {
        "format": _FORMAT,
        "version": manifest.version,
        "made_at": manifest.made_at.isoformat(),
        "keys": list(manifest.keys),
    }
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as stream, tarfile.open(fileobj=stream, mode="w:gz", compresslevel=3) as tar:
        for name, content in {MANIFEST: json.dumps(said).encode(), **texts}.items():
            tar.addfile(_member(name, len(content)), io.BytesIO(content))
        for name, path in files.items():
            with path.open("rb") as source:
                tar.addfile(_member(name, os.fstat(source.fileno()).st_size), source)


def unpack(source: Path, folder: Path) -> Manifest:
    """Put a backup's files into an empty folder; `ConfigurationError` for anything else than a backup."""
    try:
        with tarfile.open(source, mode="r:gz") as tar:
            for member in tar:
                if not member.isfile() or not _PLAIN.fullmatch(member.name):
                    raise _no_backup(source, f"it holds {member.name[:80]!r}")
                if member.name != DATABASE and member.size > _LARGEST:
                    raise _no_backup(source, f"{member.name} in it is too large")
                _take(tar, member, folder / member.name)
        said = json.loads((folder / MANIFEST).read_bytes())
        if said["format"] != _FORMAT:
            raise _no_backup(source, f"it is of format {said['format']}, and this version reads {_FORMAT}")
        return Manifest(
            version=str(said["version"]),
            made_at=datetime.fromisoformat(said["made_at"]),
            keys=tuple(map(str, said["keys"])),
        )
    except (tarfile.TarError, EOFError, ValueError, KeyError, TypeError, FileNotFoundError) as error:
        raise _no_backup(source, f"it cannot be read ({error})") from error


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o600
    return member


def _take(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    target.parent.mkdir(mode=0o700, exist_ok=True)
    content = tar.extractfile(member)
    descriptor = os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        if content:
            shutil.copyfileobj(content, file)
        file.flush()
        os.fsync(file.fileno())


def _no_backup(source: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        Code.CONFIGURATION, f"{source} is not a backup of a box: {why}", hint="give a file that `backup` made"
    )

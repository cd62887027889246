"""The database file before it is opened: ours, not too new, and for no one else to read."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import quote

from nanoscale_box.store.failures import foreign, too_new, unopened

APPLICATION: Final = 0x6E616E6F
"""Set by the first migration; tells the box's database from any other."""

_SMALLEST: Final = 512
"""Bytes of SQLite's smallest page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What a database says of itself."""

    version: int
    application: int
    tables: int


HEADER: Final = (
    "SELECT (SELECT user_version FROM pragma_user_version), (SELECT application_id FROM pragma_application_id),"
    " (SELECT count(*) FROM sqlite_master)"
)


def migrations() -> list[str]:
    """The numbered scripts in order; the first makes schema 1 out of nothing."""
    folder = resources.files("nanoscale_box.store") / "migrations"
    scripts = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [script.read_text(encoding="utf-8") for script in scripts]


def check(path: Path, header: Header, known: int) -> None:
    """Refuse a database of another program, or of a newer one of ours."""
    if header.application != APPLICATION and (header.tables or header.version):
        raise foreign(path)
    if header.version > known:
        raise too_new(path, header.version, known)


def prepare(path: Path, known: int) -> None:
    """See that there is a file that may be opened, readable by its owner alone; a refused one is left as it is."""
    try:
        if path.exists():
            _examine(path, known)
            for name in (path, _beside(path, "-wal"), _beside(path, "-shm")):
                if name.exists():
                    name.chmod(0o600)
        else:
            _create(path)
    except (OSError, sqlite3.Error) as error:
        if getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise foreign(path) from error
        raise unopened(path, error) from error


def address(path: Path, how: str) -> str:
    """The file as SQLite's URI."""
    return f"file:{quote(str(path))}?{how}"


def _examine(path: Path, known: int) -> None:
    """Read the header in ways that make no file and write none."""
    if 0 < path.stat().st_size < _SMALLEST:
        raise foreign(path)  # SQLite would take it for an empty database and write over it.
    journal, log = _beside(path, "-journal"), _beside(path, "-wal")
    if journal.exists():
        return  # An interrupted first start: opening it for good undoes that first, and looks again.
    # `immutable` reads the file alone; a log that was left behind may hold a newer header than the file.
    how = "mode=ro" if log.exists() and log.stat().st_size else "immutable=1"
    with closing(sqlite3.connect(address(path, how), uri=True)) as connection:
        version, application, tables = connection.execute(HEADER).fetchone()
    check(path, Header(version=version, application=application, tables=tables), known)


def _create(path: Path) -> None:
    """SQLite gives its other files the mode of this one; `fchmod`, for the umask may take bits away."""
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(file, 0o600)
    finally:
        os.close(file)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _beside(path: Path, ending: str) -> Path:
    return path.with_name(path.name + ending)

"""Whole copies of the database: made while the box writes, and looked at before they are trusted."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from nanoscale_box.core.errors import Code, ConfigurationError, Fault, Unavailable
from nanoscale_box.store.failures import foreign, too_new
from nanoscale_box.store.opening import APPLICATION, HEADER, address, migrations


def copy_database(source: Path, target: Path) -> None:
    """Write a copy of `source` as it is at one moment to `target`, which must not be there; writers are not held up."""
    try:
        with closing(sqlite3.connect(address(source, "mode=ro"), uri=True, timeout=10)) as connection:
            connection.execute("VACUUM INTO ?", (str(target),))
    except sqlite3.Error as error:
        full = error.sqlite_errorname == "SQLITE_FULL"
        raise Unavailable(
            Code.DISK_FULL if full else Code.STORE_UNAVAILABLE,
            f"the database could not be copied: {error}",
            hint="see that the disk has room for a second copy of the database",
            fault=Fault.OWNER,
        ) from error


def check_copy(path: Path) -> None:
    """Return when a copy is whole; `ConfigurationError` when it is damaged, foreign or of a newer box."""
    try:
        with closing(sqlite3.connect(address(path, "mode=ro&immutable=1"), uri=True)) as connection:
            version, application, _ = connection.execute(HEADER).fetchone()
            (verdict,) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        raise foreign(path) from error
    if application != APPLICATION:
        raise foreign(path)
    if version > len(migrations()):
        raise too_new(path, version, len(migrations()))
    if verdict != "ok":
        raise ConfigurationError(
            Code.CONFIGURATION, f"the backup's database is damaged: {verdict}", hint="restore an older backup"
        )

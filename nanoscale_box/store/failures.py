"""What SQLite's errors mean for the owner."""

from __future__ import annotations

import sqlite3
from typing import Final

from nanoscale_box.core.errors import (
    BoxError,
    Code,
    ConfigurationError,
    Conflict,
    Fault,
    Invalid,
    NotFound,
    Unavailable,
)

_FULL: Final = frozenset({"SQLITE_FULL", "SQLITE_IOERR_SHMSIZE"})
_BUSY: Final = frozenset({"SQLITE_BUSY", "SQLITE_LOCKED"})
_UNFIT: Final = _BUSY | {
    "SQLITE_CANTOPEN", "SQLITE_CORRUPT", "SQLITE_FULL", "SQLITE_IOERR", "SQLITE_NOMEM", "SQLITE_NOTADB",
    "SQLITE_PERM", "SQLITE_PROTOCOL", "SQLITE_READONLY",
}  # fmt: skip
_HALF_STATES: Final = "the project has another deployment that is queued, running or live already"
_TAKEN: Final[dict[str, tuple[Code, str]]] = {
    "projects.name": (Code.NAME_TAKEN, "there is a project of that name already: choose another name"),
    "project_hosts.host": (Code.NAME_TAKEN, "one of the hosts is in use already: choose another"),
    "api_tokens.name": (Code.NAME_TAKEN, "there is a token of that name already: choose another name"),
    "deployments.project_id": (Code.STATE_CONFLICT, _HALF_STATES),
    "github_webhook_deliveries.delivery_id": (Code.DELIVERY_CONFLICT, "a delivery with this id is recorded already"),
}


def _name(error: sqlite3.Error) -> str:
    """SQLite's name of the error; empty when it comes from the Python module itself."""
    name: str = getattr(error, "sqlite_errorname", "")
    return name


def unfit(error: sqlite3.Error) -> bool:
    """Whether the database failed (disk, lock, file), and not the statement."""
    return _name(error) in _FULL or any(_name(error).startswith(name) for name in _UNFIT)


def told(error: sqlite3.Error) -> Exception:
    """The box's error for SQLite's; a mistake of the program stays what it is."""
    name = _name(error)
    if unfit(error):
        return unavailable(error)
    if name in {"SQLITE_CONSTRAINT_UNIQUE", "SQLITE_CONSTRAINT_PRIMARYKEY"}:
        code, sentence = _TAKEN.get(
            str(error).removeprefix("UNIQUE constraint failed: "),
            (Code.STATE_CONFLICT, f"that is recorded already ({error})"),
        )
        return Conflict(code, sentence)
    if name == "SQLITE_CONSTRAINT_FOREIGNKEY":
        return NotFound(Code.NOT_FOUND, "what this belongs to is not there any more")
    if name.startswith("SQLITE_CONSTRAINT"):
        return Invalid(Code.INVALID, f"a value does not fit where it is kept ({error})")
    if name == "SQLITE_TOOBIG" or isinstance(error, sqlite3.DataError):
        return Invalid(Code.INVALID, "a text is too long to be kept")
    return error


def unavailable(error: sqlite3.Error) -> Unavailable:
    """The sentence for a database that cannot do its work now."""
    name = _name(error)
    if name in _FULL:
        return Unavailable(
            Code.DISK_FULL,
            "the disk is full, so nothing can be recorded",
            hint="free some space on the disk that holds the box's home; the box goes on by itself",
            fault=Fault.BOX,
        )
    if any(name.startswith(busy) for busy in _BUSY):
        return Unavailable(
            Code.STORE_UNAVAILABLE,
            "another program holds the box's database",
            hint="end the program that has the database open; the box goes on by itself",
            fault=Fault.BOX,
        )
    return Unavailable(
        Code.STORE_UNAVAILABLE,
        f"the box's database cannot be used: {error}",
        hint="look at the disk and at the permissions of the box's home",
        fault=Fault.BOX,
    )


def closed() -> Unavailable:
    """The answer to work that comes after the end."""
    return Unavailable(
        Code.SHUTTING_DOWN, "the box is shutting down", hint="try again when it has started", fault=Fault.BOX
    )


def too_new(path: object, found: int, known: int) -> ConfigurationError:
    """The database was made by a later program."""
    return ConfigurationError(
        Code.STORE_TOO_NEW,
        f"the database {path} has schema {found}, and this program knows only up to {known}",
        hint="start the newer nanoscale-box that made it, or restore a backup from before the upgrade",
    )


def foreign(path: object) -> ConfigurationError:
    """The file is something else."""
    return ConfigurationError(
        Code.STORE_UNAVAILABLE,
        f"{path} is not a database of nanoscale-box",
        hint="move the file away to begin anew, or restore a backup",
    )


def unopened(path: object, error: OSError | sqlite3.Error) -> BoxError:
    """The file could not be opened; a full disk is told as one."""
    if isinstance(error, sqlite3.Error) and _name(error) in _FULL:
        return unavailable(error)
    return ConfigurationError(
        Code.STORE_UNAVAILABLE,
        f"the database {path} cannot be opened: {getattr(error, 'strerror', None) or error}",
        hint="see that the box's home is there and belongs to the user the box runs as",
    )

"""`backup`, and how a passphrase is come by."""

from __future__ import annotations

import getpass
import os
import re
import sys
from argparse import Namespace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from nanoscale_box.cli.mistakes import FAILED, Mistake
from nanoscale_box.cli.printing import Printer
from nanoscale_box.client.box_client import BoxClient

_NAME: Final = "nanoscale-box-{:%Y%m%dT%H%M%SZ}.tar.gz"
_OURS: Final = re.compile(r"nanoscale-box-\d{8}T\d{6}Z\.tar\.gz")


def check_backup(options: Namespace) -> None:
    """Settle where to and with what passphrase before the box is asked."""
    folder = options.file != "-" and (options.file.endswith("/") or Path(options.file).is_dir())
    if options.keep is not None and (not folder or options.keep < 1):
        raise Mistake("--keep is for a folder, and at least 1", "give a folder that holds nothing but backups")
    options.target = Path(options.file) / _NAME.format(datetime.now(UTC)) if folder else Path(options.file)
    options.passphrase = read_passphrase(options.passphrase_file, twice=True) if options.keys else None


async def backup(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Write it beside its place and move it there when it is whole."""
    if options.file == "-":
        await client.backup(sys.stdout.buffer, options.passphrase)
        return 0
    target: Path = options.target
    part = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                await client.backup(file, options.passphrase)
                file.flush()
                os.fsync(file.fileno())
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise Mistake(f"{target} cannot be written: {error.strerror}", "choose another place", status=FAILED) from error
    if options.keep is not None:
        _trim(target.parent, options.keep)
    if options.json:
        printer.data({"file": str(target), "keys": bool(options.passphrase)})
    else:
        keys = "with the keys, locked" if options.passphrase else "without the keys: keep a copy of their file"
        printer.talk(f"Saved to {target}, {keys}. Prove it: nanoscale-box restore --verify {target}")
    return 0


def read_passphrase(file: str | None, *, twice: bool = False) -> str:
    """The passphrase, from a file or asked for on the terminal."""
    if file is not None:
        try:
            return Path(file).read_text("utf-8").rstrip("\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Mistake(f"{file} cannot be read: {error}", "give a file with the passphrase in it") from error
    if not sys.stdin.isatty():
        raise Mistake("there is no terminal to ask for the passphrase", "give --passphrase-file FILE")
    given = getpass.getpass("Passphrase: ")
    if twice and getpass.getpass("Again: ") != given:
        raise Mistake("the two are not the same", "run it again")
    return given


def _trim(folder: Path, keep: int) -> None:
    """Of our own files only; their names sort by time."""
    ours = sorted(path for path in folder.iterdir() if _OURS.fullmatch(path.name))
    for old in ours[:-keep]:
        old.unlink()

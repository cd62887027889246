"""What a program did to a folder's files, and what it said meanwhile, in the order in which it happened: read from
`strace`."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from tests.needs import lacking, needs

CALLS: Final = "pwrite64,ftruncate,fsync,fdatasync,unlink,sendto,sendmsg"
"""SQLite writes with `pwrite64` alone; what goes out over a socket goes by the last two."""
_LINE: Final = re.compile(rb"^(\d+)\s+(\w+)\((.*)$")
_RESUMED: Final = re.compile(rb"^(\d+)\s+<\.\.\. (?:fsync|fdatasync) resumed>.*= 0$")
_TEXT: Final = re.compile(rb'"((?:\\x[0-9a-f]{2})*)"')
_PLACE: Final = re.compile(rb"^\d+<((?:\\x[0-9a-f]{2})*)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """Bytes written at a place of a file."""

    name: str
    offset: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Truncate:
    """A file cut, or grown, to a size."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sync:
    """A file's content is on disk from now on; the folder's own name is empty, and its content are the names."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Unlink:
    """A name that is gone."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """Bytes that left over a socket."""

    data: bytes


Event = Write | Truncate | Sync | Unlink | Said


def needs_strace() -> None:
    """A strace that this machine lets follow a child."""
    needs("strace")
    if not _follows():
        lacking("This machine's kernel lets no strace follow a child.")


@cache
def _follows() -> bool:
    argv = ["strace", "-D", "-f", "-o", "/dev/null", "true"]
    return subprocess.run(argv, capture_output=True, timeout=20, check=False).returncode == 0


def recorder(output: Path) -> tuple[str, ...]:
    """The words before a command that is to be recorded; the process that is started becomes the command itself."""
    return ("strace", "-D", "-f", "-y", "-xx", "-s", "16777216", "-e", f"trace={CALLS}", "-e", "signal=none",
            "-o", str(output))  # fmt: skip


def read(output: Path, folder: Path) -> Iterator[Event]:
    """The events that concern a folder's own files. A write counts from its beginning, a sync from its end."""
    syncing: dict[bytes, str] = {}
    with output.open("rb") as lines:
        yield from _events(lines, f"{folder.resolve()}/", syncing)


def _events(lines: Iterable[bytes], folder: str, syncing: dict[bytes, str]) -> Iterator[Event]:
    for line in lines:
        if resumed := _RESUMED.match(line.rstrip()):
            if resumed[1] in syncing:
                yield Sync(name=syncing.pop(resumed[1]))
        elif found := _LINE.match(line.rstrip()):
            thread, call, rest = found.groups()
            texts = [_plain(text) for text in _TEXT.findall(rest)]
            if call in (b"sendto", b"sendmsg"):
                yield Said(data=b"".join(texts))
                continue
            name = _name(texts[0] if call == b"unlink" else _place(rest), folder)
            if name is not None and call in (b"fsync", b"fdatasync") and rest.endswith(b"<unfinished ...>"):
                syncing[thread] = name
            elif name is not None:
                yield _event(call, name, texts, rest)


def _event(call: bytes, name: str, texts: list[bytes], rest: bytes) -> Event:
    numbers = re.findall(rb", (-?\d+)", _TEXT.sub(b"", rest).partition(b" = ")[0])
    match call:
        case b"pwrite64":
            return Write(name=name, offset=int(numbers[-1]), data=texts[0])
        case b"ftruncate":
            return Truncate(name=name, size=int(numbers[-1]))
        case b"unlink":
            return Unlink(name=name)
        case _:
            return Sync(name=name)


def _plain(text: bytes) -> bytes:
    return bytes.fromhex(text.replace(b"\\x", b"").decode("ascii"))


def _place(rest: bytes) -> bytes:
    found = _PLACE.match(rest)
    return _plain(found[1]) if found else b""


def _name(path: bytes, folder: str) -> str | None:
    """The name within the folder; empty for the folder itself, None for what lies elsewhere or deeper."""
    text = path.decode(errors="replace")
    if text == folder.rstrip("/"):
        return ""
    name = text.removeprefix(folder)
    return None if name == text or "/" in name else name

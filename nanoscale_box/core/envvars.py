"""Which environment variables an app may be given, and how a .env file is read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from nanoscale_box.core.errors import Code, Invalid
from nanoscale_box.core.text import inert

MAX_VALUE: Final = 64 * 1024
MAX_TOTAL: Final = 512 * 1024
"""Bytes of all names and values together; the kernel takes no single one above 128 KiB."""
_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}")
# What the box itself tells an app; a second voice would break the contract.
_OURS: Final = frozenset({"PORT", "HOST", "DATA_DIR", "HOME", "PATH"})
# What makes a loader, a shell or an interpreter run something before the program that the plan names.
_LOADERS: Final = frozenset(
    {"BASH_ENV", "BASHOPTS", "ENV", "GCONV_PATH", "GLIBC_TUNABLES", "IFS", "LOCPATH", "NLSPATH", "PROMPT_COMMAND",
    "PS4", "PYTHONHOME",
     "PYTHONSTARTUP", "SHELLOPTS"}
)  # fmt: skip
# How systemd and the session talk to a process they start.
_SESSION: Final = frozenset(
    {"CREDENTIALS_DIRECTORY", "DBUS_SESSION_BUS_ADDRESS", "INVOCATION_ID", "JOURNAL_STREAM", "LISTEN_FDNAMES",
    "LISTEN_FDS", "LISTEN_PID",
     "NOTIFY_SOCKET", "WATCHDOG_PID", "WATCHDOG_USEC", "XDG_RUNTIME_DIR"}
)  # fmt: skip
_PREFIXES: Final = ("LD_", "DYLD_", "GIT_", "NANOSCALE_", "BASH_FUNC_")
_ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$"}


def check_env(key: str, value: str) -> None:
    """Return if an app may have this variable. Raises `Invalid` (`invalid_env`), which names the key, never the
    value."""
    if not _KEY.fullmatch(key):
        raise _bad(
            f"{inert(key, limit=60)!r} cannot be a variable's name; use letters, digits and _, with no digit first"
        )
    if key in _OURS:
        raise _bad(f"{key} is set by the box itself")
    if key in _LOADERS or key in _SESSION or key.startswith(_PREFIXES):
        raise _bad(f"{key} changes how programs are loaded or talks to the box, so an app cannot have it")
    if "\0" in value or not _encodes(value):
        raise _bad(f"the value of {key} holds a zero byte or is no valid text")
    if len(value.encode()) > MAX_VALUE:
        raise _bad(f"the value of {key} is larger than {MAX_VALUE // 1024} KiB")


def check_envs(pairs: Iterable[tuple[str, str]]) -> None:
    """Check all variables of an app: each, that none is named twice, and their size together. Raises `Invalid`
    (`invalid_env`)."""
    seen: set[str] = set()
    total = 0
    for key, value in pairs:
        check_env(key, value)
        if key in seen:
            raise _bad(f"{key} is given twice")
        seen.add(key)
        total += len(key) + len(value.encode()) + 2
    if total > MAX_TOTAL:
        raise _bad(f"the variables together are larger than {MAX_TOTAL // 1024} KiB")


def parse_dotenv(text: str) -> list[tuple[str, str]]:
    """Read `KEY=value` lines: `export` before them, comments, and values in quotes, which may span lines. In double
    quotes
    `\\n`, `\\t`, `\\"` and the like count; nothing is ever substituted. Raises `Invalid` (`invalid_env`) naming the
    line."""
    lines = text.removeprefix("\ufeff").replace("\r\n", "\n").split("\n")
    pairs: list[tuple[str, str]] = []
    at = 0
    while at < len(lines):
        line, number = lines[at].lstrip(), at + 1
        at += 1
        if not line or line.startswith("#"):
            continue
        key, equals, rest = line.removeprefix("export ").partition("=")
        if not equals or not _KEY.fullmatch(key.strip()):
            raise _flawed(f"line {number} is not of the form KEY=value")
        rest = rest.lstrip()
        if rest[:1] in {'"', "'"}:
            body, at = _quoted(lines, number, rest)
            pairs.append((key.strip(), body))
        else:
            pairs.append((key.strip(), re.split(r"(?:^|\s)#", rest, maxsplit=1)[0].rstrip()))
    return pairs


def _quoted(lines: list[str], number: int, rest: str) -> tuple[str, int]:
    """The value that opens with a quote in line `number`, and the index of the line after its end."""
    quote = rest[0]
    gathered: list[str] = []
    piece, at = rest[1:], number
    while True:
        value, closed, after = _until(piece, quote)
        gathered.append(value)
        if closed:
            if after.strip() and not after.lstrip().startswith("#"):
                raise _flawed(f"something follows the closing quote in line {at}")
            return "\n".join(gathered), at
        if at >= len(lines):
            raise _flawed(f"the quote that opens in line {number} is never closed")
        piece, at = lines[at], at + 1


def _until(piece: str, quote: str) -> tuple[str, bool, str]:
    """What stands before the closing quote, whether there is one, and what follows it."""
    kept: list[str] = []
    at = 0
    while at < len(piece):
        character = piece[at]
        if character == quote:
            return "".join(kept), True, piece[at + 1 :]
        if character == "\\" and quote == '"' and piece[at + 1 : at + 2] in _ESCAPES:
            kept.append(_ESCAPES[piece[at + 1]])
            at += 2
            continue
        kept.append(character)
        at += 1
    return "".join(kept), False, ""


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _bad(flaw: str) -> Invalid:
    return Invalid(Code.INVALID_ENV, f"this environment variable is refused: {flaw}", hint="rename or shorten it")


def _flawed(flaw: str) -> Invalid:
    return Invalid(Code.INVALID_ENV, flaw, hint="correct that line and try again")

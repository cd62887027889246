"""What the owner chose for the terminal UI: theme, keys, read-only; from flags, the environment and a file, in that
order."""

from __future__ import annotations

import os
import re
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

READ_ONLY: Final = "NANOSCALE_TUI_READ_ONLY"
THEME: Final = "NANOSCALE_TUI_THEME"
VARIABLES: Final = (READ_ONLY, THEME)
"""The face's own variables; the box knows nothing of them. Flags come in as these."""
_YES: Final = frozenset({"1", "yes", "true", "on"})
_LARGEST: Final = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Prefs:
    """`keys` has the keys of actions by their id, several with commas between; `flaws` say what was not understood."""

    file: Path
    theme: str | None = None
    read_only: bool = False
    keys: Mapping[str, str] = field(default_factory=dict)
    flaws: tuple[str, ...] = ()


def prefs_file(environ: Mapping[str, str]) -> Path:
    """`tui.toml` in the XDG configuration directory."""
    told = environ.get("XDG_CONFIG_HOME", "")
    base = Path(told) if told.startswith("/") else Path(environ.get("HOME") or "/root") / ".config"
    return base / "nanoscale-box" / "tui.toml"


def read_prefs(environ: Mapping[str, str]) -> Prefs:
    """Read them; a file that is not understood is told in `flaws`, never an error."""
    file = prefs_file(environ)
    told, flaws = _read(file)
    flaws += [f"{file.name} has no setting {name!r}" for name in told.keys() - {"theme", "read_only", "keys"}]
    theme, read_only, keys = told.get("theme"), told.get("read_only", False), told.get("keys", {})
    if theme is not None and not isinstance(theme, str):
        theme, flaws = None, [*flaws, "theme must be a text"]
    if not isinstance(read_only, bool):
        read_only, flaws = True, [*flaws, "read_only must be true or false; until then nothing is changed from here"]
    if not isinstance(keys, dict):
        keys, flaws = {}, [*flaws, "keys must be a table"]
    bad = [name for name, key in keys.items() if not isinstance(key, str) or not key.strip()]
    flaws += [f"keys: {name} needs a key, as text" for name in bad]
    if given := environ.get(READ_ONLY):
        read_only = given.lower() in _YES
    return Prefs(
        file=file,
        theme=environ.get(THEME) or environ.get("TEXTUAL_THEME") or theme,
        read_only=read_only,
        keys={name: key for name, key in keys.items() if name not in bad},
        flaws=tuple(flaws),
    )


def remember_theme(file: Path, theme: str) -> None:
    """Write the theme into the file and leave all else there as it is. `OSError` where it cannot be written."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        text = ""
    line = f'theme = "{theme}"'
    head, table, rest = text.partition("\n[") if not text.startswith("[") else ("", "", text)
    changed, found = re.subn(r"^theme[ \t]*=.*$", lambda _: line, head, count=1, flags=re.MULTILINE)
    head = changed if found else f"{line}\n{head}"
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=file.parent, prefix=f"{file.name}.")
    with open(handle, "w", encoding="utf-8") as stream:
        stream.write(head + table + rest)
    os.replace(aside, file)


def _read(file: Path) -> tuple[dict[str, object], list[str]]:
    try:
        with file.open("rb") as stream:
            raw = stream.read(_LARGEST)
        return tomllib.loads(raw.decode()), []
    except FileNotFoundError:
        return {}, []
    except (OSError, ValueError, RecursionError) as error:
        return {}, [f"{file.name} cannot be read: {error}"]

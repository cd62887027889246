"""The files that plans are made from, read without trust: TOML, JSON, Procfile; every flaw is a sentence that names
the place."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Final, cast

from nanoscale_box.core.plan_model import Tree, invalid
from nanoscale_box.core.text import inert

MAX_TEXT: Final = 512 * 1024
_PROCESS: Final = re.compile(r"([A-Za-z0-9_-]{1,63})\s*:\s*(\S.*)")


def text_of(tree: Tree, path: str) -> str | None:
    """The content of a file, None when it is not there. Raises `DeployFailed` (`plan_invalid`) when it is too large."""
    text = tree.texts.get(path)
    if text is not None and len(text) > MAX_TEXT:
        raise invalid(f"{path} is larger than {MAX_TEXT // 1024} KiB")
    return text


def toml_of(tree: Tree, path: str) -> Mapping[str, object] | None:
    """A TOML file's tables, None when it is not there."""
    text = text_of(tree, path)
    if text is None:
        return None
    try:
        return tomllib.loads(text.removeprefix("\ufeff").replace("\r\n", "\n"))
    except (ValueError, RecursionError) as why:
        raise invalid(f"{path} cannot be read: {inert(str(why), limit=150)}") from why


def json_of(tree: Tree, path: str) -> Mapping[str, object] | None:
    """A JSON file's object, None when it is not there."""
    text = text_of(tree, path)
    if text is None:
        return None
    try:
        value: object = json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError) as why:
        raise invalid(f"{path} cannot be read: {inert(str(why), limit=150)}") from why
    if not isinstance(value, dict):
        raise invalid(f"{path} must hold an object at its top")
    return cast(Mapping[str, object], value)


def table(values: Mapping[str, object] | None, *names: str) -> Mapping[str, object]:
    """The table at the end of `names`; an empty one when anything on the way is missing or no table."""
    found: object = values
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return cast(Mapping[str, object], found) if isinstance(found, dict) else {}


def string(values: Mapping[str, object], name: str) -> str | None:
    """A string member, None when it is missing or anything else."""
    value = values.get(name)
    return value if isinstance(value, str) else None


def strings(values: Mapping[str, object], name: str) -> tuple[str, ...]:
    """The strings in a list member."""
    value = values.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list) else ()


def procfile(tree: Tree) -> Mapping[str, str] | None:
    """The Procfile's processes by name, None when there is no Procfile."""
    text = text_of(tree, "Procfile")
    if text is None:
        return None
    processes: dict[str, str] = {}
    for number, line in enumerate(text.removeprefix("\ufeff").splitlines(), start=1):
        plain = line.strip()
        if not plain or plain.startswith("#"):
            continue
        found = _PROCESS.fullmatch(plain)
        if found is None:
            raise invalid(f"Procfile, line {number}: it must be like `web: command`")
        if found.group(1) in processes:
            raise invalid(f"Procfile, line {number}: {found.group(1)} is given twice")
        processes[found.group(1)] = found.group(2)
    return processes

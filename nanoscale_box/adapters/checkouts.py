"""Looks at a checkout, which holds what strangers wrote: bounded, and never through a link that leads out of it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from stat import S_ISREG
from typing import Final

from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.model import DataFolder
from nanoscale_box.core.plan import INTERESTING, TOOLS, Plan, Tree
from nanoscale_box.core.text import inert

_MAX_FILES: Final = 20_000
_MAX_DEPTH: Final = 8
_MAX_MEASURED: Final = 200_000
_MAX_TEXT: Final = 1024 * 1024
_SKIPPED: Final = frozenset({".git", "node_modules"})


def inside(checkout: Path, folder: str | None, what: str) -> Path:
    """The folder of a checkout that a person named; `DeployFailed` `plan_invalid` if it is not there or leads out of
    it."""
    found = checkout / (folder or "")
    if not leads_inside(found, checkout) or not found.is_dir():
        raise DeployFailed(
            Code.PLAN_INVALID,
            f"the repository has no folder {inert(folder or '/', limit=100)!r}",
            hint=f"set the {what} to a folder of the repository, or leave it empty",
        )
    return found


def leads_inside(path: Path, folder: Path) -> bool:
    """Whether the path, all links followed, ends within the folder."""
    try:
        return Path(os.path.realpath(path, strict=True)).is_relative_to(os.path.realpath(folder))
    except OSError:
        return False


def tree_of(checkout: Path, work: Path, search_path: str) -> Tree:
    """What planning needs to know."""
    names = frozenset(_names(work))
    texts = {name: text for name in INTERESTING & names if (text := _text(checkout, work / name)) is not None}
    tools = frozenset(tool for tool in TOOLS if shutil.which(tool, path=search_path))
    return Tree(files=names, texts=texts, tools=tools)


def check_output(plan: Plan, work: Path, checkout: Path) -> None:
    """What is to be served must be there, and hold no link to what is not the release's."""
    if plan.output_directory is None:
        return
    site = work / plan.output_directory
    if not site.is_dir() or not leads_inside(site, checkout):
        raise DeployFailed(
            Code.OUTPUT_MISSING,
            f"the output directory {inert(plan.output_directory, limit=100)!r} is not there after the build",
            hint="set the output directory to the folder that the build writes the pages to",
        )
    stray = next(links_out(site, checkout), None) if plan.run is None else None
    if stray is not None:
        raise DeployFailed(
            Code.OUTPUT_MISSING,
            f"the output directory holds a link that leads out of the release: {inert(stray, limit=100)}",
            hint="have the build copy the file instead of linking to it",
        )


def links_out(site: Path, checkout: Path) -> Iterator[str]:
    """The links in a site that lead out of the checkout, or nowhere."""
    todo = [site]
    while todo:
        with os.scandir(todo.pop()) as entries:
            for entry in entries:
                path = Path(entry.path)
                if entry.is_symlink() and not leads_inside(path, checkout):
                    yield str(path.relative_to(site))
                elif entry.is_dir(follow_symlinks=False):
                    todo.append(path)


def measured(folder: Path) -> DataFolder:
    """How much lies in a folder that an app writes to; no link is followed, and what is unreadable does not count."""
    size = files = 0
    todo = [str(folder)]
    while todo and files < _MAX_MEASURED:
        try:
            with os.scandir(todo.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        todo.append(entry.path)
                    else:
                        files, size = files + 1, size + 512 * entry.stat(follow_symlinks=False).st_blocks
        except OSError:
            continue
    return DataFolder(path=str(folder), bytes=size, files=files, whole=not todo)


def _names(work: Path) -> Iterator[str]:
    """The paths of the files, those near the root first; what lies very deep or beyond the limit does not count."""
    level = [""]
    left = _MAX_FILES
    for _ in range(_MAX_DEPTH):
        below: list[str] = []
        for folder in level:
            for entry in _entries(work / folder):
                name = f"{folder}{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    below.append(f"{name}/")
                elif name.isprintable():
                    left -= 1
                    yield name
                if left <= 0:
                    return
        level = below


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted((entry for entry in entries if entry.name not in _SKIPPED), key=lambda entry: entry.name)


def _text(checkout: Path, path: Path) -> str | None:
    """The text of a regular file within the checkout; None for anything else under that name."""
    if not leads_inside(path, checkout):
        return None
    descriptor = os.open(os.path.realpath(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        if not S_ISREG(os.fstat(descriptor).st_mode):
            return None
        text = file.read(_MAX_TEXT + 1)
    if len(text) > _MAX_TEXT:
        raise DeployFailed(
            Code.PLAN_INVALID, f"{path.name} is larger than 1 MiB", hint="make it smaller and push again"
        )
    return text.decode("utf-8", errors="replace")

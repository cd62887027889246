"""The seam at which builds and apps are set apart from the rest of the machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nanoscale_box.adapters.folders import Folders
from nanoscale_box.core.model import Release


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """What a command has to do with: all it may see of the box's home, and the folder it begins in."""

    work: Path
    writable: tuple[Path, ...]
    readable: tuple[Path, ...] = ()
    """Seen, if they are there, and not to be written to."""


Isolate = Callable[[Sequence[str], Reach], Sequence[str]]
"""Wraps an argv so that the command sees little of the machine and reaches so much of the home and no more."""


def reach_of_app(folders: Folders, release: Release, work: Path) -> Reach:
    """What an app has to do with. Caches are there to be read: what a build fetched may hold the interpreter that the
    release is started with."""
    return Reach(
        work=work,
        writable=(folders.release(release), folders.data(release.project_id)),
        readable=(folders.cache(release.project_id),),
    )


def not_isolated(argv: Sequence[str], reach: Reach) -> Sequence[str]:
    """The command as it is."""
    return argv

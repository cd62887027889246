"""Lists what a commit consists of, and refuses what must not become a file."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from dulwich.errors import ObjectFormatException
from dulwich.objects import parse_tree

from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.adapters.git_names import name_flaw, shown
from nanoscale_box.adapters.git_pack import PackDamaged
from nanoscale_box.core.errors import Code, DeployFailed

_TREE_LINE: Final = re.compile(rb"tree ([0-9a-f]{40})\n")
_PROGRAM: Final = 0o100755
_HINT: Final = "remove it from the branch and push again"

ReadTree = Callable[[bytes], bytes]
"""Gives the content of a tree by its name; raises `KeyError` when it is not there (yet)."""


@dataclass(slots=True)
class Listing:
    """A commit's content. Folders come before what is in them; files and links by the name of their blob."""

    folders: list[bytes] = field(default_factory=list)
    files: dict[bytes, list[tuple[bytes, bool]]] = field(default_factory=dict)
    """Paths where a blob goes, and whether it may be executed."""
    links: dict[bytes, bytes] = field(default_factory=dict)
    """Path to blob."""
    submodules: dict[bytes, bytes] = field(default_factory=dict)
    """Path to commit."""
    count: int = 0


def refusal(path: bytes, flaw: str) -> DeployFailed:
    """The sentence for something in a repository that is not deployed."""
    return DeployFailed(
        Code.SOURCE_REFUSED, f"the repository was refused: {shown(path) or 'an entry'} {flaw}", hint=_HINT
    )


def root_of(commit: bytes) -> bytes:
    """The name of a commit's tree. Raises `PackDamaged` when it has none."""
    root = _TREE_LINE.match(commit)
    if root is None:
        raise PackDamaged("the commit has no tree")
    return bytes.fromhex(root.group(1).decode("ascii"))


def list_tree(root: bytes, read: ReadTree, limits: GitLimits) -> Listing:
    """Walk the tree `root`. Raises `DeployFailed` when something in it is refused, `KeyError` from `read`."""
    walk = Walk(root, limits)
    walk.go(read)
    return walk.listing


class Walk:
    """Lists a commit's content as far as its trees are here; folders that are awaited go by the name of their tree."""

    def __init__(self, root: bytes, limits: GitLimits) -> None:
        self.listing = Listing()
        self._awaited: dict[bytes, list[tuple[bytes, int]]] = {root: [(b"", 0)]}
        self._limits = limits

    def go(self, read: ReadTree) -> None:
        """To the end. Raises `DeployFailed` when something in it is refused, `KeyError` from `read`."""
        while self._awaited:
            name = next(reversed(self._awaited))
            self.take(name, read(name))

    def take(self, name: bytes, content: bytes) -> bool:
        """A tree came: go through it wherever it is awaited; False if it is not (yet). Raises `DeployFailed`."""
        places = self._awaited.pop(name, None)
        for folder, depth in places or ():
            self._enter(folder, content, depth)
        return places is not None

    def _enter(self, folder: bytes, content: bytes, depth: int) -> None:
        listing, limits = self.listing, self._limits
        if depth > limits.max_depth:
            raise refusal(folder, f"is nested more than {limits.max_depth} folders deep")
        seen: set[bytes] = set()
        for entry, mode, hex_name in _entries(folder, content):
            path = folder + b"/" + entry if folder else entry
            _check(path, entry, seen, limits)
            listing.count += 1
            if listing.count > limits.max_files:
                raise _too_many(limits)
            blob = bytes.fromhex(hex_name.decode("ascii"))
            match mode:
                case 0o040000:
                    listing.folders.append(path)
                    self._awaited.setdefault(blob, []).append((path, depth + 1))
                case 0o100644 | 0o100664 | 0o100755:  # 664 was written by very old gits; taken as 644, as git does
                    listing.files.setdefault(blob, []).append((path, mode == _PROGRAM))
                case 0o120000:
                    listing.links[path] = blob
                case 0o160000:
                    listing.submodules[path] = blob
                case _:
                    flaw = f"has the mode {mode:o}, which is neither a file, a program, a link nor a folder"
                    raise refusal(path, flaw)


def _entries(folder: bytes, content: bytes) -> list[tuple[bytes, int, bytes]]:
    try:
        return list(parse_tree(content, 20))
    except (ObjectFormatException, ValueError) as wrong:
        raise PackDamaged(f"the folder {shown(folder) or '/'} is no tree") from wrong


def _check(path: bytes, entry: bytes, seen: set[bytes], limits: GitLimits) -> None:
    flaw = name_flaw(entry)
    if flaw is not None:
        raise refusal(path, flaw)
    if entry in seen:
        raise refusal(path, "is there twice")
    seen.add(entry)
    if len(path) >= limits.max_path:
        raise refusal(path, f"has a path of {limits.max_path} bytes or more")


def _too_many(limits: GitLimits) -> DeployFailed:
    return DeployFailed(
        Code.SOURCE_TOO_LARGE,
        f"the repository was refused: it has more than {limits.max_files:,} files and folders",
        hint="keep generated files out of the repository",
    )

"""Which names and links of a repository may become files: pure rules over bytes, as git keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nanoscale_box.core.text import inert

_MAX_NAME: Final = 255
_MAX_TARGET: Final = 4095
_MAX_HOPS: Final = 40
"""Links the kernel follows in one path before it says ELOOP."""
# Code points that HFS+ leaves out when it compares names (git: utf8.c, next_hfs_char).
_IGNORED: Final = dict.fromkeys([*range(0x200C, 0x2010), *range(0x202A, 0x202F), *range(0x206A, 0x2070), 0xFEFF])


def shown(path: bytes) -> str:
    """A path as it may stand in a sentence."""
    return inert(path.decode("utf-8", "replace"), limit=120)


def name_flaw(name: bytes) -> str | None:
    """Why an entry of a tree cannot have this name, or None."""
    if name in (b"", b".", b".."):
        return "is no name for a file"
    if b"/" in name or b"\0" in name:
        return "has a slash or a zero byte in its name"
    if len(name) > _MAX_NAME:
        return f"has a name of more than {_MAX_NAME} bytes"
    if (not name.isascii() or b"git" in name.lower()) and _is_dot_git(name):
        return "is a spelling of .git"
    return None


def _is_dot_git(name: bytes) -> bool:
    """Whether some file system takes the name for `.git` (git: path.c is_ntfs_dotgit, utf8.c is_hfs_dotgit)."""
    plain = name.decode("utf-8", "replace").translate(_IGNORED).lower()
    return any(part.split(":")[0].rstrip(". ") in (".git", "git~1") for part in plain.split("\\"))


def link_flaw(path: bytes, links: Mapping[bytes, bytes]) -> str | None:
    """Why the link at `path` may not be made, or None. `links` holds every link of the checkout with its target; paths
    are relative to the checkout. Each component is followed as the kernel would, so that chains of links count too."""
    at: list[bytes] = path.split(b"/")[:-1]
    ahead = _parts(links[path])
    hops = 0
    if not links[path] or b"\0" in links[path] or len(links[path]) > _MAX_TARGET:
        return "is a link without a usable target"
    if links[path].startswith(b"/"):
        return "is a link that leaves the checkout"
    while ahead:
        part = ahead.pop()
        if part == b"..":
            if not at:
                return "is a link that leaves the checkout"
            at.pop()
            continue
        at.append(part)
        target = links.get(b"/".join(at))
        if target is not None:
            hops += 1
            if hops > _MAX_HOPS:
                return "is a link that leads in a circle"
            if target.startswith(b"/"):
                return "is a link that leaves the checkout"
            at.pop()
            ahead += _parts(target)
    return None


def _parts(target: bytes) -> list[bytes]:
    """The components of a link's target, the first one last."""
    return [part for part in reversed(target.split(b"/")) if part not in (b"", b".")]

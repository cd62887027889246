"""Notices Git LFS: what lies in the repository then is a pointer of three lines, not the file."""

from __future__ import annotations

from typing import Final

from nanoscale_box.adapters.git_names import shown
from nanoscale_box.core.errors import Code, DeployFailed

_POINTER: Final = b"version https://git-lfs.github.com/spec/v1\n"
_MAX_POINTER: Final = 1024
_ATTRIBUTES: Final = b".gitattributes"


class LfsWatch:
    """Looks at each file as it is placed. A pointer is one only where attributes ask for the filter, else text."""

    def __init__(self) -> None:
        self._asked = False
        self._pointer = b""

    def look(self, places: list[tuple[bytes, bool]], content: bytes) -> None:
        """Note what the file tells about LFS."""
        if not self._pointer and len(content) < _MAX_POINTER and content.startswith(_POINTER):
            self._pointer = places[0][0]
        elif b"filter=lfs" in content and any(path.rpartition(b"/")[2] == _ATTRIBUTES for path, _ in places):
            self._asked = True

    def check(self) -> None:
        """Refuse a repository with files that are not there. Raises `DeployFailed`."""
        if self._asked and self._pointer:
            raise DeployFailed(
                Code.SOURCE_REFUSED,
                f"the repository keeps files in Git LFS ({shown(self._pointer)}), which are not fetched",
                hint="keep these files in git itself (git lfs migrate export), or load them in the build",
            )

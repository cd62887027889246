"""Git LFS: what lies in the repository is a pointer of three lines; the file itself comes from the server's store.

https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md (pointers) and docs/api/batch.md (where files come from)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nanoscale_box.adapters.git_names import shown
from nanoscale_box.adapters.git_write import Places
from nanoscale_box.core.errors import Code, DeployFailed

_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]{1,200}\n)*oid sha256:([0-9a-f]{64})\n"
    rb"size (0|[1-9][0-9]{0,14})\n?"
)
_MAX_POINTER: Final = 1024
ATTRIBUTES: Final = b".gitattributes"


@dataclass(frozen=True, slots=True, kw_only=True)
class LfsFile:
    """A file of the store, and the places where it goes."""

    oid: str
    """The SHA-256 of its content, hex."""
    size: int
    places: Places

    @property
    def path(self) -> str:
        """The first of its places, for a sentence."""
        return shown(self.places[0][0])


class Pointers:
    """Keeps pointers back from being written. They are pointers only where attributes ask for the filter, else text."""

    def __init__(self) -> None:
        self._asked = False
        self._kept: list[tuple[Places, bytes]] = []

    def keeps(self, places: Places, content: bytes) -> bool:
        """Whether the file is kept back; attributes are noted on the way."""
        if len(content) < _MAX_POINTER and _POINTER.fullmatch(content):
            self._kept.append((places, content))
            return True
        if any(path.rpartition(b"/")[2] == ATTRIBUTES for path, _ in places) and b"filter=lfs" in content:
            self._asked = True
        return False

    @property
    def asked(self) -> bool:
        """Whether attributes were seen that ask for LFS."""
        return self._asked

    def asks(self) -> None:
        """Attributes that ask for LFS were seen elsewhere."""
        self._asked = True

    def texts(self) -> Iterator[tuple[Places, bytes]]:
        """What is plain text after all: looks like pointers where nothing asks for LFS."""
        if not self._asked:
            yield from self._kept

    def files(self, max_size: int) -> list[LfsFile]:
        """What must be fetched, each file once. Raises `DeployFailed` for one above `max_size` bytes."""
        files: dict[str, LfsFile] = {}
        for places, content in self._kept if self._asked else ():
            oid, size = self._read(content)
            known = files.get(oid)
            files[oid] = LfsFile(oid=oid, size=size, places=[*(known.places if known else []), *places])
            if size > max_size:
                raise DeployFailed(
                    Code.SOURCE_TOO_LARGE,
                    f"the repository was refused: {files[oid].path} in Git LFS has {size >> 20:,} MiB, "
                    f"more than {max_size >> 20:,} MiB",
                    hint="keep large files out of the repository",
                )
        return list(files.values())

    @staticmethod
    def _read(content: bytes) -> tuple[str, int]:
        found = _POINTER.fullmatch(content)
        if found is None:
            raise ValueError("no pointer is kept that is none")
        return found.group(1).decode("ascii"), int(found.group(2))

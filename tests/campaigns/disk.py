"""A disk that may lose power: what was not synced is lost, kept or torn as chance will have it."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.campaigns.trace import Said, Sync, Truncate, Unlink, Write

SECTOR: Final = 512
"""What a disk writes whole or not at all, in bytes."""
Pending = Write | Truncate
Keep = Callable[[], bool]
"""Whether one sector's worth of an unsynced write came to the disk before the power went."""


@dataclass(slots=True, eq=False)
class File:
    """A file's synced bytes, and what was written since."""

    synced: bytearray = field(default_factory=bytearray)
    pending: list[Pending] = field(default_factory=list)

    def sync(self) -> None:
        """All that was written is on disk."""
        for one in self.pending:
            _apply(self.synced, one, lambda: True)
        self.pending.clear()

    def after_a_cut(self, keep: Keep) -> bytes:
        """What is found when the power is back."""
        left = bytearray(self.synced)
        for one in self.pending:
            _apply(left, one, keep)
        return bytes(left)


@dataclass(slots=True, kw_only=True)
class Disk:
    """One folder: its files by the names they have now, and by those that are on disk."""

    now: dict[str, File] = field(default_factory=dict)
    synced: dict[str, File] = field(default_factory=dict)

    def put(self, name: str, content: bytes) -> None:
        """A file that was there, and on disk, before anything was recorded."""
        self.now[name] = self.synced[name] = File(bytearray(content))

    def happen(self, event: Write | Truncate | Sync | Unlink | Said) -> None:
        """Let something happen."""
        match event:
            case Write(name=name) | Truncate(name=name):
                self.now.setdefault(name, File()).pending.append(event)
            case Sync(name=""):
                self.synced = dict(self.now)
            case Sync(name=name) if name in self.now:
                self.now[name].sync()
            case Unlink(name=name):
                self.now.pop(name, None)
            case _:
                pass

    def cut(self, folder: Path, keep: Keep) -> None:
        """Write into a folder what would be found there."""
        names = self.now if keep() else self.synced
        for name, file in names.items():
            (folder / name).write_bytes(file.after_a_cut(keep))


def lost() -> bool:
    """The disk had begun nothing."""
    return False


def kept() -> bool:
    """The disk had done all of it."""
    return True


def torn(chance: random.Random) -> Keep:
    """Some sectors came to the disk, in whatever order."""
    share = chance.random()
    return lambda: chance.random() < share


def cut_short(chance: random.Random) -> Keep:
    """The disk did them in order, and then no more."""
    left = [chance.randint(0, 40)]

    def keep() -> bool:
        left[0] -= 1
        return left[0] >= 0

    return keep


def _apply(content: bytearray, change: Pending, keep: Keep) -> None:
    match change:
        case Truncate(size=size):
            if keep():
                _resize(content, size)
        case Write(offset=offset, data=data):
            begin = offset
            while begin < offset + len(data):
                end = min(begin - begin % SECTOR + SECTOR, offset + len(data))
                if keep():
                    _resize(content, max(len(content), end))
                    content[begin:end] = data[begin - offset : end - offset]
                begin = end


def _resize(content: bytearray, size: int) -> None:
    del content[size:]
    content.extend(bytes(size - len(content)))

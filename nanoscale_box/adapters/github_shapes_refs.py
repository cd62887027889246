"""What GitHub says of refs, and of the difference between two commits."""

from __future__ import annotations

import msgspec

from nanoscale_box.adapters.github_shapes import reads


class ChangedFile(msgspec.Struct):
    """One file of a comparison."""

    filename: str
    previous_filename: str | None = None


class Comparison(msgspec.Struct):
    """What differs between two commits."""

    status: str
    ahead_by: int = 0
    behind_by: int = 0
    files: tuple[ChangedFile, ...] = ()


class Ref(msgspec.Struct):
    """A branch or a tag by its full name."""

    ref: str


comparison = reads(Comparison)
refs = reads(list[Ref])

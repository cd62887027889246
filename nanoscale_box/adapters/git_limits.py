"""How much a repository may cost before it is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 1 << 20
GIB: Final = 1 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class GitLimits:
    """Budgets of one checkout (sizes in bytes, times in seconds); each job of the git worker has them for itself."""

    max_files: int = 200_000
    """Files, links and folders together."""
    max_bytes: int = 2 * GIB
    """Everything unpacked: what the pack declares, and what is written."""
    max_object_bytes: int = 512 * MIB
    max_pack_bytes: int = GIB
    max_refs_bytes: int = 32 * MIB
    """What a server may say before a pack begins: capabilities and refs."""
    max_depth: int = 100
    max_path: int = 4096
    max_packs: int = 50
    """A mirror with more packs is made anew: every fetch adds one, and looking through many is slow."""
    memory: int = 2 * GIB
    """Address space."""
    cpu_seconds: int = 300
    wall_seconds: float = 900.0
    head_seconds: float = 60.0
    """The whole time a look at a branch's head may take."""
    stall_seconds: float = 30.0
    """The longest silence of a server."""

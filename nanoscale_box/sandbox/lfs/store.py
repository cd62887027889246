"""The large files of all repositories, by repository and SHA-256, and the keys that addresses to them carry."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field

from ..model import RepoId


@dataclass(slots=True, kw_only=True)
class LfsStore:
    """Kept in memory, as everything of the sandbox that is not in git."""

    objects: dict[RepoId, dict[str, bytes]] = field(default_factory=dict)
    keys: dict[str, tuple[RepoId, str]] = field(default_factory=dict)

    def put(self, repo_id: RepoId, content: bytes) -> str:
        """Take a file in, as `git lfs push` would; gives the pointer that is committed in its place."""
        oid = hashlib.sha256(content).hexdigest()
        self.objects.setdefault(repo_id, {})[oid] = content
        return pointer(oid, len(content))

    def find(self, repo_id: RepoId, oid: str) -> bytes | None:
        return self.objects.get(repo_id, {}).get(oid)

    def key(self, repo_id: RepoId, oid: str) -> str:
        """A key that opens this one file to whoever holds it."""
        made = secrets.token_urlsafe(18)
        self.keys[made] = (repo_id, oid)
        return made


def pointer(oid: str, size: int) -> str:
    """https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md"""
    return f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {size}\n"

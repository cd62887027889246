"""Questions about commits: heads, history, differences, ancestry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dulwich.diff_tree import tree_changes
from dulwich.graph import can_fast_forward, find_merge_base
from dulwich.objects import Commit, ObjectID, Tag, TreeEntry
from dulwich.repo import Repo

from ..model import NO_COMMIT
from .write import branch_ref, commit_of

HEADS = b"refs/heads/"


@dataclass(slots=True, kw_only=True)
class Changes:
    """Paths that differ between two trees."""

    added: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    modified: list[str] = field(default_factory=list)


def refs(git: Repo) -> dict[str, str]:
    """Every branch and tag, `refs/...` to commit id, in GitHub's order (by bytes)."""
    found = git.refs.as_dict(None)
    pairs = ((ref, sha) for ref, sha in found.items() if ref.startswith((HEADS, b"refs/tags/")))
    return {ref.decode("utf-8", "replace"): sha.decode() for ref, sha in sorted(pairs)}


def branches(git: Repo) -> dict[str, str]:
    prefix = HEADS.decode()
    return {ref.removeprefix(prefix): sha for ref, sha in refs(git).items() if ref.startswith(prefix)}


def head(git: Repo, branch: str) -> str | None:
    name = branch_ref(branch)
    return git.refs[name].decode() if name in git.refs else None


def resolve(git: Repo, name: str) -> str | None:
    """A branch, a tag, a full ref, a full or abbreviated commit id; None where nothing has that name."""
    known = refs(git)
    for candidate in (f"refs/heads/{name}", f"refs/tags/{name}", f"refs/{name}", name):
        if candidate in known:
            return peeled(git, known[candidate])
    if not 4 <= len(name) <= 40 or any(char not in "0123456789abcdef" for char in name):
        return None
    matches = list(git.object_store.iter_prefix(name.encode()))
    return matches[0].decode() if len(matches) == 1 and _is_commit(git, matches[0]) else None


def peeled(git: Repo, sha: str) -> str:
    """What an annotated tag stands for; anything else stands for itself."""
    found = git[sha.encode()]
    return peeled(git, found.object[1].decode()) if isinstance(found, Tag) else sha


def _is_commit(git: Repo, sha: ObjectID) -> bool:
    return isinstance(git[sha], Commit)


def has_commit(git: Repo, sha: str) -> bool:
    return ObjectID(sha.encode()) in git.object_store and _is_commit(git, ObjectID(sha.encode()))


def commits_between(git: Repo, new: str, known: Sequence[str], limit: int = 2048) -> list[Commit]:
    """Commits reachable from `new` and from none of `known`, oldest first."""
    excluded = [ObjectID(sha.encode()) for sha in known if sha != NO_COMMIT]
    walker = git.get_walker(include=[ObjectID(new.encode())], exclude=excluded, max_entries=limit)
    return [entry.commit for entry in walker][::-1]


def history(git: Repo, sha: str, limit: int) -> Iterator[Commit]:
    return (entry.commit for entry in git.get_walker(include=[ObjectID(sha.encode())], max_entries=limit))


def merge_base(git: Repo, one: str, other: str) -> str | None:
    found = find_merge_base(git, [ObjectID(one.encode()), ObjectID(other.encode())])
    return found[0].decode() if found else None


def is_fast_forward(git: Repo, old: str, new: str) -> bool:
    return can_fast_forward(git, ObjectID(old.encode()), ObjectID(new.encode()))


def changes_of(git: Repo, commit: Commit) -> Changes:
    """What a commit changed against its first parent."""
    before = commit_of(git, commit.parents[0].decode()).tree if commit.parents else None
    return tree_difference(git, before, commit.tree)


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One path that differs: `old` and `new` are blob ids, None where there is none."""

    path: str
    old: ObjectID | None
    new: ObjectID | None

    @property
    def status(self) -> str:
        if self.old is None:
            return "added"
        return "removed" if self.new is None else "modified"


def edits(git: Repo, before: ObjectID | None, after: ObjectID | None) -> Iterator[Edit]:
    """The differences between two trees; an entry that is no file (a submodule) counts as having no content."""
    for change in tree_changes(git.object_store, before, after):
        old, new = change.old, change.new
        path = (new.path if new is not None else None) or (old.path if old is not None else None) or b""
        yield Edit(path=path.decode("utf-8", "replace"), old=_id(old), new=_id(new))


def _id(entry: TreeEntry | None) -> ObjectID | None:
    return entry.sha if entry is not None and entry.path is not None else None


def tree_difference(git: Repo, before: ObjectID | None, after: ObjectID | None) -> Changes:
    found = Changes()
    for edit in edits(git, before, after):
        match edit.status:
            case "added":
                found.added.append(edit.path)
            case "removed":
                found.removed.append(edit.path)
            case _:
                found.modified.append(edit.path)
    return found

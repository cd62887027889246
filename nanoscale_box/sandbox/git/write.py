"""Making commits and moving branches in a bare repository."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dulwich.index import commit_tree
from dulwich.object_store import iter_tree_contents
from dulwich.objects import Blob, Commit, ObjectID
from dulwich.refs import Ref
from dulwich.repo import Repo

PLAIN_FILE = 0o100644
SUBMODULE = 0o160000

FileChange = str | Mapping[str, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who made a commit, and when."""

    name: str
    email: str
    when: datetime


def branch_ref(branch: str) -> Ref:
    return Ref(f"refs/heads/{branch}".encode())


def commit_files(git: Repo, parent: str | None, files: Mapping[str, FileChange], message: str, by: Signature) -> str:
    """Write a commit on top of `parent` and return its id; no branch moves. A file that is None goes away.

    A change is text, or a mapping with `text` or `base64`, and `mode` in octal (for links and programs); a mapping with
    `commit` is a submodule at that commit.
    """
    entries: dict[bytes, tuple[ObjectID, int]] = {}
    if parent is not None:
        for entry in iter_tree_contents(git.object_store, commit_of(git, parent).tree):
            if entry.mode is not None:
                entries[entry.path] = (entry.sha, entry.mode)
    for path, change in files.items():
        name = path.encode("utf-8", "surrogateescape")
        if change is None:
            entries.pop(name, None)
        elif not isinstance(change, str) and "commit" in change:
            entries[name] = (ObjectID(change["commit"].encode()), SUBMODULE)
        else:
            content, mode = content_of(change)
            blob = Blob.from_string(content)
            git.object_store.add_object(blob)
            entries[name] = (blob.id, mode)
    tree = commit_tree(git.object_store, ((path, sha, mode) for path, (sha, mode) in entries.items()))
    return _write_commit(git, tree, parent, message, by)


def content_of(change: str | Mapping[str, str]) -> tuple[bytes, int]:
    """What a change puts into a file, and the file's mode."""
    match change:
        case str():
            return change.encode(), PLAIN_FILE
        case _:
            coded = change.get("base64")
            content = base64.b64decode(coded) if coded is not None else change.get("text", "").encode()
            return content, int(change.get("mode", "100644"), 8)


def _write_commit(git: Repo, tree: ObjectID, parent: str | None, message: str, by: Signature) -> str:
    commit = Commit()
    commit.tree = tree
    commit.parents = [] if parent is None else [ObjectID(parent.encode())]
    commit.author = commit.committer = f"{by.name} <{by.email}>".encode()
    commit.author_time = commit.commit_time = int(by.when.timestamp())
    commit.author_timezone = commit.commit_timezone = 0
    commit.encoding = b"UTF-8"
    commit.message = message.encode()
    git.object_store.add_object(commit)
    return commit.id.decode()


def commit_of(git: Repo, sha: str) -> Commit:
    found = git[sha.encode()]
    if not isinstance(found, Commit):
        raise KeyError(sha)
    return found


def move_branch(git: Repo, branch: str, sha: str) -> None:
    git.refs[branch_ref(branch)] = ObjectID(sha.encode())


def drop_branch(git: Repo, branch: str) -> None:
    del git.refs[branch_ref(branch)]

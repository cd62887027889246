"""A push as GitHub tells it, decoded in microseconds, and the marks in a commit message that say not to deploy."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from nanoscale_box.core.github_events import Numbered
from nanoscale_box.core.model import InstallationId, RepoId, Sha
from nanoscale_box.core.text import inert

_HEADS: Final = "refs/heads/"
_MOST_COMMITS: Final = 2048
"""GitHub lists no more; a push that has as many may have had others.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#push"""
_MARKER: Final = re.compile(r"\[(skip ci|ci skip|no ci|skip deploy|skip actions|actions skip)\]", re.IGNORECASE)

_Ref = Annotated[str, msgspec.Meta(pattern=r"^refs/[^\x00-\x20\x7f~^:?*\[\\]+\Z", max_length=1024)]
_Sha = Annotated[str, msgspec.Meta(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?\Z")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """A ref that moved. Texts are inert. `changed` names the paths that the listed commits touched, raw, for
    matching only;
    None when GitHub did not tell them all: forced, created, deleted, or too many commits."""

    repo_id: RepoId
    ref: str
    before: Sha
    after: Sha
    deleted: bool
    forced: bool
    subject: str | None
    author: str | None
    message: str | None
    changed: frozenset[str] | None

    @property
    def branch(self) -> str | None:
        """The branch's name; None for a tag or any other ref."""
        return self.ref.removeprefix(_HEADS) if self.ref.startswith(_HEADS) else None


class _Person(msgspec.Struct, frozen=True):
    name: str | None = None
    username: str | None = None


class _Head(msgspec.Struct, frozen=True):
    message: str
    author: _Person | None = None


class _Commit(msgspec.Struct, frozen=True):
    id: str
    added: list[str] | None = None
    removed: list[str] | None = None
    modified: list[str] | None = None


class _Body(msgspec.Struct, frozen=True):
    ref: _Ref
    before: _Sha
    after: _Sha
    repository: msgspec.Raw
    installation: msgspec.Raw = msgspec.Raw(b"null")
    deleted: bool = False
    forced: bool = False
    created: bool = False
    head_commit: _Head | None = None
    commits: list[_Commit] | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_NUMBERED: Final = msgspec.json.Decoder(Numbered)
_NUMBERED_OR_NOT: Final = msgspec.json.Decoder(Numbered | None)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])


def read_push(body: bytes) -> tuple[Push, InstallationId | None, bool]:
    """Decode a push and the installation it came through; the last value says whether a key that decides something
    may stand
    in it twice (never so when it is written as GitHub does). Raises what msgspec raises, `ValueError` among it."""
    told = _BODY.decode(body)
    repository, installation = bytes(told.repository), bytes(told.installation)
    if inert(told.ref, limit=1024) != told.ref:
        raise ValueError("the ref holds invisible characters")
    numbered = _NUMBERED_OR_NOT.decode(installation)
    # A repository has its own id and its owner's, an installation its own.
    surely_one = _one_of_each(body) and _few_ids(repository, 2) and _few_ids(installation, 1)
    head = told.head_commit
    push = Push(
        repo_id=RepoId(_NUMBERED.decode(repository).id),
        ref=told.ref,
        before=Sha(told.before),
        after=Sha(told.after),
        deleted=told.deleted or not told.after.strip("0"),
        forced=told.forced,
        subject=inert(head.message.lstrip().partition("\n")[0].rstrip(), limit=200) if head else None,
        author=_author(head),
        message=inert(head.message, limit=65_536, lines=True) if head else None,
        changed=_changed(told),
    )
    return push, InstallationId(numbered.id) if numbered else None, not surely_one


def _one_of_each(json_object: bytes) -> bool:
    """Whether no member of an object is repeated: told apart, they make up its whole length, as in the compact form
    that GitHub
    writes. A repeated key, an escape in a key or a space makes it longer, and False means that nothing is known."""
    members = _MEMBERS.decode(json_object)
    return len(json_object) == 1 + 4 * len(members) + sum(map(len, members)) + sum(
        map(len, map(bytes, members.values()))
    )


def _few_ids(json_object: bytes, most: int) -> bool:
    """Whether `id` stands at most so often in an object and in those within it, and no escape can spell it another
    way."""
    return json_object.count(b'"id"') <= most and b"\\" not in json_object


def _author(head: _Head | None) -> str | None:
    if head is None or head.author is None:
        return None
    name = head.author.name or head.author.username
    return inert(name, limit=100) if name else None


def _changed(told: _Body) -> frozenset[str] | None:
    commits = told.commits
    if told.forced or told.created or told.deleted or not commits or len(commits) >= _MOST_COMMITS:
        return None
    if commits[-1].id != told.after or not told.before.strip("0"):
        return None
    paths: set[str] = set()
    for commit in commits:
        if commit.added is None or commit.removed is None or commit.modified is None:
            return None
        paths.update(commit.added, commit.removed, commit.modified)
    return frozenset(paths)


def skip_marker(message: str | None) -> str | None:
    """Give the first mark in a head commit's message that says not to deploy, in lower case: `[skip ci]` and its
    kin."""
    found = _MARKER.search(message) if message else None
    return found.group().lower() if found else None

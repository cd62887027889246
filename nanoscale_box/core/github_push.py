"""A push as GitHub tells it, decoded in microseconds, and the marks in a commit message that say not to deploy."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from nanoscale_box.core.github_events import Numbered
from nanoscale_box.core.model import InstallationId, RepoId, Sha
from nanoscale_box.core.text import inert

_HEADS: Final = "refs/heads/"
_TAGS: Final = "refs/tags/"
_REF: Final = re.compile(r"refs/[^\x00-\x20\x7f~^:?*\[\\]{1,1019}")
_SHA: Final = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_MOST_COMMITS: Final = 2048
"""GitHub lists no more; a push that has as many may have had others.
https://docs.github.com/en/webhooks/webhook-events-and-payloads#push"""
_MARKER: Final = re.compile(r"\[(skip ci|ci skip|no ci|skip deploy|skip actions|actions skip)\]", re.IGNORECASE)


class _Person(msgspec.Struct, frozen=True):
    name: str | None = None
    username: str | None = None


class _Head(msgspec.Struct, frozen=True):
    message: str
    id: str | None = None
    author: _Person | None = None


class _Commit(msgspec.Struct, frozen=True):
    id: str
    added: list[str] | None = None
    removed: list[str] | None = None
    modified: list[str] | None = None


class _Body(msgspec.Struct, frozen=True):
    ref: str
    before: str
    after: str
    repository: Numbered
    installation: Numbered | None = None
    deleted: bool = False
    forced: bool = False
    created: bool = False
    head_commit: _Head | None = None
    commits: list[_Commit] | None = None


_BODY: Final = msgspec.json.Decoder(_Body)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_encode: Final = msgspec.json.Encoder().encode
_ID: Final = re.compile(rb'\{"id":([0-9]+)[,}]')


class Push(msgspec.Struct, frozen=True, kw_only=True):
    """A ref that moved. Texts are inert; they are made so when they are asked for, which is seldom."""

    repo_id: RepoId
    ref: str
    before: Sha
    after: Sha
    deleted: bool
    forced: bool
    told: _Body

    @property
    def branch(self) -> str | None:
        """The branch's name; None for a tag or any other ref."""
        return self.ref.removeprefix(_HEADS) if self.ref.startswith(_HEADS) else None

    @property
    def subject(self) -> str | None:
        """The first line of the head commit's message."""
        head = self.told.head_commit
        return inert(head.message.lstrip().partition("\n")[0].rstrip(), limit=200) if head else None

    @property
    def author(self) -> str | None:
        """Who wrote the head commit."""
        head = self.told.head_commit
        if head is None or head.author is None:
            return None
        name = head.author.name or head.author.username
        return inert(name, limit=100) if name else None

    @property
    def message(self) -> str | None:
        """The head commit's message."""
        head = self.told.head_commit
        return inert(head.message, limit=65_536, lines=True) if head else None

    @property
    def changed(self) -> frozenset[str] | None:
        """The paths that the listed commits touched, raw, for matching only; None when GitHub did not tell them all:
        forced, created, deleted, or too many commits."""
        told, commits = self.told, self.told.commits
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


def read_push(body: bytes) -> tuple[Push, InstallationId | None, bool]:
    """Decode a push and the installation it came through; the last value says whether a key that decides something
    may stand
    in it twice (never so when it is written as GitHub does). Raises what msgspec raises, `ValueError` among it."""
    told = _BODY.decode(body)
    if not _REF.fullmatch(told.ref):
        raise ValueError("the ref is none that git allows")
    if not told.ref.isascii() and inert(told.ref, limit=1024) != told.ref:
        raise ValueError("the ref holds invisible characters")
    if not (_SHA.fullmatch(told.before) and _SHA.fullmatch(told.after)):
        raise ValueError("a commit is no 40 or 64 hex digits")
    push = Push(
        repo_id=RepoId(told.repository.id),
        ref=told.ref,
        before=Sha(told.before),
        after=_commit_of(told),
        deleted=told.deleted or (told.after.startswith("0") and not told.after.strip("0")),
        forced=told.forced,
        told=told,
    )
    installation = told.installation
    return push, InstallationId(installation.id) if installation else None, not _surely_one(body, told)


def _commit_of(told: _Body) -> Sha:
    """What an annotated tag stands for; anything else stands for itself."""
    head = told.head_commit
    if told.ref.startswith(_TAGS) and head and head.id and _SHA.fullmatch(head.id) and told.after.strip("0"):
        return Sha(head.id)
    return Sha(told.after)


def _surely_one(body: bytes, told: _Body) -> bool:
    """Whether no key that decides something is repeated: the members, told apart, make up the whole text again, in the
    compact form that GitHub writes; and an id that comes last in its object, as it was read, comes first as well."""
    members = _MEMBERS.decode(body)
    if _encode(members) != body or not _leads(members["repository"], told.repository):
        return False
    return told.installation is None or _leads(members["installation"], told.installation)


def _leads(member: msgspec.Raw, numbered: Numbered) -> bool:
    """Whether the object begins with its id."""
    first = _ID.match(memoryview(member))
    return first is not None and int(first[1]) == numbered.id


def skip_marker(message: str | None) -> str | None:
    """Give the first mark in a head commit's message that says not to deploy, in lower case: `[skip ci]` and its
    kin."""
    found = _MARKER.search(message) if message else None
    return found.group().lower() if found else None

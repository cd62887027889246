"""Asks a server for the head of a branch, and fetches one commit as a shallow pack."""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, cast

import urllib3
from dulwich.errors import GitProtocolError, NotGitRepository
from dulwich.objects import ObjectID

from nanoscale_box.adapters.git_http import Transport
from nanoscale_box.adapters.git_messages import Checkout, Head
from nanoscale_box.adapters.git_stream import PackStream
from nanoscale_box.adapters.git_wire import Otherwise, direct_fetch, direct_head, direct_tags
from nanoscale_box.core.errors import Code, DeployFailed
from nanoscale_box.core.tags import newest_tag

if TYPE_CHECKING:
    from dulwich.client import HttpGitClient
    from dulwich.refs import Ref

_USER: Final = "x-access-token"
_SHA: Final = re.compile(rb"[0-9a-f]{40}")
_TAGS: Final = b"refs/tags/"
_LONGEST_TAG: Final = 500
"""An answer to the box is one line of a pipe."""
_MALFORMED: Final = (
    GitProtocolError,
    NotGitRepository,
    ValueError,
    TypeError,
    LookupError,
    AssertionError,
    EOFError,
    RecursionError,
    struct.error,
    zlib.error,
)
"""What dulwich is seen to raise on an answer that is none."""


def find_head(request: Head) -> str | None:
    """The branch's head, or None if there is no such branch. Raises `BoxError`."""
    transport = _transport(request)
    ref = _ref(request.branch)
    try:
        sha = direct_head(transport, request.url, request.token, ref)
    except Otherwise:
        with _understanding(transport, None):
            sha = _client(request, transport).get_refs(b"", ref_prefix=[ref]).refs.get(cast("Ref", ref))
    if sha is None:
        return None
    if not _SHA.fullmatch(sha):
        raise DeployFailed(
            Code.SOURCE_REFUSED,
            "the repository names its commits in another way than SHA-1",
            hint="convert it to SHA-1, or deploy a copy that is; SHA-256 repositories cannot be deployed",
        )
    return sha.decode("ascii")


def find_tag(request: Head, pattern: str) -> tuple[str, str] | None:
    """The newest tag that matches and its commit, or None. Raises `BoxError`."""
    transport = _transport(request)
    try:
        found = direct_tags(transport, request.url, request.token)
    except Otherwise:
        with _understanding(transport, None):
            refs = _client(request, transport).get_refs(b"", ref_prefix=[_TAGS]).refs
            found = {bytes(ref): bytes(sha) for ref, sha in refs.items() if sha and ref.startswith(_TAGS)}
    tags = {ref.removeprefix(_TAGS).decode("utf-8", "replace"): ref for ref in found if not ref.endswith(b"^{}")}
    name = newest_tag(pattern, (name for name in tags if len(name) <= _LONGEST_TAG))
    if name is None:
        return None
    sha = found.get(tags[name] + b"^{}", found[tags[name]])
    return (name, sha.decode("ascii")) if _SHA.fullmatch(sha) else None


def fetch_commit(
    request: Checkout,
    haves: Sequence[bytes],
    stream: PackStream,
    received: Callable[[], None],
    remote: Callable[[bytes], None],
) -> None:
    """Feed the stream with what of the commit is not in `haves` (hex). Raises `BoxError`, `PackDamaged`."""
    transport = _transport(request)

    def take(data: bytes) -> int:
        taken = stream.feed(data)
        received()
        return taken

    with _understanding(transport, request.sha):
        try:
            direct_fetch(transport, request.url, request.token, request.sha.encode("ascii"), haves, take, remote)
        except Otherwise:
            _fetch_by_dulwich(request, transport, haves, take, remote)
    stream.finish()


def _fetch_by_dulwich(
    request: Checkout,
    transport: Transport,
    haves: Sequence[bytes],
    take: Callable[[bytes], int],
    remote: Callable[[bytes], None],
) -> None:
    """For servers without protocol v2, or behind a redirect."""

    def want(refs: object, depth: int | None = None) -> list[ObjectID]:
        transport.expect_pack()
        return [ObjectID(request.sha.encode("ascii"))]

    transport.expect_words()
    client = _client(request, transport)
    client.fetch_pack(b"", want, _Haves(haves), take, progress=remote, depth=1, ref_prefix=[_ref(request.branch)])


def _transport(request: Head | Checkout) -> Transport:
    return Transport(request.url, request.limits, with_token=request.token is not None)


def _client(request: Head | Checkout, transport: Transport) -> HttpGitClient:
    # Few servers need it, and each process of a job holds what the worker has loaded.
    from dulwich.client import HttpGitClient  # noqa: PLC0415 - see above

    return HttpGitClient(
        request.url,
        pool_manager=cast(urllib3.PoolManager, transport),
        username=_USER if request.token is not None else None,
        password=request.token,
        thin_packs=True,  # without it a server sends a shallow commit whole, whatever is here already
        quiet=True,
    )


def _ref(branch: str | None) -> bytes:
    return b"HEAD" if branch is None else b"refs/heads/" + branch.encode("utf-8", "surrogateescape")


@contextmanager
def _understanding(transport: Transport, sha: str | None) -> Iterator[None]:
    try:
        yield
    except _MALFORMED as wrong:
        raise transport.misunderstood(sha) from wrong


class _Haves:
    """Tells the server what is here: every commit of a mirror is shallow, so there is no graph to walk."""

    def __init__(self, commits: Sequence[bytes]) -> None:
        self.shallow = {ObjectID(commit) for commit in commits}
        self._left = iter([ObjectID(commit) for commit in reversed(commits)])

    def __next__(self) -> ObjectID | None:
        return next(self._left, None)

    def ack(self, sha: ObjectID) -> None:
        """The server has it too; over HTTP everything was said already."""

    def nak(self) -> None:
        """The server knows none of them."""

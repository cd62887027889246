"""What every git backend takes and gives, so that the door need not know which one answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

UPLOAD_PACK = "git-upload-pack"
RECEIVE_PACK = "git-receive-pack"
SERVICES = (UPLOAD_PACK, RECEIVE_PACK)


@dataclass(frozen=True, slots=True, kw_only=True)
class GitCall:
    """One smart-HTTP request. `advertise` is the GET of `info/refs`, otherwise it is the POST to the service."""

    folder: Path
    service: str
    advertise: bool
    protocol: str
    content_type: str
    user: str
    body: AsyncIterator[bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class GitAnswer:
    """A status, headers, and the body as it comes; `close` must be called however far the reading went."""

    status: int
    headers: dict[str, str]
    chunks: AsyncIterator[bytes]
    close: Callable[[], Awaitable[None]]


class Backend(Protocol):
    """Answers git calls."""

    @property
    def name(self) -> str: ...

    async def answer(self, call: GitCall) -> GitAnswer: ...

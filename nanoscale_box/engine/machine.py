"""What the doctor asks of the machine the box is on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """Room on a disk, in bytes."""

    free: int
    total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What came back from outside; without a status, `why` nothing did."""

    status: int | None = None
    body: bytes = b""
    why: str = ""


class Machine(Protocol):
    """The machine the box is on, looked at by the doctor."""

    def disk(self) -> Disk:
        """Room where the box lives."""

    async def addresses(self, host: str) -> Sequence[str]:
        """What a name stands for; nothing when it is not found."""

    async def post(self, url: str, headers: Sequence[tuple[str, str]], body: bytes) -> Outside:
        """What is answered at an address, in bounded time; never raises, follows no redirect."""

"""Finds the box's socket, or says in one sentence why none will do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from enum import IntEnum
from pathlib import Path

from nanoscale_box.client.errors import Unreachable
from nanoscale_box.places import socket_candidates

_SECONDS = 5.0


class Miss(IntEnum):
    """Why a socket will not do; of several the highest is told, being nearest to what was meant."""

    ABSENT = 0
    DEAD = 1
    SILENT = 2
    FORBIDDEN = 3
    BROKEN = 4


async def find_socket(told: Path | None = None) -> Path:
    """The first socket somebody listens on: the one told, else the environment's, the user's own, the service's."""
    candidates = [told] if told else socket_candidates(os.environ)
    misses: list[tuple[Miss, Path]] = []
    for path in candidates:
        miss = await probe(path)
        if miss is None:
            return path
        misses.append((miss, path))
    raise unreachable(misses)


async def probe(path: Path) -> Miss | None:
    """None if somebody listens on `path`."""
    try:
        async with asyncio.timeout(_SECONDS):
            _, writer = await asyncio.open_unix_connection(str(path))
    except PermissionError:
        return Miss.FORBIDDEN
    except TimeoutError:
        return Miss.SILENT
    except ConnectionRefusedError:
        return Miss.DEAD
    except OSError:
        return Miss.ABSENT
    writer.close()
    return None


def unreachable(misses: Sequence[tuple[Miss, Path]]) -> Unreachable:
    """The sentence for sockets that will not do."""
    worst, path = max(misses, key=lambda one: one[0])
    match worst:
        case Miss.FORBIDDEN:
            return Unreachable(
                f"the box at {path} belongs to another user",
                "use it as that user; if it is a service: sudo usermod -aG nanoscale-box $USER, then log in again",
            )
        case Miss.BROKEN:
            return Unreachable(
                f"the box at {path} broke off before its answer was whole", "if it happens again, look at its log"
            )
        case Miss.SILENT:
            return Unreachable(
                f"the box at {path} does not answer",
                "look at its log; if it hangs, stop it and run: nanoscale-box serve",
            )
        case Miss.DEAD:
            return Unreachable(
                f"the box that left its socket at {path} has ended", "start it again: nanoscale-box serve"
            )
        case Miss.ABSENT:
            looked = " and ".join(str(tried) for _, tried in misses)
            return Unreachable(
                f"no box is running: there is no socket at {looked}",
                "start one: nanoscale-box serve; if it runs elsewhere, set NANOSCALE_SOCKET to its socket",
            )


def in_doubt(lost: Unreachable) -> Unreachable:
    """The same for an answer that was lost after a change was asked for."""
    return Unreachable(
        f"{lost.sentence}; what was asked of it may have been done all the same",
        f"{lost.hint}; before you ask again see what was done: nanoscale-box status, nanoscale-box audit",
    )

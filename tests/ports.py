"""Ports for what a test starts: nobody listens there, and none is given twice, whoever runs tests at the same time."""

from __future__ import annotations

import random
import socket
from collections.abc import Sequence
from typing import Final

_QUIET: Sequence[int] = range(10_000, 16_000)
"""Below those of outgoing connections, so that none comes in between looking and listening; the demo's follow."""
_HELD: Final[list[socket.socket]] = []
"""What says of each port given that it is: an address of Linux's without a file, in the same network as the port
(unix(7), abstract), held until this process ends."""


def free_port() -> int:
    """One that is this process's from now on, though nobody may listen there for a while."""
    for port in random.sample(_QUIET, len(_QUIET)):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f"\0port {port} is for a test of nanoscale-box")
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _HELD.append(claim)
        return port
    raise RuntimeError("no port is free")

"""Ports for what a test starts: nobody listens there, and no test that runs at the same time is given the same one."""

from __future__ import annotations

import os
import random
import socket

_QUIET = range(10_000, 20_000)
"""Below those of outgoing connections, so that none comes in between looking and listening."""
_SHARES = 10


def free_port() -> int:
    """One out of the share of this process: each of pytest-xdist's workers draws from its own."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for port in random.sample(_QUIET[worker % _SHARES :: _SHARES], 100):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no port is free")

"""Finds a port of its own for each app."""

from __future__ import annotations

import errno
import socket
import zlib
from collections.abc import Collection, Iterator
from typing import Final

from nanoscale_box.core.errors import Code, Fault, Unavailable

APP_PORTS: Final = range(20000, 32000)
"""Below the range from which Linux takes ports for outgoing connections (32768 on), so that none of those comes in
between."""


def free_port(seed: str, taken: Collection[int], ports: range = APP_PORTS) -> int:
    """A port on which nobody listens and that nobody was given; `Unavailable` `no_free_port` if there is none.

    The search begins at a place that `seed` decides, so a port is not used again soon after it was freed."""
    for port in _from(zlib.crc32(seed.encode()) % len(ports), ports):
        if port not in taken and is_free("127.0.0.1", port):
            return port
    raise Unavailable(
        Code.NO_FREE_PORT,
        f"every port from {ports[0]} to {ports[-1]} on this machine is in use",
        hint="stop an app or another program that listens there, then deploy again",
        fault=Fault.BOX,
    )


def is_free(host: str, port: int, *, reuse: bool = False) -> bool:
    """Whether one may listen there; an empty host is every address. `reuse` disregards connections that linger
    (TIME_WAIT),
    as servers do. `PermissionError` if the port is reserved for root; other `OSError`s as they come."""
    everywhere = not host and socket.has_dualstack_ipv6()
    family = socket.AF_INET6 if everywhere or ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        if everywhere:
            probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        if reuse:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen()  # a bind with SO_REUSEADDR alone may go through beside one who listens
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def _from(start: int, ports: range) -> Iterator[int]:
    yield from ports[start:]
    yield from ports[:start]

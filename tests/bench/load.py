"""The sender of a bench, a process of its own: requests written ahead of the clock over raw sockets kept alive.

    python -m tests.bench.load '{"port": 8787, "count": 5000, "connections": 32}'

It prints one JSON object: how many were answered 2xx, in how many seconds, and how long answers took.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass, field

from tests.bench.deliveries import Pushes, requests


@dataclass(slots=True)
class _Wire:
    """One connection; `at` is when its last request was sent."""

    socket: socket.socket
    at: float = 0.0
    answer: bytes = b""
    rest: memoryview = field(default_factory=lambda: memoryview(b""))


def send(written: list[bytes], port: int, connections: int, rate: float | None = None) -> dict[str, object]:
    """Send everything, each connection waiting for its answer before it goes on; with `rate` so many a second."""
    waiting = iter(written)
    poll = select.epoll()
    wires: dict[int, _Wire] = {}
    for _ in range(min(connections, len(written))):
        one = socket.create_connection(("127.0.0.1", port), timeout=10)
        one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        one.setblocking(False)
        wires[one.fileno()] = _Wire(one)
        poll.register(one.fileno(), select.EPOLLIN)
    statuses: Counter[str] = Counter()
    took: list[float] = []
    began = time.perf_counter()
    idle: list[_Wire] = []
    left = len(written)
    sent = 0
    for wire in wires.values():
        if rate is None:
            sent += _next(wire, waiting, poll)
        else:
            idle.append(wire)
    while left:
        pause = -1.0
        if rate is not None:
            pause = 0.5
            while idle and sent < len(written):
                pause = began + sent / rate - time.perf_counter()
                if pause > 0:
                    break
                sent += _next(idle.pop(), waiting, poll)
        for number, event in poll.poll(pause):
            wire = wires[number]
            if event & select.EPOLLOUT:
                _push_on(wire, poll)
            if not event & select.EPOLLIN:
                continue
            status = _read(wire)
            if status is None:
                continue
            took.append(time.perf_counter() - wire.at)
            statuses[status] += 1
            left -= 1
            if rate is None:
                sent += _next(wire, waiting, poll)
            else:
                idle.append(wire)
    seconds = time.perf_counter() - began
    for wire in wires.values():
        wire.socket.close()
    took.sort()
    return {
        "answered": sum(count for status, count in statuses.items() if status.startswith("2")),
        "statuses": dict(statuses),
        "seconds": seconds,
        "p50_ms": 1000 * took[len(took) // 2],
        "p99_ms": 1000 * took[min(len(took) - 1, len(took) * 99 // 100)],
        "max_ms": 1000 * took[-1],
        "sender_cpu_seconds": time.process_time(),
    }


def _next(wire: _Wire, waiting: object, poll: select.epoll) -> int:
    request = next(waiting, None)  # type: ignore[call-overload]
    if request is None:
        return 0
    wire.at = time.perf_counter()
    wire.rest = memoryview(request)
    _push_on(wire, poll)
    return 1


def _push_on(wire: _Wire, poll: select.epoll) -> None:
    wire.rest = wire.rest[wire.socket.send(wire.rest) :]
    poll.modify(wire.socket.fileno(), select.EPOLLIN | (select.EPOLLOUT if wire.rest else 0))


def _read(wire: _Wire) -> str | None:
    """The status once the answer is whole."""
    got = wire.socket.recv(65536)
    if not got:
        raise ConnectionError(f"the receiver closed the connection after {wire.answer[:200]!r}")
    wire.answer += got
    head, blank, body = wire.answer.partition(b"\r\n\r\n")
    if not blank:
        return None
    lower = head.lower()
    _, told, length = lower.partition(b"\r\ncontent-length:")
    whole = len(body) >= int(length.partition(b"\r\n")[0]) if told else body.endswith(b"0\r\n\r\n")
    if not whole:
        return None
    wire.answer = b""
    return head[9:12].decode("ascii")


if __name__ == "__main__":
    wanted = json.loads(sys.argv[1])
    pushes = Pushes(**wanted.get("pushes", {}))
    prepared = requests(wanted["count"], f"127.0.0.1:{wanted['port']}", pushes)
    gc.disable()
    print(json.dumps(send(prepared, wanted["port"], wanted["connections"], wanted.get("rate"))))

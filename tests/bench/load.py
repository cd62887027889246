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
    blocked: bool = False


class Sender:
    """Sends everything, each connection waiting for its answer before it goes on; with `rate` so many a second."""

    def __init__(self, written: list[bytes], port: int, connections: int, rate: float | None = None) -> None:
        self._written = written
        self._sent = 0
        self._rate = rate
        self._poll = select.epoll()
        self._wires: dict[int, _Wire] = {}
        self._statuses: Counter[str] = Counter()
        self._took: list[float] = []
        for _ in range(min(connections, len(written))):
            one = socket.create_connection(("127.0.0.1", port), timeout=10)
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            one.setblocking(False)
            self._wires[one.fileno()] = _Wire(one)
            self._poll.register(one.fileno(), select.EPOLLIN)

    def run(self) -> dict[str, object]:
        """Send, and tell what came back."""
        self._began = time.perf_counter()
        idle = list(self._wires.values())
        while len(self._took) < len(self._written):
            pause = self._send_due(idle)
            for number, event in self._poll.poll(pause):
                wire = self._wires[number]
                if event & select.EPOLLOUT:
                    self._push_on(wire)
                if event & ~select.EPOLLOUT and self._answered(wire):
                    idle.append(wire)
        seconds = time.perf_counter() - self._began
        for wire in self._wires.values():
            wire.socket.close()
        return self._told(seconds)

    def _send_due(self, idle: list[_Wire]) -> float:
        """Send on idle connections what is due; give how long there is nothing to send, -1: no limit."""
        while idle and self._sent < len(self._written):
            if self._rate is not None:
                pause = self._began + self._sent / self._rate - time.perf_counter()
                if pause > 0:
                    return pause
            wire = idle.pop()
            wire.at = time.perf_counter()
            wire.rest = memoryview(self._written[self._sent])
            self._sent += 1
            self._push_on(wire)
        return -1

    def _push_on(self, wire: _Wire) -> None:
        waited = wire.blocked
        wire.rest = wire.rest[wire.socket.send(wire.rest) :]
        wire.blocked = bool(wire.rest)
        if waited or wire.blocked:
            events = select.EPOLLIN | (select.EPOLLOUT if wire.blocked else 0)
            self._poll.modify(wire.socket.fileno(), events)

    def _answered(self, wire: _Wire) -> bool:
        status = _read(wire)
        if status is None:
            return False
        self._took.append(time.perf_counter() - wire.at)
        self._statuses[status] += 1
        return True

    def _told(self, seconds: float) -> dict[str, object]:
        took = sorted(self._took)
        return {
            "answered": sum(count for status, count in self._statuses.items() if status.startswith("2")),
            "statuses": dict(self._statuses),
            "seconds": seconds,
            "p50_ms": 1000 * took[len(took) // 2],
            "p99_ms": 1000 * took[min(len(took) - 1, len(took) * 99 // 100)],
            "max_ms": 1000 * took[-1],
        }


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
    sender = Sender(prepared, wanted["port"], wanted["connections"], wanted.get("rate"))
    print(json.dumps(sender.run()))

"""What the kernel says of processes: who one is, who belongs to it, where it listens; and how a family is ended."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

_FIRST_LOOK: Final = 0.005
_SLOWEST_LOOK: Final = 0.1
_ESTABLISHED: Final = b"01"
_LISTEN: Final = "0A"
_TCP_TABLES: Final = ("/proc/net/tcp", "/proc/net/tcp6")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessId:
    """One process for ever: numbers are used again, but not with the same start in the same boot."""

    pid: int
    started: int
    """Clock ticks from boot to its start: field 22 of /proc/PID/stat."""
    boot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stat:
    """The part of /proc/PID/stat that matters here."""

    pid: int
    parent: int
    session: int
    started: int
    gone: bool
    """A zombie, or on its way to become one: it runs nothing any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """An address on which a process accepts connections."""

    host: str
    port: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _TcpSocket:
    """A TCP socket as the kernel lists it; `listener` is its own address."""

    inode: str
    state: str
    uid: int
    listener: Listener


@cache
def boot_id() -> str:
    """The id of this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def identify(pid: int) -> ProcessId | None:
    """Who has this number now; None when nobody has or it is a zombie."""
    stat = _stat(pid)
    return None if stat is None or stat.gone else ProcessId(pid=pid, started=stat.started, boot=boot_id())


def identify_child(pid: int) -> ProcessId:
    """Who a child of ours is that was not reaped yet, ended or not. `ProcessLookupError` if it was."""
    stat = _stat(pid)
    if stat is None:
        raise ProcessLookupError(pid)
    return ProcessId(pid=pid, started=stat.started, boot=boot_id())


def is_alive(process: ProcessId) -> bool:
    """Whether it runs still."""
    return process.boot == boot_id() and identify(process.pid) == process


class Watch:
    """Calls back once a process has ended; `None` is one that has ended already."""

    def __init__(self, process: ProcessId | None) -> None:
        self._pidfd = None if process is None else _open_pidfd(process)

    def begin(self, ended: Callable[[], None]) -> bool:
        """Whether there is an end to wait for."""
        if self._pidfd is None:
            return False
        asyncio.get_running_loop().add_reader(self._pidfd, ended)
        return True

    def close(self) -> None:
        """Wait no more."""
        if self._pidfd is not None:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
            self._pidfd = None


def family(
    leader: ProcessId, marks: Collection[str] = (), known: Collection[ProcessId] = frozenset()
) -> set[ProcessId]:
    """Everything alive that stems from a session's leader: the session, every process whose environment holds all the
    `marks` (`NAME=value`), those `known` from an earlier look, and all descendants of these in whatever session.

    A session's number is not used again while it has a member or its leader is not yet reaped. Once the leader is
    reaped that
    cannot be told from outside any more, so then the marks decide alone. A leader that is a subreaper loses no
    descendant while it lives.
    """
    stats = {stat.pid: stat for stat in _all_stats()}
    led = stats.get(leader.pid)
    is_led = led is not None and led.started == leader.started and leader.boot == boot_id()
    wanted = {mark.encode() for mark in marks}
    children: dict[int, list[int]] = {}
    found: set[int] = set()
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
        if (is_led and leader.pid in (pid, stat.session)) or (wanted and wanted <= _environment(pid)):
            found.add(pid)
    found |= {one.pid for one in known if one.pid in stats and stats[one.pid].started == one.started}
    todo = list(found)
    while todo:
        fresh = [child for child in children.get(todo.pop(), ()) if child not in found]
        found.update(fresh)
        todo.extend(fresh)
    alive = (stats[pid] for pid in found if not stats[pid].gone)
    return {ProcessId(pid=stat.pid, started=stat.started, boot=boot_id()) for stat in alive}


def send(processes: Iterable[ProcessId], number: signal.Signals) -> None:
    """Signal exactly these processes, and no stranger that has got one of their numbers since."""
    for process in processes:
        descriptor = _open_pidfd(process)
        if descriptor is None:
            continue
        try:
            signal.pidfd_send_signal(descriptor, number)
        except ProcessLookupError:
            continue
        finally:
            os.close(descriptor)


async def end_family(leader: ProcessId, marks: Collection[str] = (), *, patience: float) -> None:
    """SIGTERM to all, and to those that come after, then SIGKILL to who is left after `patience` seconds; back when
    none is left. Who was seen once is not lost when what ties it to the others ends first."""
    deadline = time.monotonic() + patience
    seen: set[ProcessId] = set()
    pause = _FIRST_LOOK
    while left := await asyncio.to_thread(family, leader, marks, frozenset(seen)):
        if time.monotonic() < deadline:
            send(left - seen, signal.SIGTERM)
        else:
            send(left, signal.SIGKILL)
        seen |= left
        await asyncio.sleep(pause)
        pause = min(pause * 1.5, _SLOWEST_LOOK)


def listeners(processes: Iterable[ProcessId]) -> list[Listener]:
    """Where these processes accept TCP connections, by port."""
    sockets = {inode for process in processes for inode in _sockets(process.pid)}
    return [listener for inode, listener in _listening() if inode in sockets]


def listeners_of_user(uid: int) -> list[Listener]:
    """Where the processes of a user accept TCP connections, by port; that much the kernel tells everybody."""
    found = [one.listener for one in _tcp_sockets() if one.state == _LISTEN and one.uid == uid]
    return sorted(found, key=lambda each: each.port)


def is_busy(port: int) -> bool:
    """Whether somebody has a connection open to this TCP port of ours."""
    line = re.compile(rb"^ *[0-9]+: [0-9A-F]+:%04X [0-9A-F:]+ %s " % (port, _ESTABLISHED), re.MULTILINE)
    return any(line.search(_read(table)) for table in _TCP_TABLES)


def holder(port: int) -> str | None:
    """Who listens on the TCP port, as `name (pid N)`; None when that cannot be seen."""
    inodes = {inode for inode, listener in _listening() if listener.port == port}
    for pid in _pids():
        if inodes and not inodes.isdisjoint(_sockets(pid)):
            return f"{_name(pid)} (pid {pid})"
    return None


def _pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def _all_stats() -> Iterator[_Stat]:
    for pid in _pids():
        stat = _stat(pid)
        if stat is not None:
            yield stat


def _read(path: str) -> bytes:
    """The file's bytes; none when the process is gone or not ours to look at."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return b""


def _stat(pid: int) -> _Stat | None:
    """proc_pid_stat(5); the name in brackets may hold anything, so fields are counted from its end."""
    _, bracket, rest = _read(f"/proc/{pid}/stat").rpartition(b") ")
    if not bracket:
        return None
    fields = rest.split()
    return _Stat(
        pid=pid, parent=int(fields[1]), session=int(fields[3]), started=int(fields[19]), gone=fields[0] in (b"Z", b"X")
    )


def _environment(pid: int) -> set[bytes]:
    return set(_read(f"/proc/{pid}/environ").split(b"\0"))


def _name(pid: int) -> str:
    return _read(f"/proc/{pid}/comm").decode(errors="replace").strip() or "a program"


def _sockets(pid: int) -> Iterator[str]:
    """The inodes of the sockets a process has open."""
    folder = f"/proc/{pid}/fd"
    try:
        names = os.listdir(folder)
    except (FileNotFoundError, PermissionError, ProcessLookupError):
        return
    for name in names:
        try:
            target = os.readlink(f"{folder}/{name}")
        except (FileNotFoundError, PermissionError, ProcessLookupError):
            continue
        if target.startswith("socket:["):
            yield target[8:-1]


def _listening() -> list[tuple[str, Listener]]:
    """Inode and address of each listening TCP socket, by port."""
    found = [(one.inode, one.listener) for one in _tcp_sockets() if one.state == _LISTEN]
    return sorted(found, key=lambda each: each[1].port)


def _tcp_sockets() -> Iterator[_TcpSocket]:
    """Each TCP socket of the machine: proc_net(5)."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in _read(table).decode("ascii").splitlines()[1:]:
            fields = line.split()
            address, _, port = fields[1].partition(":")
            listener = Listener(host=_host(address), port=int(port, 16))
            yield _TcpSocket(inode=fields[9], state=fields[3], uid=int(fields[7]), listener=listener)


def _host(address: str) -> str:
    """An address as people write it, from the kernel's words of 32 bits in the machine's byte order."""
    words = [int(address[at : at + 8], 16) for at in range(0, len(address), 8)]
    raw = b"".join(word.to_bytes(4, sys.byteorder) for word in words)
    return socket.inet_ntop(socket.AF_INET if len(raw) == 4 else socket.AF_INET6, raw)


def _open_pidfd(process: ProcessId) -> int | None:
    """A descriptor that becomes readable when the process ends; None when it has ended. The caller closes it."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return None
    if is_alive(process):  # looked at after opening, so the descriptor cannot be a later process of the same number
        return descriptor
    os.close(descriptor)
    return None

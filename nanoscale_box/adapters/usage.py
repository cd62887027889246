"""What running apps take of the machine: the kernel's own counts, of trees of processes and of control groups."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from nanoscale_box.adapters.processes import ProcessId, boot_id
from nanoscale_box.core.model import Release
from nanoscale_box.engine.ports import Spent

CGROUPS: Final = Path("/sys/fs/cgroup")
_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class _Process:
    """The part of /proc/PID/stat that is counted."""

    parent: int
    session: int
    started: int
    ticks: int
    """Of processor time, that of children it has waited for included."""
    pages: int


def of_trees(leaders: Mapping[Release, ProcessId]) -> dict[Release, Spent]:
    """What sessions and their descendants have taken, by one look at all processes. Memory that processes share counts
    for each of them."""
    processes = {int(name): one for name in os.listdir("/proc") if name.isdigit() and (one := _process(name))}
    boot = boot_id()
    led = {
        leader.pid: release
        for release, leader in leaders.items()
        if leader.boot == boot and leader.pid in processes and processes[leader.pid].started == leader.started
    }
    ticks, pages = dict.fromkeys(led.values(), 0), dict.fromkeys(led.values(), 0)
    owners: dict[int, Release | None] = {0: None, **led}
    for pid, process in processes.items():
        release = _owner(pid, processes, owners)
        if release is not None:
            ticks[release] += process.ticks
            pages[release] += process.pages
    return {
        release: Spent(cpu_seconds=ticks[release] / _TICKS, memory_bytes=pages[release] * _PAGE) for release in ticks
    }


def of_groups(groups: Mapping[Release, str], root: Path = CGROUPS) -> dict[Release, Spent]:
    """What units have taken, by their control groups (version 2): https://docs.kernel.org/admin-guide/cgroup-v2.html.
    Those that are gone or are not counted are left out."""
    found = {}
    for release, group in groups.items():
        folder = f"{root}{group}"
        usage = _read(f"{folder}/cpu.stat").partition(b"usage_usec ")[2].split(None, 1)
        if usage:
            memory = _read(f"{folder}/memory.current")
            found[release] = Spent(
                cpu_seconds=int(usage[0]) / 1_000_000, memory_bytes=int(memory) if memory.strip() else None
            )
    return found


def _owner(pid: int, processes: Mapping[int, _Process], owners: dict[int, Release | None]) -> Release | None:
    """Whose process it is: that of the nearest one above it, or of its session; what was found is kept."""
    way = []
    while pid not in owners and (process := processes.get(pid)) is not None:
        way.append(pid)
        owners[pid] = None  # and so a number that was used again meanwhile leads into no circle
        pid = process.session if owners.get(process.session) is not None else process.parent
    found = owners.get(pid)
    for one in way:
        owners[one] = found
    return found


def _process(name: str) -> _Process | None:
    """proc_pid_stat(5); the name in brackets may hold anything, so fields are counted from its end."""
    _, bracket, rest = _read(f"/proc/{name}/stat").rpartition(b") ")
    if not bracket:
        return None
    fields = rest.split(None, 22)
    return _Process(int(fields[1]), int(fields[3]), int(fields[19]), sum(map(int, fields[11:15])), int(fields[21]))


def _read(path: str) -> bytes:
    """The file's bytes; none when what it tells of is gone, or is not counted."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (FileNotFoundError, PermissionError):
        return b""
    try:
        return os.read(descriptor, 4096)
    except OSError:  # it ended in between
        return b""
    finally:
        os.close(descriptor)

"""What systemd hears of the box."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from nanoscale_box.adapters.notify import Notifier


@pytest.mark.parametrize("where", ["file", "@abstract"])
async def test_it_says_that_it_is_ready_and_that_its_loop_turns(tmp_path: Path, where: str) -> None:
    path = f"@{tmp_path}" if where == "@abstract" else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(f"\0{path[1:]}" if path.startswith("@") else path)
        systemd.settimeout(10)
        notifier = Notifier({"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "150000"})
        notifier.tell("READY=1", "STATUS=open")
        assert systemd.recv(100) == b"READY=1\nSTATUS=open"
        alive = asyncio.create_task(notifier.keep_alive())
        for _ in range(3):
            assert await asyncio.to_thread(systemd.recv, 100) == b"WATCHDOG=1"
        alive.cancel()


async def test_nobody_who_listens_is_no_trouble(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "gone")}, {"WATCHDOG_USEC": "1000"}):
        notifier = Notifier(environ)
        notifier.tell("READY=1")
        alive = asyncio.create_task(notifier.keep_alive())
        await asyncio.wait_for(alive, 10)
        assert alive.done()

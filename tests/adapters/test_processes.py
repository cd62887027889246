"""Ending a family: also those of it whom nothing but having been seen ties to their leader any more."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

from nanoscale_box.adapters.processes import ProcessId, end_family, identify, is_alive

_LEADER = """
setsid env -i sh -c 'trap "" TERM; echo $$ > {told}.new; mv {told}.new {told}; while :; do sleep 100 & wait; done' &
wait
"""


async def test_who_hides_and_ignores_the_request_is_ended_too(tmp_path: Path) -> None:
    told = tmp_path / "told"
    child = subprocess.Popen(["sh", "-c", _LEADER.format(told=told)], start_new_session=True)
    stray = await _process_of(told)
    leader = identify(child.pid)
    assert leader is not None
    reaping = asyncio.create_task(asyncio.to_thread(child.wait))  # with it goes what ties the other to it
    await end_family(leader, patience=0.5)
    await reaping
    try:
        assert not is_alive(stray)
    finally:
        if is_alive(stray):
            os.killpg(stray.pid, 9)


async def _process_of(told: Path) -> ProcessId:
    for _ in range(1000):
        if told.exists():
            process = identify(int(told.read_text()))
            assert process is not None
            return process
        await asyncio.sleep(0.01)
    raise AssertionError("it did not start")

"""The terminal UI in a real tmux, attached to a real box that dies and comes back under it."""

from __future__ import annotations

import asyncio
import re
import sys
from itertools import pairwise

import pytest

from nanoscale_box.sandbox.server import Sandbox
from tests.e2e.harness import SERVER, Box, app_files, repository
from tests.tui.tmux import Tmux, tmux

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]
SIZE = (100, 240)
"""Tall, so that all the app says between two looks is in sight."""
TAKEN = re.compile(r"CPU [▁▂▃▄▅▆▇█]+ [0-9.]+ %   memory [▁▂▃▄▅▆▇█]+ [0-9]+ MB")
TALKS = f"""
import threading, time
def talk():
    number = 0
    while True:
        number += 1
        print(f"tick {{number}}", flush=True)
        time.sleep(0.2)
threading.Thread(target=talk, daemon=True).start()
{SERVER}"""


def ticks(screen: str) -> list[int]:
    """What is seen of what the app says."""
    return [int(one) for one in re.findall(r"tick (\d+)\b", screen)]


async def test_it_says_that_the_box_is_away_and_goes_on_where_it_was(box: Box, sandbox: Sandbox) -> None:
    await box.start()
    url = await repository(sandbox, "clock", {**app_files("one"), "app.py": TALKS})
    assert (await box.create(url, name="clock")).state == "live"
    with tmux(box.folder, f"{sys.executable} -m nanoscale_box", SIZE, box.settings) as pane:
        await asyncio.to_thread(_walk_to_the_log, pane)
        box.kill()
        last = ticks(await asyncio.to_thread(pane.until, lambda screen: "✕ box away" in screen and ticks(screen)))[-1]
        assert "the box is away" in pane.screen()
        await box.start()
        back = await asyncio.to_thread(
            pane.until, lambda screen: "box away" not in screen and max(ticks(screen)) > last + 10
        )
        seen = ticks(back)
        assert seen[0] <= last
        assert [later - earlier for earlier, later in pairwise(seen)] == [1] * (len(seen) - 1)
        assert "◐ follows" in back
        await asyncio.to_thread(_leave, pane)
    assert (await box.page("clock.localhost"))[0] == 200


def _walk_to_the_log(pane: Tmux) -> None:
    """From home to what the app prints, with the figures of what it takes above it."""
    pane.until(lambda screen: "● live" in screen and "1 Projects" in screen)
    pane.press("l")
    pane.until(lambda screen: len(ticks(screen)) > 3 and "follows" in screen and TAKEN.search(screen))


def _leave(pane: Tmux) -> None:
    pane.press("q")
    assert "The box and its apps keep running" in pane.until("left with 0")

"""Runs the terminal UI on a box in memory in a real terminal: `python -m tests.tui.stage [empty|crash|gone]`."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Self

from nanoscale_box.client import Unreachable
from nanoscale_box.tui.app import KEEPS_RUNNING, run
from nanoscale_box.wire import shapes
from tests.tui.fake_client import FakeClient, busy_box


class Broken(FakeClient):
    """Its answers are none that the UI can show."""

    async def github_status(self) -> shapes.GithubStatus:
        raise ZeroDivisionError("the UI has an error of its own")


class Gone(FakeClient):
    """Cannot be dialled."""

    async def __aenter__(self) -> Self:
        raise Unreachable("No box is running here.", "Start one: nanoscale-box serve")


BOXES = {"busy": busy_box, "empty": FakeClient, "crash": Broken, "gone": Gone}

if __name__ == "__main__":
    box = BOXES[sys.argv[1] if len(sys.argv) > 1 else "busy"]()
    sys.exit(asyncio.run(run(lambda: box, os.environ, KEEPS_RUNNING)))

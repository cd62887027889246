"""Pictures of the screen (SVG) against the stored ones; `NANOSCALE_UPDATE_SNAPSHOTS=1` stores them anew."""

from __future__ import annotations

import os
import re
from pathlib import Path

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input

from tests.tui.conftest import painted

STILL = 4
"""How often in a row the screen is to be the same."""
SECONDS = 0.1
"""Between two looks; the screens hear of changes within half of that."""
FOLDER = Path(__file__).parent / "snapshots"
# Read here, as no test sees a setting from outside.
UPDATE = bool(os.environ.get("NANOSCALE_UPDATE_SNAPSHOTS"))


def picture(app: App[None], title: str = "nanoscale-box") -> str:
    """The screen as SVG: no random ids, no font from elsewhere, no spaces at line ends."""
    svg = app.export_screenshot(title=title, simplify=True)
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    svg = re.sub(r"terminal-\d+-", "t-", svg)
    svg = re.sub(r"font-family: Fira Code, monospace", "font-family: monospace", svg)
    svg = re.sub(r"<!-- Generated .*?-->", "", svg)
    return re.sub(r"\n\s*\n+", "\n", re.sub(r"[ \t]+\n", "\n", svg)) + ("" if svg.endswith("\n") else "\n")


async def settled(pilot: Pilot[None]) -> str:
    """The screen once it stays as it is for a while, with cursors that do not blink."""
    for cursor in pilot.app.screen.query(Input):
        cursor.cursor_blink = False
    now, same = painted(pilot.app), 0
    while same < STILL:
        await pilot.pause(SECONDS)
        seen, now = now, painted(pilot.app)
        same = same + 1 if seen == now else 0
    return picture(pilot.app)


async def check_picture(pilot: Pilot[None], name: str, aside: Path) -> None:
    """The screen looks as it did when somebody last looked at it; what it looks like now is left in `aside`."""
    stored, now = FOLDER / f"{name}.svg", await settled(pilot)
    if UPDATE:
        FOLDER.mkdir(exist_ok=True)
        stored.write_text(now, encoding="utf-8")
    seen = aside / f"{name}.svg"
    seen.write_text(now, encoding="utf-8")
    assert stored.read_text(encoding="utf-8") == now, f"{name} looks otherwise: compare {stored} with {seen}"

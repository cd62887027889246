"""Draws the pictures of the docs: `scripts/pictures` runs it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

from nanoscale_box.tui.app import BoxApp
from tests.tui import samples
from tests.tui.fake_client import busy_box
from tests.tui.snapshot import settled

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
SIZE = (100, 28)
PICTURES = {"home": ["j"], "project": ["j", "enter", "j", "j"]}


async def draw(name: str, keys: list[str], tell: Callable[[str], None]) -> None:
    """One picture."""
    app = BoxApp(busy_box(), environ={"XDG_CONFIG_HOME": os.devnull}, now=lambda: samples.NOW, browse=lambda url: False)
    async with app.run_test(size=SIZE) as pilot:
        await settled(pilot)
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        path = FOLDER / f"{name}.svg"
        path.write_text(await settled(pilot), encoding="utf-8")
        tell(f"{path.relative_to(FOLDER.parents[1])}: {path.stat().st_size / 1000:.0f} kB")


async def main() -> None:
    """All of them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, keys in PICTURES.items():
        await draw(name, keys, print)


if __name__ == "__main__":
    asyncio.run(main())

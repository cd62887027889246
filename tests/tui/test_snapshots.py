"""The screens as pictures, at three sizes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tui import samples
from tests.tui.conftest import Opened, seen, until
from tests.tui.fake_client import FakeClient
from tests.tui.snapshot import check_picture

SIZES = [(80, 24), (120, 40), (60, 20)]
KEYS = {
    "home": ([], "Greet the"),
    "project": (["j", "enter"], "ended · 17 lines"),
    "failed": (["j", "enter", "j", "j"], "ended · 12 lines"),
    "new": (["n"], "ada/hello"),
    "manual": (["n", "ctrl+t"], "Address"),
    "plan": (["n", "down", "enter", "enter", "ctrl+s"], "uv sync --frozen"),
    "github": (["ctrl+g"], "selected repositories"),
    "environment": (["j", "enter", "4"], "2 · by name"),
    "settings": (["j", "enter", "5"], "5 Settings"),
    "rollback": (["j", "enter", "j", "b"], "runs now"),
    "delete": (["j", "D"], "Type hello"),
    "help": (["question_mark"], "Here"),
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", KEYS)
async def test_screens(box: FakeClient, opened: Opened, tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    keys, words = KEYS[name]
    async with opened(box, size) as pilot:
        await pilot.press(*keys)
        await until(pilot, lambda: words in seen(pilot))
        await check_picture(pilot, f"{name}-{size[0]}x{size[1]}", tmp_path)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_first_run(opened: Opened, tmp_path: Path, size: tuple[int, int]) -> None:
    async with opened(FakeClient(), size) as pilot:
        await check_picture(pilot, f"first-run-{size[0]}x{size[1]}", tmp_path)


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
async def test_device(opened: Opened, tmp_path: Path, size: tuple[int, int]) -> None:
    box = FakeClient()
    box.github = samples.github("registered")
    async with opened(box, size) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "WDJB-MJH1" in seen(pilot))
        await check_picture(pilot, f"device-{size[0]}x{size[1]}", tmp_path)


async def test_light(box: FakeClient, opened: Opened, tmp_path: Path) -> None:
    async with opened(box) as pilot:
        pilot.app.theme = "nanoscale-light"
        await check_picture(pilot, "home-light-80x24", tmp_path)

"""The screens as pictures, at three sizes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from nanoscale_box.client import ApiError
from nanoscale_box.tui import app
from nanoscale_box.tui.key_map import Action
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient
from tests.tui.snapshot import check_picture

Checked = Callable[[Pilot[None], str, str], Awaitable[None]]
HOME = {"XDG_CONFIG_HOME": "/home/ada/.config", "XDG_DATA_HOME": "/home/ada/.local/share"}
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
    "doctor": (["ctrl+e"], "mend it:"),
}


@pytest.fixture
def check_sizes(subtests: pytest.Subtests, tmp_path: Path) -> Checked:
    """Looks at a screen at each size, in one terminal that is resized; each size is told by itself."""

    async def check(pilot: Pilot[None], name: str, words: str) -> None:
        for wide, high in SIZES:
            with subtests.test(f"{wide}x{high}"):
                await pilot.resize_terminal(wide, high)
                await until(pilot, lambda: words in seen(pilot))
                await check_picture(pilot, f"{name}-{wide}x{high}", tmp_path)

    return check


@pytest.mark.parametrize("name", KEYS)
async def test_screens(box: FakeClient, opened: Opened, check_sizes: Checked, name: str) -> None:
    keys, words = KEYS[name]
    async with opened(box, SIZES[0], HOME) as pilot:
        await pilot.press(*keys)
        await check_sizes(pilot, name, words)


async def test_choices(box: FakeClient, opened: Opened, check_sizes: Checked, monkeypatch: pytest.MonkeyPatch) -> None:
    """With some of the actions: all of them are others as often as one comes along."""
    some = [Action(id=f"list.action-{at}", keys="a,ctrl+a", does="does it") for at in range(30)]
    monkeypatch.setattr(app, "actions", lambda *_: some)
    async with opened(box, SIZES[0], HOME) as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: "the version that answers" in seen(pilot) or ("0.1.0" in seen(pilot)))
        await check_sizes(pilot, "choices", "")


async def test_what_was_done(box: FakeClient, opened: Opened, check_sizes: Checked) -> None:
    async with opened(box) as pilot:
        await pilot.press("j", "d")
        await until(pilot, lambda: "#14" in said(pilot))
        box.refuse["redeploy"] = ApiError(samples.problem("The disk is full.", "Remove old releases.", status=503))
        await pilot.press("d")
        await until(pilot, lambda: "The disk is full." in said(pilot))
        pilot.app.clear_notifications()
        await pilot.press("exclamation_mark")
        await check_sizes(pilot, "journal", "What was done from here")


async def test_first_run(opened: Opened, check_sizes: Checked) -> None:
    async with opened(FakeClient()) as pilot:
        await check_sizes(pilot, "first-run", "")


async def test_device(opened: Opened, check_sizes: Checked) -> None:
    box = FakeClient()
    box.github = samples.github("registered")
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))
        await pilot.press("v")
        await check_sizes(pilot, "device", "WDJB-MJH1")


async def test_light(box: FakeClient, opened: Opened, tmp_path: Path) -> None:
    async with opened(box) as pilot:
        pilot.app.theme = "nanoscale-light"
        await check_picture(pilot, "home-light-80x24", tmp_path)

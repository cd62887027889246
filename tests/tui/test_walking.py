"""Ways through the screens that every terminal program has: keys of two schools, and the mouse."""

from __future__ import annotations

import pytest

from nanoscale_box.tui.screens.help import Help
from nanoscale_box.tui.screens.home import HomeScreen
from tests.tui import samples
from tests.tui.conftest import Opened, seen, until
from tests.tui.fake_client import FakeClient


@pytest.mark.parametrize(
    ("keys", "at"),
    [
        (["down", "down"], 2), (["j", "j", "k"], 1), (["j", "j", "up"], 1), (["end"], 39), (["G"], 39),
        (["G", "home"], 0), (["G", "g"], 0),
    ],
)  # fmt: skip
async def test_lists_are_walked_by_either_keys(box: FakeClient, opened: Opened, keys: list[str], at: int) -> None:
    box.all_projects = [samples.project(f"app-{number:02}") for number in range(40)]
    async with opened(box) as pilot:
        await pilot.press(*keys)
        assert isinstance(pilot.app.screen, HomeScreen)
        assert pilot.app.screen.projects.rows.cursor == at


async def test_a_page_is_the_same_by_either_keys(box: FakeClient, opened: Opened) -> None:
    box.all_projects = [samples.project(f"app-{number:02}") for number in range(40)]
    async with opened(box) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, HomeScreen)
        rows = screen.projects.rows
        for down, up in (("pagedown", "pageup"), ("ctrl+d", "ctrl+u")):
            await pilot.press(down)
            assert 5 < rows.cursor < 39
            await pilot.press(up)
            assert rows.cursor == 0


async def test_numbers_reach_the_panes(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        screen = pilot.app.screen
        assert isinstance(screen, HomeScreen)
        await pilot.press("2")
        assert screen.activity.rows.has_focus
        await pilot.press("1")
        assert screen.projects.rows.has_focus


async def test_a_key_of_the_footer_is_clicked(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await until(pilot, lambda: "? help" in seen(pilot))
        (row,) = [at for at, line in enumerate(seen(pilot).splitlines()) if "? help" in line]
        await pilot.click(offset=(seen(pilot).splitlines()[row].index("? help") + 2, row))
        await until(pilot, lambda: isinstance(pilot.app.screen, Help))


async def test_f1_is_help_too(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(pilot.app.screen, Help))

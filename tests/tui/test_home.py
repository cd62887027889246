"""Home, driven by keys and by events."""

from __future__ import annotations

import pytest

from nanoscale_box.client import Disconnected, Reconnected
from nanoscale_box.tui.screens.connect import GithubScreen
from nanoscale_box.tui.screens.help import Help
from nanoscale_box.tui.screens.home import HomeScreen
from nanoscale_box.tui.screens.new_project import NewProjectScreen
from nanoscale_box.tui.screens.project import ProjectScreen
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient


async def test_projects_and_verdicts_are_told(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        screen = seen(pilot)
    for words in (
        "◐ building", "● live", "■ down", "hello", "Greet the", "3 min ago", "#5 failed", "paused",
        "● deployed", "deployed as #12", "● GitHub ada · webhook · 4,871 of 5,000 requests left",
        "http://api.localhost:8080", "5 · by name",
    ):  # fmt: skip
        assert words in screen


async def test_the_word_beneath_follows_the_cursor(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("j")
        assert "#12 by push in 4.2 s" in seen(pilot)
        await pilot.press("G")
        assert "▲ paused: rolled back to #7" in seen(pilot)
        await pilot.press("g", "up", "ctrl+d", "ctrl+u")
        assert "building #32" in seen(pilot)


async def test_enter_opens_and_esc_comes_back(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))
        assert "nanoscale-box / hello" in seen(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))


@pytest.mark.parametrize(("key", "pane"), [("l", "log"), ("w", "why")])
async def test_log_and_why_are_a_key_away(box: FakeClient, opened: Opened, key: str, pane: str) -> None:
    async with opened(box) as pilot:
        await pilot.press(key)
        await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))
        focused = pilot.app.focused
        assert focused is not None
        assert pane in {one.id for one in focused.ancestors_with_self}


async def test_esc_never_quits(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("escape", "escape")
        assert pilot.app.is_running and isinstance(pilot.app.screen, HomeScreen)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting(box: FakeClient, opened: Opened, key: str) -> None:
    async with opened(box) as pilot:
        await pilot.press(key)
        assert pilot.app.return_code == 0
        assert not pilot.app.is_running


async def test_a_filter_narrows_and_esc_clears_it(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("slash", *"web")
        assert "1 of 5 · /web · by name" in seen(pilot)
        await pilot.press("enter")
        assert "website" in seen(pilot)
        await pilot.press("escape")
        assert "5 · by name" in seen(pilot)
        assert pilot.app.is_running


async def test_events_show_by_themselves(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        new = samples.deployment("hello", 13, "Wave too", state="live", age=0)
        box.put(samples.project("hello", live=new))
        box.tell("deployment", new, "prj_hello")
        box.tell("verdict", samples.verdict("hello", 13, "deployed", "deployed as #13", age=0), "prj_hello")
        await until(pilot, lambda: "Wave too" in seen(pilot) and "deployed as #13" in seen(pilot))


async def test_a_box_that_is_away_is_told_and_comes_back(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        box.happened.put_nowait(Disconnected(sentence="The box is not running.", hint=""))
        await until(pilot, lambda: "✕ box away: The box is not running." in seen(pilot))
        box.happened.put_nowait(Reconnected())
        await until(pilot, lambda: "● GitHub ada" in seen(pilot))


async def test_the_first_run_says_what_this_is_and_which_key_is_next(opened: Opened) -> None:
    async with opened(FakeClient()) as pilot:
        assert "Press n to make the first project" in seen(pilot)
        assert "GitHub not connected" in seen(pilot)
        await pilot.press("g")
        await until(pilot, lambda: isinstance(pilot.app.screen, GithubScreen))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewProjectScreen))


async def test_a_verdict_opens_its_project(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("2", "j", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))
        assert "nanoscale-box / hello" in seen(pilot)


async def test_help_names_every_key_of_the_screen(box: FakeClient, opened: Opened) -> None:
    async with opened(box, (100, 60)) as pilot:
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Help))
        screen = seen(pilot)
        for words in ("deploy", "roll back", "copy the address", "filter", "PgDn", "ctrl+p", "quit"):
            assert words in screen
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HomeScreen)


async def test_every_action_is_in_the_palette_with_its_key(box: FakeClient, opened: Opened) -> None:
    async with opened(box, (100, 60)) as pilot:
        commands = {one.title: one.help for one in pilot.app.get_system_commands(pilot.app.screen)}
        assert commands["Deploy"] == "key: d"
        assert commands["GitHub"] == "key: ctrl+g"
        assert {"New", "Roll back", "Pause pushes", "Delete the project", "Filter", "Theme", "Help"} <= commands.keys()
        await pilot.press("ctrl+p", *"deploy", "enter")
        await until(pilot, lambda: ("redeploy", "prj_api", False) in box.asked)


async def test_the_mouse_chooses_and_opens(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.click("#projects Rows", offset=(5, 2))
        assert "#12 by push" in seen(pilot)
        await pilot.click("#projects Rows", offset=(5, 2), times=2)
        await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))


async def test_deploying_says_what_happens(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("j", "d")
        await until(pilot, lambda: "hello is being deployed as #14" in said(pilot))


async def test_a_refusal_says_what_to_do(box: FakeClient, opened: Opened) -> None:
    from nanoscale_box.client import ApiError

    box.refuse["redeploy"] = ApiError(samples.problem("GitHub does not answer.", "Try again in a minute."))
    async with opened(box) as pilot:
        await pilot.press("d")
        await until(pilot, lambda: "GitHub does not answer.\nTry again in a minute." in said(pilot))


async def test_a_window_that_is_too_small_says_so(box: FakeClient, opened: Opened) -> None:
    async with opened(box, (50, 12)) as pilot:
        assert "This window is 50x12" in seen(pilot)
        assert "Projects" not in seen(pilot)
        await pilot.resize_terminal(60, 16)
        await until(pilot, lambda: "Projects" in seen(pilot))


async def test_two_hundred_projects_scroll(box: FakeClient, opened: Opened) -> None:
    box.all_projects = [samples.project(f"app-{number:03}") for number in range(200)]
    async with opened(box) as pilot:
        assert "200 · by name" in seen(pilot)
        await pilot.press("G")
        await until(pilot, lambda: "app-199" in seen(pilot))
        await pilot.press("g")
        await until(pilot, lambda: "app-000" in seen(pilot))


async def test_animations_are_off_unless_wanted(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        assert pilot.app.animation_level == "none"
        assert pilot.app.theme == "nanoscale-dark"
    async with opened(box, environ={"TEXTUAL_ANIMATIONS": "full", "TEXTUAL_THEME": "nord"}) as pilot:
        assert pilot.app.theme != "nanoscale-dark"

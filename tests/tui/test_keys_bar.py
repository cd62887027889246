"""The line of keys: whole keys only, help always, and only what makes sense for what is selected."""

from __future__ import annotations

import msgspec
import pytest
from textual.pilot import Pilot

from nanoscale_box.tui.screens.plan import PlanScreen
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.tui.widgets.keys_bar import KeysBar
from tests.tui import samples
from tests.tui.conftest import Opened, seen, until
from tests.tui.fake_client import FakeClient


def keys(pilot: Pilot[None]) -> str:
    return seen(pilot).splitlines()[-1].strip()


@pytest.mark.parametrize("path", [(), ("j", "enter"), ("n",), ("n", "ctrl+t"), ("ctrl+g",), ("ctrl+e",), ("ctrl+o",)])
async def test_no_key_is_cut_and_help_is_always_there(
    box: FakeClient, opened: Opened, path: tuple[str, ...], subtests: pytest.Subtests
) -> None:
    async with opened(box, (60, 20)) as pilot:
        await pilot.press(*path)
        for width in (60, 67, 80, 200):
            with subtests.test(width=width):
                await pilot.resize_terminal(width, 20)
                await until(pilot, lambda: "? help" in keys(pilot))
                assert pilot.app.screen.size.width == width
                words = {one.binding.description for one in pilot.app.screen.active_bindings.values()}
                shown = keys(pilot)
                for word in sorted(words, key=len, reverse=True):
                    shown = shown.replace(word, "|")
                assert all(len(rest.strip()) <= 3 for rest in shown.split("|")), f"cut: {keys(pilot)}"


async def test_a_wider_window_shows_more_keys(box: FakeClient, opened: Opened) -> None:
    async with opened(box, (60, 20)) as pilot:
        await pilot.press("n", "down", "enter", "enter", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen) and "? help" in keys(pilot))
        assert "f2 variables" not in keys(pilot) and "esc back" in keys(pilot)
        await pilot.resize_terminal(100, 20)
        await until(pilot, lambda: "f2 variables" in keys(pilot) and "q quit" in keys(pilot))


async def test_the_line_is_made_anew_only_when_other_keys_apply(box: FakeClient, opened: Opened) -> None:
    async with opened(box, (120, 30)) as pilot:
        await until(pilot, lambda: "? help" in keys(pilot))
        screen, told = pilot.app.screen, list[object]()
        bar = screen.query_one(KeysBar)
        screen.bindings_updated_signal.subscribe(screen, told.append)
        before, shown = list(bar.children), keys(pilot)
        screen.refresh_bindings()
        await until(pilot, lambda: told)
        await pilot.pause()
        assert before and list(bar.children) == before
        await pilot.press("n")
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen is screen and keys(pilot) == shown)


async def test_the_doctors_keys_have_room_and_are_of_use(box: FakeClient, opened: Opened) -> None:
    async with opened(box, (60, 20)) as pilot:
        await pilot.press("ctrl+e")
        await until(pilot, lambda: keys(pilot) == "r look again f mend y copy what mends it esc back ? help")
        await pilot.press("end")  # what was skipped has no remedy
        await until(pilot, lambda: keys(pilot) == "r look again f mend esc back ? help q quit")


async def test_what_is_listed_of_github_opens_nothing(box: FakeClient, opened: Opened) -> None:
    async with opened(box, (120, 30)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "esc back" in keys(pilot) and "ada/hello" in seen(pilot))
        assert "open" not in keys(pilot)


async def test_cancel_and_roll_back_are_offered_for_what_they_can_be_done_to(box: FakeClient, opened: Opened) -> None:
    box.all_deployments.append(samples.deployment("hello", 13, state="building", age=0))
    async with opened(box, (120, 30)) as pilot:
        await pilot.press("j", "enter")
        await until(pilot, lambda: "c cancel" in keys(pilot) and "b roll back" not in keys(pilot))
        await pilot.press("j")  # the live one
        await until(pilot, lambda: "c cancel" not in keys(pilot) and "b roll back" in keys(pilot))
        await pilot.press("j", "j")  # one that failed
        await until(pilot, lambda: "c cancel" not in keys(pilot) and "b roll back" not in keys(pilot))
        assert isinstance(pilot.app.screen, ProjectScreen)


async def test_resume_is_offered_while_pushes_are_paused(box: FakeClient, opened: Opened) -> None:
    hello = next(one for one in box.all_projects if one.name == "hello")
    async with opened(box, (120, 30)) as pilot:
        await pilot.press("j", "enter")
        await until(pilot, lambda: "b roll back" in keys(pilot) and "resume" not in keys(pilot))
        paused = msgspec.structs.replace(hello, paused=True, paused_reason="by you")
        box.put(paused)
        box.tell("project", paused, paused.id)
        await until(pilot, lambda: "r resume" in keys(pilot))

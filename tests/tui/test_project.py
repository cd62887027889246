"""A project's screen, driven by keys and by events."""

from __future__ import annotations

import msgspec
import pytest
from textual.widgets import Button

from nanoscale_box.client import ApiError
from nanoscale_box.tui.screens import project
from nanoscale_box.tui.screens.confirm import Confirm, ConfirmByName
from nanoscale_box.tui.screens.home import HomeScreen
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.wire import requests
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient

HELLO = ("j", "enter")


async def test_deployments_and_the_log_of_the_newest(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO)
        await until(pilot, lambda: "release 9f31 is ready" in seen(pilot))
        screen = seen(pilot)
    for words in ("#12", "● live", "✕ failed", "· superseded", "grace", "2 Build log of #12", "ended · 17 lines",
                  "fetch 0.1 s", "http://hello.localhost:8080", "ada/hello private"):  # fmt: skip
        assert words in screen


async def test_a_failure_says_why_and_what_to_do(
    box: FakeClient, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project, "_SETTLE", 3.0)
    async with opened(box, (120, 40)) as pilot:
        await pilot.press(*HELLO, "j", "j")
        await until(pilot, lambda: "no module named" in seen(pilot))
        await until(pilot, lambda: "Build log of #10" in seen(pilot))


async def test_running_through_a_list_asks_for_no_log(
    box: FakeClient, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(box, (120, 40)) as pilot:
        monkeypatch.setattr(project, "_SETTLE", 600)
        await pilot.press(*HELLO, "j")
        monkeypatch.setattr(project, "_SETTLE", 0)
        await pilot.press("j")
        await until(pilot, lambda: "Build log of #10" in seen(pilot))
        assert [asked[1] for asked in box.asked if asked[0] == "deployment_log"] == ["dep_hello_10"]


async def test_the_other_log(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "l")
        await until(pilot, lambda: "GET /healthz" in seen(pilot))
        assert "Run log of #12" in seen(pilot)


async def test_a_push_appears_and_its_log_is_followed(box: FakeClient, opened: Opened) -> None:
    box.follow_log = True
    async with opened(box) as pilot:
        await pilot.press(*HELLO)
        new = samples.deployment("hello", 13, "Wave too", state="building", age=0, seconds=2)
        box.tell("deployment", new, "prj_hello")
        await until(pilot, lambda: "2 Build log of #13" in seen(pilot))
        await until(pilot, lambda: "follows · 17 lines" in seen(pilot))
        box.log_lines.put_nowait("one more line")
        await until(pilot, lambda: "one more line" in seen(pilot))
        await until(pilot, lambda: "c cancels" in seen(pilot))
        await pilot.press("c")
        await until(pilot, lambda: ("cancel", "dep_hello_13") in box.asked)


async def test_a_log_that_is_refused_says_why(box: FakeClient, opened: Opened) -> None:
    box.refuse["deployment_log"] = ApiError(samples.problem("That log was cleared away.", "Deploy again."))
    async with opened(box) as pilot:
        await pilot.press(*HELLO)
        await until(pilot, lambda: "✕ That log was cleared away. Deploy again." in seen(pilot))


async def test_roll_back_asks_and_enter_cancels(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "j", "b")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "Roll back hello" in seen(pilot) and "#11" in seen(pilot)
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))
        assert not [asked for asked in box.asked if asked[0] == "rollback"]
        await pilot.press("b", "right", "enter")
        await until(pilot, lambda: ("rollback", "prj_hello", "dep_hello_11") in box.asked)


async def test_roll_back_without_a_kept_release_under_the_cursor(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "b", "y")
        await until(pilot, lambda: ("rollback", "prj_hello", None) in box.asked)


async def test_deleting_takes_the_name(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmByName))
        await pilot.press(*"hell", "enter")
        assert isinstance(pilot.app.screen, ConfirmByName)
        assert pilot.app.screen.query_one("#want", Button).disabled
        await pilot.press("o", "enter")
        await until(pilot, lambda: ("delete_project", "prj_hello") in box.asked)
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        assert "hello is deleted" in said(pilot)


async def test_pause_and_resume(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "p", "r")
        await until(pilot, lambda: ("resume", "prj_hello") in box.asked)
        assert ("change_project", "prj_hello", requests.ChangeProject(paused=True)) in box.asked


async def test_the_address_is_opened_and_told(box: FakeClient, opened: Opened, pages: list[str]) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "o")
        await until(pilot, lambda: "http://hello.localhost:8080 is opened" in said(pilot))
    assert pages == ["http://hello.localhost:8080"]


async def test_address_and_commit_are_copied(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "y")
        await until(pilot, lambda: pilot.app.clipboard == "http://hello.localhost:8080")
        await pilot.press("Y")
        await until(pilot, lambda: pilot.app.clipboard == box.all_deployments[0].sha)


async def test_nothing_to_cancel_is_said(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "c")
        await until(pilot, lambda: "Nothing of hello is being deployed" in said(pilot))


async def test_why_shares_the_place_of_deployments_where_there_is_little_room(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "w")
        await until(pilot, lambda: "the push went to drafts" in seen(pilot))
        assert "1 Deployments" not in seen(pilot)
        await pilot.press("w")
        await until(pilot, lambda: "1 Deployments" in seen(pilot))
        await pilot.press("3", "enter")
        await until(pilot, lambda: "1 Deployments" in seen(pilot))
    async with opened(box, (140, 40)) as pilot:
        await pilot.press(*HELLO)
        await until(pilot, lambda: "1 Deployments" in seen(pilot) and "3 Why" in seen(pilot))


@pytest.mark.parametrize("pane", ["1", "2", "4", "5"])
async def test_a_pane_is_enlarged_and_esc_makes_it_small_again(box: FakeClient, opened: Opened, pane: str) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, pane, "z")
        await until(pilot, lambda: pilot.app.screen.maximized is not None)
        await pilot.press("escape")
        await until(pilot, lambda: pilot.app.screen.maximized is None)
        assert isinstance(pilot.app.screen, ProjectScreen)


async def test_a_project_deleted_elsewhere_takes_its_screen_along(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO)
        await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))
        await box.delete_project("prj_hello")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))


@pytest.mark.parametrize("paused", ["by you", None])
async def test_what_needs_the_owner_stands_at_the_top(box: FakeClient, opened: Opened, paused: str | None) -> None:
    hello = next(one for one in box.all_projects if one.name == "hello")
    box.put(msgspec.structs.replace(hello, paused=paused is not None, paused_reason=paused))
    async with opened(box) as pilot:
        await pilot.press(*HELLO)
        await until(pilot, lambda: ("▲ paused: by you · r resumes" in seen(pilot)) == (paused is not None))

"""The panes of a project that change it: environment, settings, and what cannot be undone."""

from __future__ import annotations

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from nanoscale_box.cli.commands import COMMANDS
from nanoscale_box.client import ApiError
from nanoscale_box.tui.knobs import KNOBS, Kind, change_to, shown, value_of, words_for
from nanoscale_box.tui.screens.ask import Ask, AskVariables
from nanoscale_box.tui.screens.confirm import Confirm, ConfirmByName
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.wire import requests
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient

HELLO = ("j", "enter")


def asked(box: FakeClient, name: str) -> list[tuple[object, ...]]:
    return [one for one in box.asked if one[0] == name]


async def paste(pilot: Pilot[None], text: str) -> None:
    pilot.app.screen.query_one("#typed", Input).post_message(events.Paste(text))
    await pilot.pause()


def test_every_field_that_can_be_changed_has_a_row() -> None:
    assert sorted(knob.field for knob in KNOBS) == sorted(requests.ChangeProject.__struct_fields__)


def test_every_row_names_an_option_of_the_command() -> None:
    command = next(one for one in COMMANDS if one.words == "projects set")
    options = {flag for argument in command.arguments for flag in argument.names}
    for knob in KNOBS:
        if knob.field != "paused":
            assert words_for(knob, "yes")[0] in options


@pytest.mark.parametrize("knob", KNOBS, ids=lambda knob: knob.field)
def test_a_setting_is_typed_as_it_is_shown(knob: object) -> None:
    wanted = next(one for one in KNOBS if one is knob)
    typed = {Kind.NUMBER: "12", Kind.SWITCH: "yes", Kind.LIST: "src docs/*.md"}.get(wanted.kind, "v1")
    change = getattr(change_to(wanted, typed), wanted.field)
    if wanted.field != "domains":
        project = msgspec.structs.replace(samples.project("hello"), **{wanted.field: change})
        assert value_of(wanted, project) == typed
        assert shown(wanted, project).startswith(typed)


def test_domains_are_the_hosts_besides_its_own() -> None:
    knob = next(one for one in KNOBS if one.field == "domains")
    project = msgspec.structs.replace(samples.project("hello"), hosts=["hello.localhost", "a.example", "b.example"])
    assert value_of(knob, project) == "a.example b.example"
    assert change_to(knob, " a.example ").domains == ["a.example"]
    assert words_for(knob, "") == ["--domain", ""]


async def test_variables_are_set_beside_those_there_are_and_never_shown(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "4")
        await until(pilot, lambda: "DATABASE_URL" in seen(pilot) and "2 · by name" in seen(pilot))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))
        await pilot.press(*"KEY=hush")
        await until(pilot, lambda: "KEY=••••" in seen(pilot))
        assert "hush" not in seen(pilot)
        await pilot.press("enter")
        await paste(pilot, "# ours\nexport SECRET_KEY='not this'\nOTHER=x # y\n")
        await until(pilot, lambda: "OTHER" in seen(pilot))
        assert "not this" not in seen(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: asked(box, "replace_env"))
        assert asked(box, "replace_env")[0][2] == {
            "DATABASE_URL": None, "KEY": "hush", "SECRET_KEY": "not this", "OTHER": "x",
        }  # fmt: skip
        await until(pilot, lambda: "3 variables set; d deploys" in said(pilot))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "env set hello KEY=VALUE" in seen(pilot))
        assert "hush" not in seen(pilot) and "not this" not in seen(pilot)


@pytest.mark.parametrize("end", ["\r", "\r\n", "\n"])
async def test_a_terminal_may_end_pasted_lines_as_it_likes(box: FakeClient, opened: Opened, end: str) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "4", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))
        await paste(pilot, end.join(["# ours", "A=1", "B='two words'", ""]))
        await paste(pilot, "C=3")
        await until(pilot, lambda: "C=•" in seen(pilot))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: asked(box, "replace_env"))
    told = asked(box, "replace_env")[0][2]
    assert isinstance(told, dict)
    assert {key: told[key] for key in "ABC"} == {"A": "1", "B": "two words", "C": "3"}


async def test_a_flawed_env_is_refused_as_a_whole(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "e", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))
        await paste(pilot, "GOOD=1\nnot a line\n")
        await until(pilot, lambda: "line 2 is not of the form KEY=value" in seen(pilot))
        await paste(pilot, "GOOD=1\nPORT=1\n")
        await until(pilot, lambda: "PORT is set by the box" in seen(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))
        assert not asked(box, "replace_env")


async def test_a_variable_is_unset_after_asking(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "4")
        await until(pilot, lambda: "SECRET_KEY" in seen(pilot))
        await pilot.press("j", "x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        assert "Unset SECRET_KEY" in seen(pilot)
        await pilot.press("y")
        await until(pilot, lambda: ("replace_env", "prj_hello", {"DATABASE_URL": None}) in box.asked)


async def test_a_setting_is_changed_where_it_stands(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "5", "slash", *"memory", "enter", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press(*"lots", "enter")
        await until(pilot, lambda: "A whole number is needed" in seen(pilot))
        await pilot.press(*["backspace"] * 4, *"512", "enter")
        await until(pilot, lambda: ("change_project", "prj_hello", requests.ChangeProject(memory_mb=512)) in box.asked)
        await until(pilot, lambda: "512 MiB" in seen(pilot))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "nanoscale-box projects set hello --memory-mb 512" in seen(pilot))


async def test_what_the_box_refuses_is_said_where_it_was_typed_and_stays(box: FakeClient, opened: Opened) -> None:
    box.refuse["change_project"] = ApiError(samples.problem("That name is taken.", "Choose another."))
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "s", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        await pilot.press("end", "2", "enter")
        await until(pilot, lambda: "That name is taken. Choose another." in seen(pilot))
        assert "hello2" in seen(pilot)


async def test_a_switch_and_the_pause_need_no_typing(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "5", "slash", *"checks are", "enter", "enter")
        wait = requests.ChangeProject(wait_for_ci=True)
        await until(pilot, lambda: ("change_project", "prj_hello", wait) in box.asked)
        await pilot.press("escape")
        await pilot.press("slash", *"noted", "enter", "enter")
        pause = requests.ChangeProject(paused=True)
        await until(pilot, lambda: ("change_project", "prj_hello", pause) in box.asked)


async def test_the_danger_zone_asks_for_the_name(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "5", "G")
        await until(pilot, lambda: "✕ Delete project" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmByName))
        await pilot.press("escape", "k", "enter")
        await until(pilot, lambda: ("redeploy", "prj_hello", True) in box.asked)


async def test_a_roll_back_says_what_changes(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "j", "b")
        await until(pilot, lambda: "runs now   #12" in seen(pilot))
        assert "goes to    #11" in seen(pilot) and "58 min ago" in seen(pilot)
        assert "as they were when it was built" in seen(pilot)


async def test_what_went_wrong_is_told_in_full_on_a_key(box: FakeClient, opened: Opened) -> None:
    box.refuse["redeploy"] = ApiError(samples.problem("The disk is full.", "Make room.", code="disk_full", status=507))
    async with opened(box) as pilot:
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "Nothing yet." in seen(pilot))
        await pilot.press("escape", "j", "d")
        await until(pilot, lambda: "The disk is full.\nMake room.\n! shows details" in said(pilot))
        await pilot.press("exclamation_mark")
        await until(pilot, lambda: "507 disk_full" in seen(pilot))
        assert "nanoscale-box deploy hello" in seen(pilot) and "POST /api/projects/prj_hello/redeploy" in seen(pilot)


async def test_an_empty_environment_says_which_key_begins_and_the_key_works(box: FakeClient, opened: Opened) -> None:
    box.variables = []
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "4")
        await until(pilot, lambda: "No variable is set. a sets some" in seen(pilot))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))
        await pilot.press(*"KEY=v", "ctrl+s")
        await until(pilot, lambda: ("replace_env", "prj_hello", {"KEY": "v"}) in box.asked)
        await until(pilot, lambda: "1 · by name" in seen(pilot))
        await pilot.press("x", "y")
        await until(pilot, lambda: "No variable is set" in seen(pilot))
        await pilot.press("a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))


async def test_settings_tell_what_was_detected(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press(*HELLO, "5")
        await until(pilot, lambda: "uv sync --frozen (python, detected)" in seen(pilot))

"""The plan of a project that is not made yet: shown, changed and deployed as it was changed."""

from __future__ import annotations

import msgspec
import pytest
from textual import events
from textual.pilot import Pilot
from textual.widgets import Input

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui.screens.ask import AskVariables
from nanoscale_box.tui.screens.new_project import NewProjectScreen
from nanoscale_box.tui.screens.plan import PlanScreen
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.wire import requests, shapes
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient

GITHUB = ("n", "down", "enter", "enter")
MANUAL = ("n", "ctrl+t", *"https://codeberg.org/ada/site", "enter", *"trunk", "enter")


def asked(box: FakeClient, name: str) -> list[requests.CreateProject]:
    return [one[1] for one in box.asked if one[0] == name]


async def look(pilot: Pilot[None], keys: tuple[str, ...] = GITHUB) -> PlanScreen:
    """To the plan of a source."""
    for key in keys:
        await pilot.press(key)
        await until(pilot, lambda: not pilot.app.workers or "searching" not in seen(pilot))
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen))
    screen = pilot.app.screen
    assert isinstance(screen, PlanScreen)
    return screen


def put(screen: PlanScreen, field: str, text: str) -> None:
    screen.fields[field].input.value = text


async def deploy(pilot: Pilot[None]) -> None:
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))


@pytest.mark.parametrize("keys", [GITHUB, MANUAL], ids=["github", "manual"])
async def test_the_plan_is_shown_before_anything_is_made(
    box: FakeClient, opened: Opened, keys: tuple[str, ...]
) -> None:
    async with opened(box) as pilot:
        await look(pilot, keys)
        await until(pilot, lambda: "● python" in seen(pilot) and "uv sync --frozen" in seen(pilot))
        assert "uv run app.py" in seen(pilot) and "answers at http://" in seen(pilot)
        assert not asked(box, "create_project")
        await deploy(pilot)
    (planned,), (made,) = asked(box, "plan_anew"), asked(box, "create_project")
    assert planned == made, "what was looked at is what is made"
    if keys is MANUAL:
        assert (made.repo_url, made.branch) == ("https://codeberg.org/ada/site", "trunk")
    else:
        assert made.github_source == requests.GithubSource(installation_id=11, repo_id=100, selected_branch="main")
    assert made.install_command is None and made.health_path is None, "what is not changed stays detected"


async def test_what_is_changed_is_what_the_project_has(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        screen = await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        put(screen, "build_command", "make")
        put(screen, "install_command", "")
        put(screen, "output_directory", "dist")
        put(screen, "health_path", "/up")
        put(screen, "release_command", "migrate")
        await until(pilot, lambda: "none; detected: uv sync --frozen  F4 takes it back" in seen(pilot))
        assert "Changed since the box looked" in seen(pilot)
        await deploy(pilot)
    made = asked(box, "create_project")[0]
    assert (made.install_command, made.build_command, made.run_command) == ("", "make", None)
    assert (made.output_directory, made.health_path, made.release_command) == ("dist", "/up", "migrate")
    assert (made.preflight_command, made.root_directory) == (None, None)


async def test_a_field_is_left_to_the_box_again(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        screen = await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        screen.fields["run_command"].input.focus()
        await pilot.press("end", *" --fast")
        await until(pilot, lambda: "detected: uv run app.py" in seen(pilot))
        await pilot.press("f4")
        await until(pilot, lambda: screen.fields["run_command"].value == "uv run app.py")
        await deploy(pilot)
    assert asked(box, "create_project")[0].run_command is None


async def test_another_root_is_looked_at_before_it_is_deployed(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        screen = await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        put(screen, "root_directory", "web")
        box.plan_preview = msgspec.structs.replace(samples.PLAN, kind="node", why="package.json")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "● node" in seen(pilot))
        assert "The box looks again first" in said(pilot) and not asked(box, "create_project")
        await deploy(pilot)
    assert [one.root_directory for one in asked(box, "plan_anew")] == [None, "web"]
    assert asked(box, "create_project")[0].root_directory == "web"


async def test_what_the_machine_lacks_is_said(box: FakeClient, opened: Opened) -> None:
    box.plan_preview = msgspec.structs.replace(samples.PLAN, missing=["poetry", "node"])
    async with opened(box, (60, 16)) as pilot:
        await look(pilot)
        await until(pilot, lambda: "▲ This machine lacks poetry, node" in seen(pilot))
        box.plan_preview = samples.PLAN
        await pilot.press("f5")
        await until(pilot, lambda: "lacks" not in seen(pilot))


async def test_what_the_repository_says_itself_is_not_changed_here(box: FakeClient, opened: Opened) -> None:
    box.plan_preview = msgspec.structs.replace(samples.PLAN, in_file=["run_command"])
    async with opened(box) as pilot:
        screen = await look(pilot)
        await until(pilot, lambda: "nanoscale.toml in the repository says so" in seen(pilot))
        assert screen.fields["run_command"].input.disabled
        assert not screen.fields["build_command"].input.disabled


async def test_looking_is_seen_and_left_with_esc(box: FakeClient, opened: Opened) -> None:
    box.looking.clear()
    async with opened(box) as pilot:
        await look(pilot)
        await until(pilot, lambda: "◐ fetching the source and looking" in seen(pilot))
        await until(pilot, lambda: "Receiving 3.1 MiB, 40 %." in seen(pilot))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "The box still looks" in said(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewProjectScreen))
        await until(pilot, lambda: len(asked(box, "left")) == 1)
        box.looking.set()
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "● python" in seen(pilot))
    assert not asked(box, "create_project")


@pytest.mark.parametrize(
    "failure",
    [
        ApiError(
            samples.problem("Nothing was found that could be started.", "Set a run command.", code="plan_unknown")
        ),
        Unreachable("The box is not running.", "Start it."),
    ],
)
async def test_a_failure_is_a_sentence_and_loses_nothing(
    box: FakeClient, opened: Opened, failure: ApiError | Unreachable
) -> None:
    box.refuse["plan_anew"] = failure
    sentence = failure.sentence if isinstance(failure, Unreachable) else failure.problem.detail
    async with opened(box) as pilot:
        screen = await look(pilot, MANUAL)
        await until(pilot, lambda: f"✕ {sentence}" in seen(pilot))
        put(screen, "run_command", "serve")
        put(screen, "root_directory", "web")
        await pilot.press("f5")
        await until(pilot, lambda: len(asked(box, "plan_anew")) == 2 and f"✕ {sentence}" in seen(pilot))
        assert screen.fields["run_command"].value == "serve"
        await pilot.press("escape")
        await until(pilot, lambda: "codeberg.org/ada/site" in seen(pilot) and "run: serve" in seen(pilot))
        del box.refuse["plan_anew"]
        screen = await look(pilot, ())
        await until(pilot, lambda: "● python" in seen(pilot))
        assert (screen.fields["run_command"].value, screen.fields["root_directory"].value) == ("serve", "web")
        assert screen.fields["install_command"].value == "uv sync --frozen"
        await deploy(pilot)
    made = asked(box, "create_project")[0]
    assert (made.run_command, made.root_directory, made.install_command) == ("serve", "web", None)


async def test_a_creation_that_is_refused_stays_on_the_plan(box: FakeClient, opened: Opened) -> None:
    box.refuse["create_project"] = ApiError(samples.problem("The disk is full.", "Make room.", code="disk_full"))
    async with opened(box) as pilot:
        screen = await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        put(screen, "build_command", "make")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "✕ The disk is full. Make room." in seen(pilot))
        assert screen.fields["build_command"].value == "make"
        del box.refuse["create_project"]
        await deploy(pilot)


async def test_a_name_that_is_taken_leads_back_to_where_it_was_typed(box: FakeClient, opened: Opened) -> None:
    box.refuse["create_project"] = ApiError(samples.problem("That name is taken.", code="name_taken", status=409))
    async with opened(box) as pilot:
        await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewProjectScreen) and "✕ That name" in seen(pilot))


async def test_what_was_typed_holds_for_another_source_and_what_was_found_does_not(
    box: FakeClient, opened: Opened
) -> None:
    async with opened(box) as pilot:
        screen = await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        put(screen, "build_command", "make")
        await pilot.press("escape")
        await until(pilot, lambda: "build: make" in seen(pilot))
        box.plan_preview = msgspec.structs.replace(
            samples.PLAN, commands=[shapes.PlannedCommand(name="run", command="node server.js")]
        )
        screen = await look(pilot, MANUAL[1:])
        await until(pilot, lambda: "node server.js" in seen(pilot))
        assert screen.fields["install_command"].value == "" and screen.fields["build_command"].value == "make"
        await deploy(pilot)
    made = asked(box, "create_project")[0]
    assert (made.build_command, made.install_command, made.run_command) == ("make", None, None)


async def test_a_pasted_env_is_masked_and_comes_along(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))
        pilot.app.screen.query_one("#typed", Input).post_message(
            events.Paste("# ours\nexport A=1\nB='two words'\nKEY=\"-----BEGIN-----\nabc\n-----END-----\"\n")
        )
        await until(pilot, lambda: "KEY" in seen(pilot) and "••••" in seen(pilot))
        assert "two words" not in seen(pilot) and "BEGIN" not in seen(pilot)
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "3 variables" in seen(pilot))
        await pilot.press("f2")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))
        await pilot.press("escape")
        await until(pilot, lambda: "3 variables" in seen(pilot))
        await deploy(pilot)
    made = asked(box, "create_project")[0]
    values = {one.key: one.value for one in made.env_vars}
    assert values == {"A": "1", "B": "two words", "KEY": "-----BEGIN-----\nabc\n-----END-----"}


async def test_read_only_shows_the_plan_and_makes_nothing(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await look(pilot)
        await until(pilot, lambda: "● python" in seen(pilot))
        pilot.app.screen.desk.read_only = True  # type: ignore[attr-defined]
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "Read-only" in said(pilot))
    assert not asked(box, "create_project")

"""The terminal UI on a real box: a project is planned, changed, made, watched, rolled back and deleted by keys."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.tui.app import BoxApp
from nanoscale_box.tui.screens.home import HomeScreen
from nanoscale_box.tui.screens.plan import PlanScreen
from nanoscale_box.tui.screens.project import ProjectScreen
from tests.e2e.harness import Box, app_files, repository
from tests.tui.conftest import seen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def until(pilot: Pilot[None], condition: Callable[[], object]) -> None:
    """Wait for something that real builds and starts take time for."""
    async with asyncio.timeout(60):
        while not condition():
            if pilot.app._exception is not None:
                raise pilot.app._exception
            await pilot.pause(0.1)


async def test_a_manual_project_from_its_plan_to_its_end(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    async with box.client() as client:
        app = BoxApp(client, environ={"XDG_CONFIG_HOME": str(tmp_path)}, browse=lambda url: False)
        async with app.run_test(size=(120, 40)) as pilot:
            await until(pilot, lambda: app.desk.model.loaded)
            await pilot.press("n")
            await until(pilot, lambda: "GitHub is not connected" in seen(pilot))
            await pilot.press(*f"{url}.git", "ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, PlanScreen) and app.screen.draft.plan is not None)
            assert not await client.projects(), "nothing is made yet"
            screen = app.screen
            assert isinstance(screen, PlanScreen)
            assert screen.fields["run_command"].value == "python3 app.py"
            assert screen.fields["run_command"].input.disabled, "nanoscale.toml says so"
            screen.fields["build_command"].input.value = "echo planned by me"
            await pilot.press("ctrl+s")
            await until(pilot, lambda: isinstance(app.screen, ProjectScreen))
            await until(pilot, lambda: "● live" in seen(pilot) and "planned by me" in seen(pilot))
            (made,) = await client.projects()
            assert (made.name, made.build_command, made.run_command) == ("site", "echo planned by me", None)
            assert await box.page("site.localhost") == (200, "one")

            await sandbox.push("ada/site", files={"page.txt": "two"})
            await pilot.press("d")
            await until(pilot, lambda: (one := app.desk.model.projects[made.id].live) and one.number == 2)
            assert await box.page("site.localhost") == (200, "two")
            await until(pilot, lambda: "· retired" in seen(pilot))
            await pilot.press("j", "b")
            await until(pilot, lambda: "Roll back site" in seen(pilot))
            await pilot.press("y")
            await until(pilot, lambda: app.desk.model.projects[made.id].pinned_deployment_id is not None)
            await until(pilot, lambda: (one := app.desk.model.projects[made.id].live) and one.number != 2)
            assert await box.page("site.localhost") == (200, "one")
            await pilot.press("D")
            await until(pilot, lambda: "Type site" in seen(pilot))
            await pilot.press(*"site", "enter")
            await until(pilot, lambda: isinstance(app.screen, HomeScreen))
            assert not await client.projects()

"""Hostile text in every place that shows what others wrote: nothing crashes, nothing reaches the terminal."""

from __future__ import annotations

import re

import msgspec
import pytest
from textual.pilot import Pilot

from nanoscale_box.client import ApiError, Disconnected
from nanoscale_box.tui.screens.ask import Ask, AskVariables
from nanoscale_box.tui.screens.confirm import Confirm, ConfirmByName
from nanoscale_box.tui.screens.help import Help
from nanoscale_box.tui.screens.journal import Journal
from nanoscale_box.tui.screens.plan import PlanScreen
from nanoscale_box.wire import shapes
from tests.tui import samples
from tests.tui.conftest import Opened, painted, seen, until
from tests.tui.fake_client import FakeClient

MARKUP = "[/foo] feat[/] [@click=app.quit]x[/] $x {y} \\["
CONTROLS = "a\x1b[2J\x1b]52;c;x\x07b\x9b31mc\x90x\x9cd\re\nf\tg\x00\x7f\u202eh\u2066\u200b\ufeff"
"""Short enough for the cells of a small screen: what is cut off harms nobody."""
HOSTILE = [(MARKUP, (80, 24)), (CONTROLS, (80, 24)), ("日本語" * 200, (80, 24)), (f"{CONTROLS} {MARKUP}", (160, 45))]
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\ufeff]")


def hostile_box(text: str) -> FakeClient:
    """A box in which everything that others write is `text`."""
    box = FakeClient()
    error = samples.problem(text, text)
    live = samples.deployment("x", 1, text, state="live", author=text)
    live = msgspec.structs.replace(
        live,
        ref=f"refs/heads/{text}",
        sha=text,
        trigger=text,
        steps=[shapes.Step(name=text, state=text, duration_ms=1)],
    )
    failed = msgspec.structs.replace(live, id="dep_x_2", number=2, state="failed", error=error)
    project = samples.project("x", live=live, latest=failed, branch=text, paused=text)
    link = project.github and msgspec.structs.replace(project.github, full_name=text)
    drift = shapes.Drift(behind=None, since=samples.NOW, reason=text)
    project = msgspec.structs.replace(
        project, id="prj_x", name=text, url=f"http://{text}", github=link, drift=drift, state=text,
        hosts=[text], build_command=text, watch_paths=[text], health_path=text,
    )  # fmt: skip
    box.variables = [text]
    box.all_projects, box.all_deployments = [project], [live, failed]
    verdict = samples.verdict("x", 1, text, text, age=1, source=text, branch=text)
    box.all_verdicts = [msgspec.structs.replace(verdict, sha=text, delivery_id=text)]
    installation = msgspec.structs.replace(
        samples.installation(11, text), account_type=text, repository_selection=text, missing_permissions=[text]
    )
    box.github = samples.github(account_login=text, mode=text, installations=[installation])
    repository = msgspec.structs.replace(samples.repository(1, text, owner=text), installation_id=11)
    box.all_repositories = [repository]
    box.all_branches = [shapes.Branch(name=text, sha=text, default=True)]
    box.findings = [shapes.Finding(code=text, status=text, title=text, why=text, fix=text, fixable=True)]
    box.all_hooks = [
        shapes.Hook(state=text, repo_id=1, full_name=text, hook_id=1, url=text, detail=text, project_ids=["prj_x"])
    ]
    box.plan_preview = shapes.PlanPreview(
        kind=text, why=text, commands=[shapes.PlannedCommand(name="build", command=text)], output_directory=text,
        health_path=text, missing=[text], in_file=[text],
    )  # fmt: skip
    box.logs = {"build": [text, text], "run": [text]}
    return box


def expect_clean(pilot: Pilot[None], words: str) -> None:
    """The screen shows `words` and no character that a terminal or a reader would act on."""
    screen = seen(pilot)
    assert words in screen
    assert not FORBIDDEN.search(screen)
    for line in painted(pilot.app):
        for segment in line:
            assert segment.control is None or not segment.control
            assert not (segment.style and segment.style.meta.get("@click"))


@pytest.mark.parametrize(("text", "size"), HOSTILE)
async def test_every_screen(opened: Opened, text: str, size: tuple[int, int]) -> None:
    box = hostile_box(text)
    async with opened(box, size) as pilot:
        expect_clean(pilot, "1 Projects")
        await pilot.press("D")
        await until(pilot, lambda: isinstance(pilot.app.screen, ConfirmByName))
        expect_clean(pilot, "Delete")
        await pilot.press("escape", "enter")
        await until(pilot, lambda: "3 Why" in seen(pilot) or "1 Deployments" in seen(pilot))
        await until(pilot, lambda: "ended" in seen(pilot))
        expect_clean(pilot, "log of #2")
        await pilot.press("w", "1", "slash", *"zz", "escape", "l", "y", "Y", "o", "p")
        await pilot.pause(0.3)
        expect_clean(pilot, "log of #2")
        await pilot.press("b")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        expect_clean(pilot, "Roll back")
        await pilot.press("escape", "ctrl+g")
        await until(pilot, lambda: "may not yet" in seen(pilot))
        expect_clean(pilot, "GitHub")
        await pilot.press("2")
        await until(pilot, lambda: "R repairs" in seen(pilot))
        expect_clean(pilot, "2 Webhooks")
        await pilot.press("escape", "ctrl+e")
        await until(pilot, lambda: "mend it" in seen(pilot))
        expect_clean(pilot, "Findings")
        await pilot.press("y")
        await pilot.press("escape", "question_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Help))
        await pilot.press("escape")


@pytest.mark.parametrize(("text", "size"), [HOSTILE[1], HOSTILE[3]])
async def test_the_plan_of_a_new_project(opened: Opened, text: str, size: tuple[int, int]) -> None:
    box = hostile_box(text)
    async with opened(box, size) as pilot:
        await pilot.press("n", "down", "enter")
        await until(pilot, lambda: "default" in seen(pilot))
        await pilot.press("enter", "ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen) and "lacks" in seen(pilot))
        expect_clean(pilot, "Install")
        box.refuse["plan_anew"] = ApiError(samples.problem(text, text))
        await pilot.press("f5")
        await until(pilot, lambda: "looks again" in seen(pilot) and "lacks" not in seen(pilot))
        expect_clean(pilot, "Install")


@pytest.mark.parametrize(("text", "size"), [HOSTILE[1], HOSTILE[3]])
async def test_panes_that_change_a_project(opened: Opened, text: str, size: tuple[int, int]) -> None:
    async with opened(hostile_box(text), size) as pilot:
        await pilot.press("enter", "4")
        await until(pilot, lambda: "by name" in seen(pilot))
        expect_clean(pilot, "4 Environment")
        await pilot.press("x")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        expect_clean(pilot, "Unset")
        await pilot.press("y", "a")
        await until(pilot, lambda: isinstance(pilot.app.screen, AskVariables))
        expect_clean(pilot, "Variables of")
        await pilot.press("escape", "5", "G", "g", "down", "down", "enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, Ask))
        expect_clean(pilot, "Domains of")
        await pilot.press("escape", "exclamation_mark")
        await until(pilot, lambda: isinstance(pilot.app.screen, Journal))
        expect_clean(pilot, "What was done")


@pytest.mark.parametrize("text", [text for text, _ in HOSTILE])
async def test_forms_toasts_and_news(opened: Opened, text: str) -> None:
    box = hostile_box(text)
    box.refuse["create_project"] = ApiError(samples.problem(text, text, code="name_taken"))
    box.refuse["redeploy"] = ApiError(samples.problem(text, text))
    async with opened(box) as pilot:
        await pilot.press("d")
        await pilot.pause(0.2)
        expect_clean(pilot, "1 Projects")
        await pilot.press("n")
        await until(pilot, lambda: "private" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "default" in seen(pilot))
        await pilot.press("ctrl+s")
        await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen) and pilot.app.screen.draft.ready)
        expect_clean(pilot, "New project / plan")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "✕" in seen(pilot))
        expect_clean(pilot, "Branch of")
        box.tell("github", {"change": "sync_failed", "detail": text})
        box.tell("github", {"change": "connected", "account_login": text})
        box.happened.put_nowait(Disconnected(sentence=text, hint=text))
        await until(pilot, lambda: "✕ box away" in seen(pilot))
        expect_clean(pilot, "trying again")

"""The log pane under a flood."""

from __future__ import annotations

import asyncio

import pytest
from textual.app import App, ComposeResult
from textual.content import Content

from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.tui.widgets import log_pane
from nanoscale_box.tui.widgets.log_pane import LINES, LogPane
from tests.tui.conftest import Opened, seen, until
from tests.tui.fake_client import FakeClient


class Stage(App[None]):
    """A log pane alone."""

    CSS = "LogPane { border: round white; }"

    def __init__(self) -> None:
        super().__init__()
        self.pane = LogPane()

    def compose(self) -> ComposeResult:
        yield self.pane


async def test_it_follows_and_pauses_when_one_reads_back() -> None:
    app = Stage()
    async with app.run_test(size=(60, 12)) as pilot:
        app.pane.begin(Content("Log"), Content("follows"))
        for number in range(100):
            app.pane.write(f"line {number}")
        await until(pilot, lambda: "line 99" in seen(pilot))
        app.pane.focus()
        await pilot.press("up")
        await until(pilot, lambda: "paused" in seen(pilot))
        for number in range(100, 103):
            app.pane.write(f"line {number}")
        await until(pilot, lambda: "paused, 3 new" in seen(pilot))
        assert "line 102" not in seen(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "line 102" in seen(pilot) and "follows · 103 lines" in seen(pilot))
        await pilot.press("g")
        await until(pilot, lambda: "line 0 " in seen(pilot) and not app.pane.following)
        await pilot.press("end")
        await until(pilot, lambda: app.pane.following)


async def test_the_wheel_reads_back() -> None:
    app = Stage()
    async with app.run_test(size=(60, 12)) as pilot:
        for number in range(100):
            app.pane.write(f"line {number}")
        await until(pilot, lambda: "line 99" in seen(pilot))
        app.pane.action_move(-3)
        await until(pilot, lambda: "line 99" not in seen(pilot) and not app.pane.following)
        app.pane.action_move(3)
        await until(pilot, lambda: "line 99" in seen(pilot) and app.pane.following)


async def test_memory_is_bounded_and_the_last_lines_are_kept() -> None:
    app = Stage()
    async with app.run_test(size=(60, 12)) as pilot:
        for number in range(3 * LINES):
            app.pane.write(f"line {number}")
            if number % 4_000 == 0:
                await pilot.pause(0.06)
        await until(pilot, lambda: f"line {3 * LINES - 1}" in seen(pilot))
        assert len(app.pane.text) == LINES
        assert app.pane.text[-1] == f"line {3 * LINES - 1}"


async def test_reading_back_stays_where_it_is_while_old_lines_are_forgotten() -> None:
    app = Stage()
    async with app.run_test(size=(60, 12)) as pilot:
        for number in range(LINES):
            app.pane.write(f"line {number}")
        await until(pilot, lambda: f"line {LINES - 1}" in seen(pilot))
        app.pane.focus()
        await pilot.press("pageup")
        await until(pilot, lambda: not app.pane.following)
        before = seen(pilot).splitlines()[3]
        for number in range(100):
            app.pane.write(f"later {number}")
        await until(pilot, lambda: "paused, 100 new" in seen(pilot))
        assert seen(pilot).splitlines()[3] == before


async def test_a_flood_is_painted_at_most_twenty_times_a_second() -> None:
    app = Stage()
    async with app.run_test(size=(60, 12)) as pilot:
        batches: list[float] = []
        take_in = app.pane._take_in
        clock = asyncio.get_running_loop().time

        def counted() -> None:
            batches.append(clock())
            take_in()

        app.pane._take_in = counted  # type: ignore[method-assign]
        begun = clock()
        for number in range(500):
            app.pane.write(f"line {number}")
            await asyncio.sleep(0.002)
        await until(pilot, lambda: "line 499" in seen(pilot))
        assert len(batches) <= (clock() - begun) * log_pane._REPAINTS + 1


async def test_a_batch_is_one_picture_and_keys_are_answered_meanwhile(box: FakeClient, opened: Opened) -> None:
    box.follow_log = True
    async with opened(box, (120, 40)) as pilot:
        await pilot.press("j", "enter")
        await until(pilot, lambda: "follows · 17 lines" in seen(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, ProjectScreen)
        batches, pictures = Counted(screen.log_pane, "_take_in"), Counted(pilot.app, "_display")
        written = asyncio.create_task(flood(box, screen.log_pane, 60 * 60))
        await until(pilot, lambda: len(screen.log_pane.text) > 1_000)
        await pilot.press("question_mark")
        await until(pilot, lambda: "esc closes" in seen(pilot))
        assert not written.done()
        await pilot.press("escape")
        await written
        await until(pilot, lambda: f"line {60 * 60 - 1} " in seen(pilot))
        other = 40  # help, its opening and closing, the lists that tick: each second, each key
        assert batches.count < 60 * 60 / 10
        assert pictures.count <= batches.count + other


class Counted:
    """Counts the calls of a method."""

    def __init__(self, owner: object, name: str) -> None:
        self.count = 0
        method = getattr(owner, name)

        def counted(*given: object) -> object:
            self.count += 1
            return method(*given)

        setattr(owner, name, counted)


async def flood(box: FakeClient, pane: LogPane, lines: int) -> None:
    """Many lines, a hundred of them between two batches at most, so that no machine is too slow for it."""
    for number in range(lines):
        box.log_lines.put_nowait(f"line {number} and what it says")
        if number % 60 == 59:
            while len(pane._waiting) > 120:  # noqa: ASYNC110 - the pane tells nobody
                await asyncio.sleep(0.005)
            await asyncio.sleep(0.005)


async def test_long_lines_break_and_wide_ones_too() -> None:
    app = Stage()
    async with app.run_test(size=(60, 12)) as pilot:
        app.pane.write("x" * 100)
        app.pane.write("日本" * 40)
        app.pane.write("")
        app.pane.write("y" * 10_000_000)
        await until(pilot, lambda: "2 lines" not in seen(pilot) and "yyy" in seen(pilot))
        await pilot.resize_terminal(100, 12)
        await until(pilot, lambda: "y" * 80 in seen(pilot))
        assert len(app.pane.text) == 4


STAMPED = ["2026-03-14T15:09:26Z GET /a 200", "2026-03-14T15:09:27Z POST /b 500 " + "x" * 200, "plain"]


@pytest.fixture
def stamped(box: FakeClient) -> FakeClient:
    box.logs["build"] = STAMPED
    return box


async def test_a_log_is_filtered_and_esc_clears_that_before_it_leaves(stamped: FakeClient, opened: Opened) -> None:
    async with opened(stamped) as pilot:
        await pilot.press("j", "enter", "2")
        await until(pilot, lambda: "ended · 3 lines" in seen(pilot))
        await pilot.press("slash", *"post", "enter")
        await until(pilot, lambda: "1 of 3 with /post" in seen(pilot))
        assert "GET /a" not in seen(pilot) and "POST /b" in seen(pilot)
        await pilot.press("escape")
        await until(pilot, lambda: "GET /a" in seen(pilot))
        assert isinstance(pilot.app.screen, ProjectScreen)


async def test_times_and_wrapping_are_changed_on_a_key(stamped: FakeClient, opened: Opened) -> None:
    async with opened(stamped) as pilot:
        await pilot.press("j", "enter", "2")
        await until(pilot, lambda: "15:09:26 GET /a" in seen(pilot))
        await pilot.press("t")
        await until(pilot, lambda: "2026-03-14 15:09:26 GET /a" in seen(pilot))
        await pilot.press("t")
        await until(pilot, lambda: "15:09:26" not in seen(pilot) and "GET /a" in seen(pilot))
        rows = seen(pilot).count("xxxxxxxx\n") + seen(pilot).count("xx")
        await pilot.press("W")
        await until(pilot, lambda: "cut, ← →" in seen(pilot))
        assert seen(pilot).count("xx") < rows
        await pilot.press("right", "right")
        await until(pilot, lambda: "POST /b" not in seen(pilot) and "xxx" in seen(pilot))
        await pilot.press(*["right"] * 40, *["left"] * 40)
        await until(pilot, lambda: "POST /b" in seen(pilot))

"""The doctor's screen."""

from __future__ import annotations

from nanoscale_box.client import Unreachable
from nanoscale_box.tui.screens.doctor import DoctorScreen
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient


async def test_the_worst_stands_first_with_what_mends_it(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("ctrl+e")
        await until(pilot, lambda: isinstance(pilot.app.screen, DoctorScreen) and "✕ failed" in seen(pilot))
        rows = seen(pilot)
        assert rows.index("1 of 3 webhooks") < rows.index("2.1 GB are free") < rows.index("the database is whole")
        assert "mend it: nanoscale-box github hooks --repair" in rows and "f mends it" in rows
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard == "nanoscale-box github hooks --repair")


async def test_what_can_be_is_mended_on_a_key(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("ctrl+e")
        await until(pilot, lambda: "✕ failed" in seen(pilot))
        await pilot.press("f")
        await until(pilot, lambda: "1 finding mended, 1 left" in said(pilot))
        assert "✕ failed" not in seen(pilot)
        await pilot.press("f")
        await until(pilot, lambda: "Nothing could be mended" in said(pilot))


async def test_a_doctor_that_cannot_be_asked_says_why(box: FakeClient, opened: Opened) -> None:
    box.refuse["doctor"] = Unreachable("The box did not answer.", "Wait a moment.")
    async with opened(box) as pilot:
        await pilot.press("ctrl+e")
        await until(pilot, lambda: "✕ The box did not answer. Wait a moment." in seen(pilot))
        box.refuse.clear()
        await pilot.press("r")
        await until(pilot, lambda: "the database is whole" in seen(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: "1 Projects" in seen(pilot))

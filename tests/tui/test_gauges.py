"""What apps take: bars with the number beside them, asked for only while they are in sight."""

from __future__ import annotations

import pytest

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui import feed
from nanoscale_box.tui.widgets.gauges import cpu, gauges, memory
from tests.tui import samples
from tests.tui.conftest import Opened, seen, until
from tests.tui.fake_client import FakeClient


def test_bars_are_at_the_right_and_numbers_under_each_other() -> None:
    used = samples.usage("hello", [0, 150, 75], 80)
    assert cpu(used, 4, aligned=True).plain == " ▁█▅  75 %"
    assert cpu(used, 2).plain == "█▅ 75 %"
    assert memory(used).plain == " 66 MB"


def test_memory_stands_against_its_limit() -> None:
    used = samples.usage("hello", [1, 1], 640)
    assert gauges(used, 1024).plain == "CPU ▂▂ 1 %   memory ▄▄ 518 MB of 1.1 GB"
    assert gauges(used, None).plain == "CPU ▂▂ 1 %   memory ▆▆ 518 MB"


def test_what_nobody_counts_is_left_out() -> None:
    assert gauges(samples.usage("hello", [1], None), None).plain == "CPU ▂ 1 %"
    assert memory(samples.usage("hello", [1], None)).plain == ""
    for nothing in (None, samples.usage("hello", [], 10)):
        assert (cpu(nothing, 4).plain, memory(nothing).plain, gauges(nothing, 1).plain) == ("", "", "")


async def test_figures_are_renewed_in_sight_and_not_asked_for_elsewhere(
    box: FakeClient, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MEASURE", 0.02)
    async with opened(box, (120, 30)) as pilot:
        await until(pilot, lambda: "▁▁▂▂   5 %   60 MB" in seen(pilot))
        box.all_usage = [samples.usage("hello", [1, 2, 77], 95)]
        await until(pilot, lambda: " 77 %" in seen(pilot) and " 78 MB" in seen(pilot))
        assert "142 %" not in seen(pilot)  # the others do not run any more
        await pilot.press("j", "enter")
        box.all_usage = [samples.usage("hello", [1, 2, 33], 95)]
        await until(pilot, lambda: "CPU ▁▁█ 33 %   memory ▆▆▆ 78 MB" in seen(pilot))
        await pilot.press("escape", "ctrl+e")
        await until(pilot, lambda: "Findings" in seen(pilot))
        asked = box.asked.count(("usage", 20))
        box.all_usage = [samples.usage("hello", [44], 95)]
        await pilot.pause(0.2)
        assert box.asked.count(("usage", 20)) <= asked + 1  # one may have been under way
        await pilot.press("escape")
        await until(pilot, lambda: " 44 %" in seen(pilot))


async def test_a_box_that_is_away_or_old_is_no_error(
    box: FakeClient, opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_MEASURE", 0.02)
    box.refuse["usage"] = ApiError(samples.problem("There is no such page.", status=404))
    async with opened(box, (100, 24)) as pilot:
        assert "CPU" in seen(pilot) and "142 %" not in seen(pilot)
        box.refuse["usage"] = Unreachable("No box is running here.", "Start one: nanoscale-box serve")
        await pilot.pause(0.1)
        del box.refuse["usage"]
        await until(pilot, lambda: "142 %" in seen(pilot))

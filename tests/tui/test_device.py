"""Connecting with a code that is entered elsewhere."""

from __future__ import annotations

from datetime import timedelta

import pytest

from nanoscale_box.client import ApiError
from nanoscale_box.tui.letters import large
from nanoscale_box.tui.screens.connect import GithubScreen
from nanoscale_box.tui.screens.home import HomeScreen
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient


def registered() -> FakeClient:
    box = FakeClient()
    box.github = samples.github("registered")
    return box


@pytest.mark.parametrize("size", [(80, 24), (60, 16), (100, 44)])
async def test_the_code_is_shown_large_until_github_says_yes(
    opened: Opened, pages: list[str], size: tuple[int, int]
) -> None:
    box = registered()
    async with opened(box, size) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "WDJB-MJH1" in seen(pilot) and "https://github.com/login/device" in seen(pilot))
        assert "█▄▀▄█" in seen(pilot), "large too"
        assert "the code is good until 15:24" in seen(pilot)
        assert ("█▀▀▀▀▀█" in seen(pilot) or "▄▄▄▄▄" in seen(pilot)) is (size[1] > 40), "a QR code where one fits"
        await pilot.press("Y")
        await until(pilot, lambda: pilot.app.clipboard == "WDJB-MJH1")
        box.github = samples.github()
        box.tell("github", {"change": "connected", "account_login": "ada"})
        await until(pilot, lambda: "● GitHub ada" in seen(pilot) and "WDJB" not in seen(pilot))
    assert len(pages) == 1, "the page of a code is for another machine's browser"


async def test_a_code_is_still_good_after_going_back(opened: Opened) -> None:
    box = registered()
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "WDJB-MJH1" in seen(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "WDJB-MJH1" in seen(pilot))
    assert [one[0] for one in box.asked].count("start_device") == 1


async def test_a_code_is_cancelled(opened: Opened) -> None:
    box = registered()
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "x cancel the code" in seen(pilot))
        await pilot.press("x")
        await until(pilot, lambda: ("stop_device",) in box.asked and "WDJB-MJH1" not in seen(pilot))
        assert "The code is cancelled" in said(pilot)
        await until(pilot, lambda: "v connects with a code" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "WDJB-MJH2" in seen(pilot))


async def test_where_it_is_switched_off_a_sentence_says_so(opened: Opened) -> None:
    box = registered()
    box.refuse["start_device"] = ApiError(samples.problem("The device flow is switched off.", "Switch it on there."))
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "✕ The device flow is switched off." in seen(pilot))
        assert "Switch it on there." in seen(pilot) and "c connects in the browser" in seen(pilot)
        await pilot.press("c")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))


async def test_without_an_app_it_says_what_comes_first(opened: Opened) -> None:
    box = FakeClient()
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "registers its own GitHub App" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "A code needs an App of your own first" in said(pilot))
    assert ("start_device",) not in box.asked


@pytest.mark.parametrize("how", ["refused", "late"])
async def test_a_code_that_comes_to_nothing_says_why(opened: Opened, how: str) -> None:
    box = registered()
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "Sign in on GitHub" in seen(pilot))
        await pilot.press("v")
        await until(pilot, lambda: "WDJB-MJH1" in seen(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, GithubScreen)
        if how == "refused":
            box.tell("github", {"change": "connect_failed", "detail": "It was declined [/x].", "hint": "Begin again."})
            await until(pilot, lambda: "✕ It was declined [/x]. Begin again." in seen(pilot))
        else:
            screen.desk.now = lambda: samples.NOW + timedelta(minutes=16)
            await until(pilot, lambda: "✕ The code ran out" in seen(pilot))
        assert screen.desk.device is None


def test_what_does_not_fit_or_is_not_drawn_stays_as_it_is() -> None:
    assert large("WDJB-MJHT", 53).plain == "WDJB-MJHT"
    assert large("WDJB-MJHT", 54).plain.count("\n") == 2
    assert large("wd jb\x1b[31m", 80).plain == "wd jb"

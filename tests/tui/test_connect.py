"""Connecting GitHub, and the connection."""

from __future__ import annotations

import msgspec
import pytest

from nanoscale_box.client import ApiError
from nanoscale_box.tui.screens.confirm import Confirm
from nanoscale_box.tui.screens.connect import GithubScreen
from nanoscale_box.tui.screens.home import HomeScreen
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient


@pytest.mark.parametrize(
    ("state", "asked", "words"),
    [
        ("unconfigured", "register_app", "Your box registers its own GitHub App"),
        ("registered", "start_connect", "Sign in on GitHub"),
        ("reconnect", "start_connect", "Sign in on GitHub"),
    ],
)
async def test_it_begins_by_itself_and_sees_the_end_by_itself(
    opened: Opened, pages: list[str], state: str, asked: str, words: str
) -> None:
    box = FakeClient()
    box.github = samples.github(state)
    async with opened(box, (100, 44)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: words in seen(pilot))
        assert "waiting for GitHub" in seen(pilot)
        assert "█▀▀▀▀▀█" in seen(pilot) or "▄▄▄▄▄" in seen(pilot)
        assert (asked,) in box.asked
        box.github = samples.github()
        box.tell("github", {"change": "connected", "account_login": "ada"})
        await until(pilot, lambda: "● GitHub ada" in seen(pilot) and "all repositories" in seen(pilot))
        assert "Connected as ada" in said(pilot)
    assert len(pages) == 1


async def test_the_address_is_there_to_copy_and_open(opened: Opened, pages: list[str]) -> None:
    async with opened(FakeClient()) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "/api/integrations/github/app/new" in seen(pilot))
        assert "shows the address as a QR code" in seen(pilot)
        await pilot.press("y")
        await until(pilot, lambda: pilot.app.clipboard.startswith("http://127.0.0.1:8787/"))
        await pilot.press("o")
        await until(pilot, lambda: len(pages) == 2)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))


async def test_over_ssh_it_says_how_to_reach_the_page(opened: Opened) -> None:
    environ = {"SSH_CONNECTION": "10.0.0.9 50000 10.0.0.5 22", "USER": "ada"}
    async with opened(FakeClient(), environ=environ) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "ssh -L 8787:127.0.0.1:8787 ada@10.0.0.5" in seen(pilot))


async def test_a_refusal_is_told_and_tried_again(opened: Opened) -> None:
    box = FakeClient()
    box.refuse["register_app"] = ApiError(samples.problem("No public address is set.", "Set one."))
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "✕ No public address is set." in seen(pilot))
        del box.refuse["register_app"]
        await pilot.press("c")
        await until(pilot, lambda: "waiting for GitHub" in seen(pilot))


async def test_the_connection_is_told_with_what_is_missing(box: FakeClient, opened: Opened) -> None:
    ada, analytical = box.github.installations
    box.github = samples.github(
        installations=[
            msgspec.structs.replace(ada, missing_permissions=["repository_hooks: write"]),
            msgspec.structs.replace(analytical, suspended=True),
        ]
    )
    async with opened(box) as pilot:
        assert "▲ 1 installation suspended: ctrl+g shows it" in seen(pilot)
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "▲ may not yet: repository_hooks: write; with it GitHub would tell" in seen(pilot))
        assert "▲ suspended" in seen(pilot)
        assert "start_connect" not in {asked[0] for asked in box.asked}
        await pilot.press("s")
        await until(pilot, lambda: ("sync_repos",) in box.asked)
        box.tell("github", {"change": "synced", "repositories": 15})
        await until(pilot, lambda: "15 repositories in scope" in said(pilot))


async def test_disconnecting_asks_first(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: isinstance(pilot.app.screen, GithubScreen))
        await pilot.press("X")
        await until(pilot, lambda: isinstance(pilot.app.screen, Confirm))
        await until(pilot, lambda: "Pushes are not deployed any more" in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(pilot.app.screen, GithubScreen))
        assert ("disconnect",) not in box.asked
        await pilot.press("X", "tab", "enter")
        await until(pilot, lambda: "○ GitHub App registered, no account yet" in seen(pilot))


async def test_webhooks_are_listed_and_repaired(box: FakeClient, opened: Opened) -> None:
    box.all_verdicts[1] = msgspec.structs.replace(box.all_verdicts[1], delivery_id="d-77")
    async with opened(box, (120, 40)) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "✕ missing" in seen(pilot) and "▲ old address" in seen(pilot))
        assert "the App itself" in seen(pilot) and "deployed 3 min ago" in seen(pilot)
        await pilot.press("2", "j")
        await until(pilot, lambda: "last delivery d-77" in seen(pilot))
        await pilot.press("j")
        await until(pilot, lambda: "R repairs what is not in order" in seen(pilot))
        await pilot.press("R")
        await until(pilot, lambda: "2 webhooks repaired, 0 not in order" in said(pilot))
        await until(pilot, lambda: "✕ missing" not in seen(pilot))


async def test_webhooks_that_cannot_be_asked_for_say_why(box: FakeClient, opened: Opened) -> None:
    box.refuse["hooks"] = ApiError(samples.problem("GitHub did not answer.", "Try again."))
    async with opened(box) as pilot:
        await pilot.press("ctrl+g")
        await until(pilot, lambda: "✕ GitHub did not answer. Try again." in seen(pilot))

"""Making a project, from GitHub and by address."""

from __future__ import annotations

import pytest
from textual.pilot import Pilot

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui.screens.home import HomeScreen
from nanoscale_box.tui.screens.new_project import NewProjectScreen
from nanoscale_box.tui.screens.plan import PlanScreen
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.tui.widgets.fields import address, suggested
from nanoscale_box.wire import requests
from tests.tui import samples
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient


async def deploy(pilot: Pilot[None]) -> None:
    """From the form by way of the plan to the project; what is created is what the plan was asked for."""
    await until(pilot, lambda: isinstance(pilot.app.screen, PlanScreen) and "uv run app.py" in seen(pilot))
    await pilot.press("ctrl+s")
    await until(pilot, lambda: isinstance(pilot.app.screen, ProjectScreen))


def created(box: FakeClient) -> list[requests.CreateProject]:
    return [asked[1] for asked in box.asked if asked[0] == "create_project"]


async def test_a_private_repository_from_github(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "ada/hello" in seen(pilot))
        screen = seen(pilot)
        assert "● GitHub repository" in screen and "private used" in screen and "private archived" in screen
        await pilot.press(*"dotf")
        await until(pilot, lambda: "ada/dotfiles" in seen(pilot) and "ada/hello" not in seen(pilot))
        await pilot.press("enter")
        await until(pilot, lambda: "feature/greetings" in seen(pilot))
        assert "Branch of dotfiles" in seen(pilot)
        await pilot.press("j", "enter")
        await until(pilot, lambda: "answers at http://dotfiles.localhost:8080" in seen(pilot))
        await pilot.press(*"dots")
        await until(pilot, lambda: "answers at http://dots.localhost:8080" in seen(pilot))
        await pilot.press("enter")
        await deploy(pilot)
    source = requests.GithubSource(installation_id=11, repo_id=105, selected_branch="feature/greetings")
    assert created(box) == [requests.CreateProject(name="dots", github_source=source)]
    assert not {asked[0] for asked in box.asked} & {"start_connect", "register_app"}


async def test_tab_takes_the_repository_under_the_cursor(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "ada/hello" in seen(pilot))
        await pilot.press("down", "j", "tab")
        await until(pilot, lambda: "Branch of api" in seen(pilot) and "default" in seen(pilot))
        await pilot.press("ctrl+s")
        await deploy(pilot)
    assert created(box)[0].github_source == requests.GithubSource(
        installation_id=11, repo_id=101, selected_branch="main"
    )
    assert created(box)[0].name is None


async def test_an_account_narrows_the_repositories(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "ada/hello" in seen(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, NewProjectScreen)
        screen.account.value = 12
        await until(pilot, lambda: "analytical/engine" in seen(pilot) and "ada/hello" not in seen(pilot))
        assert ("repos", 12, None, None) in box.asked


async def test_thousands_of_repositories_come_page_by_page(box: FakeClient, opened: Opened) -> None:
    box.all_repositories = [samples.repository(number, f"repo-{number:05}") for number in range(1_000)]
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "100+" in seen(pilot))
        await pilot.press("down", "G")
        await until(pilot, lambda: "200+" in seen(pilot))
        assert ("repos", None, None, "100") in box.asked


async def test_without_github_it_falls_back_to_the_address_and_says_so(opened: Opened) -> None:
    box = FakeClient()
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "GitHub is not connected, so this takes any public repository" in seen(pilot))
        await pilot.press(*"https://codeberg.org/ada/My_Site.git")
        await until(pilot, lambda: "answers at my-site.the box's domain" in seen(pilot))
        await pilot.press("enter", *"trunk", "enter", "enter")
        await deploy(pilot)
    assert created(box) == [requests.CreateProject(repo_url="https://codeberg.org/ada/My_Site.git", branch="trunk")]


async def test_github_cannot_be_chosen_while_it_is_not_connected(opened: Opened) -> None:
    async with opened(FakeClient()) as pilot:
        await pilot.press("n", "ctrl+t")
        await until(pilot, lambda: "GitHub is not connected; ctrl+g connects it" in said(pilot))
        await until(pilot, lambda: "● Manual URL" in seen(pilot))


async def test_it_comes_forward_once_github_is_connected(box: FakeClient, opened: Opened) -> None:
    github, box.github = box.github, samples.github("registered")
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "● Manual URL" in seen(pilot))
        box.github = github
        box.tell("github", {"change": "connected", "account_login": "ada"})
        await until(pilot, lambda: "● GitHub repository" in seen(pilot) and "ada/hello" in seen(pilot))
        box.github = samples.github("reconnect")
        box.tell("github", {"change": "reconnect"})
        await until(pilot, lambda: "● Manual URL" in seen(pilot))


@pytest.mark.parametrize(
    ("code", "field"), [("invalid_url", "#url"), ("invalid_branch", "#branch"), ("name_taken", "#name")]
)
async def test_a_refusal_stands_where_it_was_typed_and_nothing_is_lost(
    box: FakeClient, opened: Opened, code: str, field: str
) -> None:
    box.refuse["plan_anew"] = ApiError(samples.problem("That cannot be.", "Try [/another].", code=code, status=400))
    async with opened(box) as pilot:
        await pilot.press("n", "ctrl+t")
        await until(pilot, lambda: "● Manual URL" in seen(pilot))
        await pilot.press(*"https://x.example/a/b", "enter", *"dev", "enter", *"mine", "enter")
        await until(pilot, lambda: "✕ That cannot be. Try [/another]." in seen(pilot))
        screen = pilot.app.screen
        assert isinstance(screen, NewProjectScreen)
        assert screen.query_one(field).has_class("-wrong")
        assert (screen.url.value, screen.branch.value, screen.name_field.value) == (
            "https://x.example/a/b",
            "dev",
            "mine",
        )
        del box.refuse["plan_anew"]
        await pilot.press("x")
        await until(pilot, lambda: "That cannot be" not in seen(pilot))
        await pilot.press("ctrl+s")
        await deploy(pilot)


async def test_only_what_was_refused_last_is_marked_wrong(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("n", "ctrl+t")
        await until(pilot, lambda: "● Manual URL" in seen(pilot))
        await pilot.press(*"https://x.example/a/b")
        screen = pilot.app.screen
        assert isinstance(screen, NewProjectScreen)
        for code, wrong in (("invalid_branch", screen.branch), ("name_taken", screen.name_field)):
            box.refuse["plan_anew"] = ApiError(samples.problem(f"No: {code}.", code=code, status=400))
            await pilot.press("ctrl+s")
            await until(pilot, lambda: "✕ No: " in seen(pilot) and wrong.has_class("-wrong"))  # noqa: B023 - awaited here
            marked = [field for field in (screen.url, screen.branch, screen.name_field) if field.has_class("-wrong")]
            assert marked == [wrong]


async def test_what_is_missing_is_said_and_what_fits_no_field_stands_on_the_plan(
    box: FakeClient, opened: Opened
) -> None:
    box.refuse["plan_anew"] = Unreachable("The box is not running.", "Start it.")
    async with opened(box) as pilot:
        await pilot.press("n", "ctrl+s")
        await until(pilot, lambda: "✕ Choose a repository first." in seen(pilot))
        await pilot.press("ctrl+t")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "An address is needed" in seen(pilot))
        await pilot.press(*"https://x.example/a/b")
        await pilot.press("ctrl+s")
        await until(pilot, lambda: "✕ The box is not running. Start it." in seen(pilot))


async def test_both_sources_keep_what_they_hold(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "ada/hello" in seen(pilot))
        await pilot.press(*"eng")
        await until(pilot, lambda: "analytical/engine" in seen(pilot) and "ada/hello" not in seen(pilot))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "Address" in seen(pilot))
        await pilot.press(*"https://x.example/a/b", "ctrl+t")
        await until(pilot, lambda: "analytical/engine" in seen(pilot) and "Address" not in seen(pilot))
        await pilot.press("ctrl+t")
        await until(pilot, lambda: "https://x.example/a/b" in seen(pilot))


async def test_repositories_are_refreshed(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("n", "ctrl+r")
        await until(pilot, lambda: ("sync_repos",) in box.asked)
        box.all_repositories = [samples.repository(1, "brand-new")]
        box.tell("github", {"change": "synced", "repositories": 1})
        await until(pilot, lambda: "ada/brand-new" in seen(pilot))
        box.tell("github", {"change": "sync_failed", "detail": "GitHub [/x] refused."})
        await until(pilot, lambda: "GitHub [/x] refused." in said(pilot))


async def test_a_search_that_fails_says_why(box: FakeClient, opened: Opened) -> None:
    box.refuse["repos"] = ApiError(samples.problem("GitHub must be connected again."))
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "✕ GitHub must be connected" in seen(pilot))


async def test_esc_goes_back(box: FakeClient, opened: Opened) -> None:
    async with opened(box) as pilot:
        await pilot.press("n")
        await until(pilot, lambda: "ada/hello" in seen(pilot))
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(pilot.app.screen, HomeScreen))


def test_names_are_proposed_by_the_boxs_own_rule() -> None:
    from nanoscale_box.core.urls import suggest_name

    for source in ("My_Site", "Ünïcode App", "--x--", "a" * 80, "node.js"):
        assert suggested(f"https://x.example/ada/{source}.git", set()) == suggest_name(source, [])
    assert suggested("hello", {"hello", "hello-2"}) == suggest_name("hello", ["hello", "hello-2"]) == "hello-3"
    assert suggested("", set()) == ""


def test_the_address_follows_other_apps_addresses() -> None:
    assert address("shop", [samples.project("hello")]).plain == "answers at http://shop.localhost:8080"
    assert "the box's domain" in address("shop", []).plain
    assert "becomes part" in address("", []).plain

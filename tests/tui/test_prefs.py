"""What the owner chose: read from flags, environment and file, remembered, and said where it is not understood."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from nanoscale_box.tui.prefs import prefs_file, read_prefs, remember_theme
from nanoscale_box.tui.screens.choices import SettingsScreen
from nanoscale_box.tui.screens.confirm import Confirm
from nanoscale_box.tui.screens.new_project import NewProjectScreen
from tests.tui.conftest import Opened, said, seen, until
from tests.tui.fake_client import FakeClient


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path)}


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose path a cell shows whole, wherever the tests keep theirs."""
    with TemporaryDirectory(prefix="tui-", dir="/tmp") as name:
        yield Path(name)


def write(environ: dict[str, str], text: str) -> Path:
    file = prefs_file(environ)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    return file


def test_without_a_file_the_defaults_hold(environ: dict[str, str]) -> None:
    found = read_prefs(environ)
    assert (found.theme, found.read_only, dict(found.keys), found.flaws) == (None, False, {}, ())
    assert found.file == Path(environ["XDG_CONFIG_HOME"]) / "nanoscale-box" / "tui.toml"
    assert prefs_file({"HOME": "/home/ada"}) == Path("/home/ada/.config/nanoscale-box/tui.toml")


def test_the_environment_goes_before_the_file(environ: dict[str, str]) -> None:
    write(environ, 'theme = "nord"\nread_only = true\n[keys]\n"home.new" = "ctrl+n"\n')
    assert read_prefs(environ).theme == "nord" and read_prefs(environ).read_only
    told = read_prefs(environ | {"NANOSCALE_TUI_THEME": "ansi-dark", "NANOSCALE_TUI_READ_ONLY": "0"})
    assert (told.theme, told.read_only, dict(told.keys)) == ("ansi-dark", False, {"home.new": "ctrl+n"})


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        ("theme = 3", "theme must be a text"),
        ("them = 'x'", "has no setting 'them'"),
        ("keys = 3", "keys must be a table"),
        ("[keys]\n'home.new' = 3", "home.new needs a key"),
        ("= broken", "tui.toml cannot be read"),
        ("read_only = 'no'", "read_only must be true or false"),
        ("x = " + "[" * 3000, "tui.toml cannot be read"),
        ("\x00", "tui.toml cannot be read"),
    ],
)
def test_what_is_not_understood_is_told(environ: dict[str, str], text: str, flaw: str) -> None:
    write(environ, text)
    assert any(flaw in each for each in read_prefs(environ).flaws)


@pytest.mark.parametrize("before", ["", 'theme = "nord" # dark\nread_only = false\n', "[keys]\n'home.new' = 'a'\n",
                                    "read_only = true\n[keys]\n'home.new' = 'theme'\n"])  # fmt: skip
def test_a_theme_is_remembered_and_all_else_stays(environ: dict[str, str], before: str) -> None:
    file = write(environ, before)
    remember_theme(file, "gruvbox")
    assert tomllib.loads(file.read_text()) == tomllib.loads(before) | {"theme": "gruvbox"}
    assert [one.name for one in file.parent.iterdir()] == ["tui.toml"]


async def test_a_theme_chosen_while_it_runs_is_there_again_next_time(
    box: FakeClient, opened: Opened, environ: dict[str, str]
) -> None:
    async with opened(box, environ=environ) as pilot:
        assert pilot.app.theme == "nanoscale-dark"
        pilot.app.theme = "ansi-dark"
        await until(pilot, lambda: read_prefs(environ).theme == "ansi-dark")
    async with opened(box, environ=environ) as pilot:
        assert pilot.app.theme == "ansi-dark"
        assert "1 Projects" in seen(pilot)


async def test_other_keys_for_an_action(box: FakeClient, opened: Opened, environ: dict[str, str]) -> None:
    write(environ, '[keys]\n"home.new" = "ctrl+n"\n"home.old" = "x"\n')
    async with opened(box, environ=environ) as pilot:
        await until(pilot, lambda: "there is no action 'home.old'" in said(pilot))
        await pilot.press("n")
        assert not isinstance(pilot.app.screen, NewProjectScreen)
        await pilot.press("ctrl+n")
        await until(pilot, lambda: isinstance(pilot.app.screen, NewProjectScreen))


async def test_read_only_changes_nothing_and_says_so(box: FakeClient, opened: Opened) -> None:
    async with opened(box, environ={"NANOSCALE_TUI_READ_ONLY": "1"}) as pilot:
        assert "▲ read-only" in seen(pilot)
        asked = len(box.asked)
        await pilot.press("j", *"dcbprDC", "enter", *"dcbprDC", "4", "a", "x", "5", "enter", "G", "enter")
        await pilot.press("escape", "n", "escape", "ctrl+g", "s", "X", "c")
        await until(pilot, lambda: "Read-only: nothing is changed from here" in said(pilot))
        assert not isinstance(pilot.app.screen, Confirm)
        await pilot.press("escape", "ctrl+e", "f")
        names = {name for name, *_ in box.asked[asked:]}
        assert names <= {
            "deployments",
            "usage",
            "verdicts",
            "deployment_log",
            "env",
            "projects",
            "github_status",
            "hooks",
            "doctor",
            "repos",
            "plan",
        }
        assert ("doctor", True) not in box.asked and ("hooks", True) not in box.asked


async def test_the_settings_screen_tells_where_things_are(box: FakeClient, opened: Opened, short: Path) -> None:
    environ = {"XDG_CONFIG_HOME": str(short)}
    file = write(environ, '[keys]\n"home.new" = "ctrl+n"\n')
    async with opened(box, (200, 40), environ) as pilot:
        await pilot.press("ctrl+o")
        await until(pilot, lambda: isinstance(pilot.app.screen, SettingsScreen))
        await until(pilot, lambda: "box.sock" in seen(pilot) and "0.1.0" in seen(pilot))
        assert "nanoscale-dark" in seen(pilot)
        assert re.search(rf"key map and theme +{re.escape(str(file))} ", seen(pilot))
        await pilot.press("slash", *"home.new", "enter", "y")
        await until(pilot, lambda: pilot.app.clipboard == '"home.new" = "ctrl+n"')
        await pilot.press("escape", "g", "j", "enter")
        await until(pilot, lambda: "▲ read-only" in seen(pilot))


async def test_a_picture_of_the_screen_holds_no_secret(
    box: FakeClient, opened: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    box.logs["build"] = ["cloning with ghs_0123456789abcdefghij now"]
    async with opened(box) as pilot:
        await pilot.press("j", "enter")
        await until(pilot, lambda: "ghs_0123456789" in seen(pilot))
        await pilot.app.run_action("picture")
        await until(pilot, lambda: list(tmp_path.glob("*.svg")))
    picture = next(tmp_path.glob("*.svg")).read_text()
    assert "<svg" in picture and "hello" in picture
    assert "ghs_0123456789" not in picture

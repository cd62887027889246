"""What is told of a plan: what differs from what was found, and nothing else."""

from __future__ import annotations

import msgspec

from nanoscale_box.tui.draft import Draft, found_in
from nanoscale_box.wire import shapes
from tests.tui import samples


def looked(draft: Draft, **changes: object) -> Draft:
    draft.take(msgspec.structs.replace(samples.PLAN, **changes), draft.told())
    return draft


def test_several_commands_of_a_step_are_one_line() -> None:
    two = [shapes.PlannedCommand(name="install", command=text) for text in ("uv venv", "uv sync")]
    assert found_in(msgspec.structs.replace(samples.PLAN, commands=two))["install_command"] == "uv venv && uv sync"


def test_typing_what_was_found_tells_nothing() -> None:
    draft = looked(Draft())
    draft.hold("run_command", "other")
    assert draft.told() == {"run_command": "other"} and draft.ready and not draft.fresh
    draft.hold("run_command", "uv run app.py")
    assert draft.told() == {} and draft.fresh


def test_an_emptied_command_is_none_and_an_emptied_rest_is_as_found() -> None:
    draft = looked(Draft(), output_directory="dist")
    for field in ("install_command", "output_directory", "health_path"):
        draft.hold(field, "")
    assert draft.told() == {"install_command": ""}


def test_what_was_told_comes_back_as_the_owners_not_as_found() -> None:
    draft = looked(Draft())
    draft.hold("run_command", "other")
    theirs = [shapes.PlannedCommand(name="run", command="other")]
    looked(draft, commands=theirs)
    assert (draft.value("run_command"), draft.found("run_command")) == ("other", "uv run app.py")
    assert draft.changed("run_command") and draft.fresh


def test_what_the_file_decides_is_not_told_and_not_lost() -> None:
    draft = looked(Draft())
    draft.hold("run_command", "other")
    looked(draft, in_file=["run_command"])
    assert draft.told() == {} and draft.value("run_command") == "uv run app.py"
    draft.about("another source")
    assert draft.told() == {"run_command": "other"} and not draft.ready

"""States, times and commits as people read them."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from nanoscale_box.cli import printing
from nanoscale_box.tui import words
from nanoscale_box.tui.widgets.deployments import outcome
from nanoscale_box.wire import shapes
from tests.tui import samples


def test_states_are_those_of_the_command_line() -> None:
    shared = words.GLYPHS.keys() & printing.GLYPHS.keys()
    assert {word: words.GLYPHS[word] for word in shared} == {word: printing.GLYPHS[word] for word in shared}
    assert words.state("retired") == printing.state("retired") == "· retired"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s ago"), (59, "59 s ago"), (61, "1 min ago"), (7199, "1 h ago"), (200_000, "2 d ago"), (-5, "0 s ago")],
)
def test_ago(seconds: int, text: str) -> None:
    assert words.ago(samples.NOW - timedelta(seconds=seconds), samples.NOW) == text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.009, "9 ms"), (4.24, "4.2 s"), (75, "1 min 15 s"), (3720, "1 h 2 min")]
)
def test_lasted(seconds: float, text: str) -> None:
    assert words.lasted(seconds) == text


def test_a_project_stands_where_its_deployment_is() -> None:
    live = samples.deployment("a", 1, state="live")
    building = samples.deployment("a", 2, state="building")
    failed = samples.deployment("a", 2, state="failed", error=samples.problem("no"))
    assert words.project_word(samples.project("a", live=live)) == "live"
    assert words.project_word(samples.project("a", live=live, latest=building)) == "building"
    assert words.project_word(samples.project("a", live=live, latest=failed)) == "live"
    assert words.project_word(samples.project("a", latest=failed)) == "failed"
    assert words.project_word(samples.project("a")) == "new"


def test_what_needs_the_owners_eye() -> None:
    live = samples.deployment("a", 1, state="live")
    failed = samples.deployment("a", 2, state="failed", error=samples.problem("it did not build"))
    drift = shapes.Drift(behind=2, since=samples.NOW, reason="2 commits behind main")
    project = samples.project("a", live=live, latest=failed, paused="by you", drift=drift)
    assert words.notes(project) == ["paused: by you", "#2 failed: it did not build", "2 commits behind main"]
    same = shapes.Drift(behind=1, since=samples.NOW, reason="#2 failed: it did not build")
    assert words.notes(samples.project("a", live=live, latest=failed, drift=same)) == ["#2 failed: it did not build"]
    assert words.mark(project) == "paused"
    assert words.mark(samples.project("a", live=live, latest=failed)) == "#2 failed"
    assert words.mark(samples.project("a", live=live, drift=drift)) == "2 behind"
    assert words.mark(samples.project("a", live=live)) == ""


def test_a_deployment_under_way_grows_older() -> None:
    running = samples.deployment("a", 2, state="building", age=0, seconds=7)
    assert words.took(running, samples.NOW + timedelta(seconds=3)) == "10.0 s"
    assert words.took(msgspec.structs.replace(running, started_at=None), samples.NOW) == ""


def test_refs_and_commits() -> None:
    assert words.branch_of("refs/heads/feature/x") == "feature/x"
    assert words.branch_of("refs/tags/v1") == "v1"
    assert words.commit(None) == ""
    assert words.short("a" * 40) == "a" * 7


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("2026-03-14T15:09:26Z $ make", "15:09:26 $ make"),
        ("2026-02-30T15:09:26Z no such day", "2026-02-30T15:09:26Z no such day"),
        ("2026-03-14T15:09:26Z ", "2026-03-14T15:09:26Z "),
        ("plain", "plain"),
    ],
)
def test_the_time_before_a_log_line_is_the_readers_time_of_day(line: str, shown: str) -> None:
    assert words.log_line(line) == shown


def test_what_to_do_next_is_told_apart_from_what_happened() -> None:
    assert words.advised("It failed.", "Try again.") == "It failed. Try again."
    assert words.advised("it failed", "try again") == "it failed; try again"
    assert words.advised("it failed", None) == "it failed"
    assert words.advised("it failed", "Try again.") == "it failed. Try again."
    error = samples.problem("the build ended with exit status 1", "it said “no”; see its log")
    told = outcome(samples.deployment("a", 2, state="failed", error=error), samples.NOW)
    assert told.plain.endswith("✕ the build ended with exit status 1; it said “no”; see its log")

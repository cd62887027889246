"""A project's settings: what cannot be right is refused with a sentence, null goes back to the default."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.model import UNLIMITED, Limits, Project, ProjectId, SourceProvider
from nanoscale_box.core.settings import SETTINGS, ProjectSettings, changed_settings, status_range

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FULL: dict[str, object] = {
    "watch_paths": ["src/**", "!src/*.md"],
    "tag_pattern": "v*",
    "health_path": "/up?deep=1",
    "health_status": "200-299",
    "health_timeout_seconds": 5,
    "health_grace_seconds": 0,
    "stop_seconds": 0,
    "memory_mb": 256,
    "cpu_percent": 150,
    "tasks_max": 64,
    "build_timeout_seconds": 60,
    "build_memory_mb": 1024,
    "preflight_command": " ./migrate ",
    "release_command": "./warm-up",
}


def test_all_of_them_are_taken_and_null_empties_each() -> None:
    assert set(FULL) == set(SETTINGS)
    full = changed_settings(ProjectSettings(), FULL)
    assert full.watch_paths == ("src/**", "!src/*.md")
    assert (full.preflight_command, full.stop_seconds) == ("./migrate", 0)
    assert changed_settings(full, {"memory_mb": None}) == replace(full, memory_mb=None)
    assert changed_settings(full, dict.fromkeys(SETTINGS)) == ProjectSettings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("watch_paths", ["/etc"]),
        ("watch_paths", ["a/../b"]),
        ("watch_paths", [""]),
        ("watch_paths", ["a"] * 51),
        ("watch_paths", "src"),
        ("tag_pattern", "v\n*"),
        ("tag_pattern", 1),
        ("health_path", "up"),
        ("health_path", "/a b"),
        ("health_path", 1),
        ("health_status", "600"),
        ("health_status", "300-200"),
        ("health_status", "200-"),
        ("health_timeout_seconds", 0),
        ("health_timeout_seconds", True),
        ("health_grace_seconds", 1.5),
        ("stop_seconds", -1),
        ("stop_seconds", 601),
        ("memory_mb", 0),
        ("cpu_percent", 0),
        ("tasks_max", 10**30),
        ("build_timeout_seconds", 0),
        ("build_memory_mb", "much"),
        ("preflight_command", "a\0b"),
        ("release_command", "x" * 9000),
        ("release_command", ["x"]),
    ],
)
def test_what_cannot_be_right_is_refused_by_its_name(name: str, value: object) -> None:
    with pytest.raises(Invalid) as refused:
        changed_settings(ProjectSettings(), {name: value})
    assert name.rstrip("s").replace("_", " ") in refused.value.detail.replace("_", " ")


def test_statuses_are_ranges() -> None:
    assert status_range("204") == (204, 204)
    assert status_range("200-399") == (200, 399)


def test_a_project_says_its_limits() -> None:
    project = Project(
        id=ProjectId("prj_1"), name="a", hosts=(), source_provider=SourceProvider.MANUAL, branch="main",
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    assert project.limits == UNLIMITED
    limited = replace(project, settings=changed_settings(ProjectSettings(), FULL))
    assert limited.limits == Limits(
        memory_mb=256, cpu_percent=150, tasks_max=64, stop_seconds=0, build_timeout_seconds=60, build_memory_mb=1024
    )


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("health_timeout_seconds", 1, 3600),
        ("health_grace_seconds", 0, 3600),
        ("stop_seconds", 0, 600),
        ("memory_mb", 16, 1_048_576),
        ("cpu_percent", 1, 100_000),
        ("tasks_max", 8, 1_000_000),
        ("build_timeout_seconds", 1, 86_400),
        ("build_memory_mb", 16, 1_048_576),
    ],
)
def test_numbers_have_their_bounds(name: str, least: int, most: int) -> None:
    for inside in (least, most):
        assert getattr(changed_settings(ProjectSettings(), {name: inside}), name) == inside
    for outside in (least - 1, most + 1):
        with pytest.raises(Invalid, match=f"from {least} to {most}"):
            changed_settings(ProjectSettings(), {name: outside})


def test_a_status_is_kept_as_short_as_it_can_be_said() -> None:
    for given, kept in (("200", "200"), ("200-200", "200"), ("200-399", "200-399"), (" 204 ", "204")):
        assert changed_settings(ProjectSettings(), {"health_status": given}).health_status == kept


def test_a_command_is_as_long_as_a_line_may_be() -> None:
    assert changed_settings(ProjectSettings(), {"release_command": "x" * 8192}).release_command == "x" * 8192
    with pytest.raises(Invalid, match="at most 8192 characters"):
        changed_settings(ProjectSettings(), {"release_command": "x" * 8193})

"""When a commit's checks let its deployment go, hold it, or stop it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from nanoscale_box.core.ci import (
    LONGEST,
    NO_CHECKS_AFTER,
    Check,
    CheckState,
    Go,
    Stop,
    Wait,
    check_waiting,
    judge,
    waits,
)
from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.model import InstallationId, Link, Project, ProjectId, RepoId, SourceProvider, Trigger

AT_ONCE = timedelta()
LATE = LONGEST
NEARLY = LONGEST - timedelta(seconds=1)


def checks(**states: str) -> list[Check]:
    return [Check(name=name, state=CheckState(state)) for name, state in states.items()]


@pytest.mark.parametrize(
    ("said", "waited", "light"),
    [
        ({"a": "passed", "b": "passed"}, AT_ONCE, Go(reason="CI is green")),
        ({"a": "passed", "b": "pending"}, AT_ONCE, Wait(reason="waiting for CI: b")),
        ({"a": "failed", "b": "pending"}, AT_ONCE, Stop(reason="CI failed: a")),
        ({"a": "failed", "b": "failed"}, LATE, Stop(reason="CI failed: a, b")),
        ({"a": "pending"}, LATE, Stop(reason="CI did not end within 6 hours")),
        ({}, AT_ONCE, Wait(reason="waiting for CI: no check has begun yet")),
        ({}, NO_CHECKS_AFTER, Go(reason="no check began within 120 seconds")),
        ({"a": "pending"}, NEARLY, Wait(reason="waiting for CI: a")),
        (dict.fromkeys("abc", "failed"), AT_ONCE, Stop(reason="CI failed: a, b, c")),
        (dict.fromkeys("abcd", "failed"), AT_ONCE, Stop(reason="CI failed: a, b, c and 1 more")),
        (dict.fromkeys("abcde", "failed"), AT_ONCE, Stop(reason="CI failed: a, b, c and 2 more")),
    ],
)
def test_what_checks_mean(said: dict[str, str], waited: timedelta, light: Go | Wait | Stop) -> None:
    assert judge(checks(**said), waited) == light


def project() -> Project:
    now = datetime(2026, 11, 25, tzinfo=UTC)
    number = ProjectId("prj_1")
    link = Link(
        project_id=number,
        installation_id=InstallationId(1),
        repo_id=RepoId(2),
        repo_node_id="R_2",
        owner_login="ada",
        repo_name="hello",
        full_name="ada/hello",
        default_branch="main",
        selected_branch="main",
    )
    return Project(
        id=number,
        name="hello",
        hosts=("hello.localhost",),
        source_provider=SourceProvider.GITHUB,
        branch="main",
        created_at=now,
        updated_at=now,
        link=link,
        wait_for_ci=True,
    )


def test_only_what_pushes_bring_waits() -> None:
    asked = {trigger for trigger in Trigger if waits(project(), trigger)}
    assert asked == {Trigger.PUSH, Trigger.POLL, Trigger.SWEEP}
    assert not any(waits(replace(project(), wait_for_ci=False), trigger) for trigger in Trigger)


def test_a_manual_project_has_nobody_to_ask() -> None:
    check_waiting(project())
    manual = replace(project(), source_provider=SourceProvider.MANUAL, link=None)
    check_waiting(replace(manual, wait_for_ci=False))
    with pytest.raises(Invalid):
        check_waiting(manual)

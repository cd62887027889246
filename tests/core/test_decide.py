"""Whether a change is owed a deployment, and when."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.core.decide import (
    ZERO_SHA,
    Change,
    Debounce,
    Enqueue,
    Ignore,
    Known,
    decide,
    short,
    unwatched,
    watched,
)
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Deployment, DeploymentId, Project, ProjectId, Sha, SourceProvider, Trigger

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, B, C = Sha("a" * 40), Sha("b" * 40), Sha("c" * 40)
DEBOUNCE = Debounce(quiet=timedelta(seconds=3), longest=timedelta(seconds=30))
PROJECT = Project(
    id=ProjectId("prj_1"),
    name="hello",
    hosts=("hello.localhost",),
    source_provider=SourceProvider.GITHUB,
    branch="main",
    created_at=NOW,
    updated_at=NOW,
)
PUSH = Change(source=Trigger.PUSH, ref="refs/heads/main", after=B)
NOTHING = Known()
NOTICED = (Trigger.PUSH, Trigger.POLL, Trigger.SWEEP)
OWNERS = (Trigger.MANUAL, Trigger.CREATE)


def deployment(sha: Sha | None, state: DeploymentState, *, since: datetime = NOW) -> Deployment:
    return Deployment(
        id=DeploymentId(f"dep_{state}"),
        project_id=PROJECT.id,
        number=7,
        trigger=Trigger.PUSH,
        state=state,
        queued_at=since,
        due_at=since,
        burst_since=since,
        sha=sha,
    )


def live(sha: Sha) -> Deployment:
    return deployment(sha, DeploymentState.LIVE)


def decided(change: Change = PUSH, project: Project = PROJECT, known: Known = NOTHING) -> Ignore | Enqueue:
    return decide(change, project, known, DEBOUNCE, NOW)


def code(change: Change = PUSH, project: Project = PROJECT, known: Known = NOTHING) -> str:
    decision = decided(change, project, known)
    assert isinstance(decision, Ignore), decision
    assert decision.reason
    return decision.code


def owed(change: Change = PUSH, project: Project = PROJECT, known: Known = NOTHING) -> Enqueue:
    decision = decided(change, project, known)
    assert isinstance(decision, Enqueue), decision
    return decision


def test_a_push_to_the_branch_is_owed_after_the_quiet_time() -> None:
    order = owed(known=Known(live=live(A)))
    assert (order.sha, order.due_at, order.burst_since, order.supersedes) == (B, NOW + DEBOUNCE.quiet, NOW, None)


def test_the_first_rule_that_speaks_wins() -> None:
    everything = Known(live=live(B), told_by_other_hook=True, last_failed_sha=B)
    paused = replace(PROJECT, paused_reason="by you")
    marked = replace(PUSH, skip_marker="[skip ci]")
    assert code(replace(marked, ref="refs/heads/other"), paused, everything) == "other_branch"
    assert code(marked, paused, everything) == "same_push"
    assert code(marked, paused, Known(live=live(B))) == "paused"
    assert code(marked, known=Known(live=live(B))) == "skip_marker"
    assert code(known=Known(live=live(B))) == "already_live"


@pytest.mark.parametrize(
    ("ref", "expected"),
    [
        ("refs/tags/main", "tag"),
        ("refs/tags/v1", "tag"),
        ("refs/heads/Main", "other_branch"),
        ("refs/heads/main/x", "other_branch"),
        ("refs/heads/feature/main", "other_branch"),
        ("refs/notes/main", "other_branch"),
        ("main", "other_branch"),
    ],
)
def test_only_the_projects_own_branch_counts(ref: str, expected: str) -> None:
    assert code(replace(PUSH, ref=ref)) == expected


def test_a_branch_with_a_slash_is_a_branch() -> None:
    assert owed(replace(PUSH, ref="refs/heads/feature/x"), replace(PROJECT, branch="feature/x")).sha == B


@pytest.mark.parametrize("change", [replace(PUSH, deleted=True), replace(PUSH, after=ZERO_SHA)])
def test_a_deleted_branch_leaves_what_runs(change: Change) -> None:
    assert code(change, known=Known(live=live(A))) == "branch_deleted"


@pytest.mark.parametrize("source", NOTICED)
def test_what_is_under_way_or_done_is_not_begun_again(source: Trigger) -> None:
    change = replace(PUSH, source=source)
    assert code(change, known=Known(queued=deployment(B, DeploymentState.QUEUED))) == "already_queued"
    assert code(change, known=Known(running=deployment(B, DeploymentState.BUILDING))) == "already_running"
    assert code(change, known=Known(live=live(B))) == "already_live"


def test_what_is_live_is_owed_again_while_something_else_is_on_its_way() -> None:
    assert owed(known=Known(live=live(B), running=deployment(C, DeploymentState.BUILDING))).sha == B
    waiting = deployment(C, DeploymentState.QUEUED)
    assert owed(known=Known(live=live(B), queued=waiting)).supersedes == waiting
    both = Known(running=deployment(B, DeploymentState.BUILDING), queued=waiting)
    assert owed(known=both).supersedes == waiting


def test_only_what_the_box_notices_by_itself_leaves_a_failed_or_cancelled_commit_alone() -> None:
    for known, why in ((Known(last_failed_sha=B), "failed_before"), (Known(last_cancelled_sha=B), "cancelled_before")):
        for source in (Trigger.POLL, Trigger.SWEEP):
            assert code(replace(PUSH, source=source), known=known) == why
        for source in (Trigger.PUSH, *OWNERS):
            assert owed(replace(PUSH, source=source), known=known).sha == B
        assert owed(replace(PUSH, source=Trigger.POLL, after=C), known=known).sha == C


@pytest.mark.parametrize("source", OWNERS)
def test_the_owners_word_goes_before_pause_marks_and_what_is_live_and_waits_for_nothing(source: Trigger) -> None:
    change = replace(PUSH, source=source, after=None, skip_marker="[skip ci]")
    order = owed(change, replace(PROJECT, paused_reason="by you"), Known(live=live(B), last_failed_sha=B))
    assert (order.sha, order.due_at) == (None, NOW)


def test_a_burst_is_bounded() -> None:
    waiting = deployment(A, DeploymentState.QUEUED, since=NOW - timedelta(seconds=28))
    order = owed(known=Known(queued=waiting))
    assert (order.due_at, order.burst_since) == (NOW + timedelta(seconds=2), waiting.burst_since)
    late = deployment(A, DeploymentState.QUEUED, since=NOW - timedelta(hours=1))
    assert owed(known=Known(queued=late)).due_at == NOW


@given(gaps=st.lists(st.floats(0, 10), min_size=1, max_size=60), quiet=st.floats(0, 20), longest=st.floats(20, 60))
def test_whatever_the_burst_it_is_due_in_time(gaps: list[float], quiet: float, longest: float) -> None:
    """No push waits longer than the cap, and none less than the quiet time unless the cap cuts it."""
    debounce = Debounce(quiet=timedelta(seconds=quiet), longest=timedelta(seconds=longest))
    now, queued, begin = NOW, None, NOW
    for gap in gaps:
        now += timedelta(seconds=gap)
        if queued and queued.due_at <= now:
            queued = None
        if queued is None:
            begin = now
        change = replace(PUSH, after=A if queued and queued.sha == B else B)
        order = decide(change, PROJECT, Known(queued=queued), debounce, now)
        assert isinstance(order, Enqueue)
        assert now <= order.due_at <= begin + debounce.longest
        assert order.due_at == min(now + debounce.quiet, begin + debounce.longest)
        assert order.burst_since == begin
        queued = replace(deployment(order.sha, DeploymentState.QUEUED, since=begin), due_at=order.due_at)


def test_commits_are_written_short() -> None:
    assert (short(A), short(None), short("")) == ("aaaaaaa", "an unknown commit", "an unknown commit")


def test_a_change_knows_its_branch() -> None:
    assert replace(PUSH, ref="refs/heads/a/b").branch == "a/b"
    assert replace(PUSH, ref="refs/tags/a").branch is None


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"ref": "refs/tags/x1"}, "other_tag"),
        ({"ref": "refs/heads/main"}, "other_tag"),
        ({"ref": "refs/heads/v1"}, "other_tag"),
        ({"ref": "refs/tags/v1", "deleted": True}, "tag_deleted"),
        ({"ref": "refs/tags/v1", "after": ZERO_SHA}, "tag_deleted"),
    ],
)
def test_a_project_on_tags_deploys_those_that_match(change: dict[str, Any], why: str) -> None:
    tagged = replace(PROJECT, settings=replace(PROJECT.settings, tag_pattern="v*"))
    assert code(replace(PUSH, **change), tagged) == why
    decision = decided(replace(PUSH, ref="refs/tags/v1"), tagged)
    assert isinstance(decision, Enqueue) and decision.sha == B


@pytest.mark.parametrize(
    ("root", "paths", "patterns"),
    [
        (None, (), ()),
        (".", (), ()),
        ("/", (), ()),
        ("/app/", (), ("app/",)),
        ("app", ("src/**",), ("src/**",)),
        (None, ("src/**",), ("src/**",)),
    ],
)
def test_a_root_directory_is_watched_unless_something_else_is(
    root: str | None, paths: tuple[str, ...], patterns: tuple[str, ...]
) -> None:
    settings = replace(PROJECT.settings, watch_paths=paths)
    assert watched(replace(PROJECT, root_directory=root, settings=settings)) == patterns


def test_what_changed_counts_where_it_is_known_and_nothing_of_it_is_watched() -> None:
    project = replace(PROJECT, root_directory="app")
    assert unwatched(project, None) is None
    assert unwatched(project, {"app/a.py", "docs/a.md"}) is None
    ignored = unwatched(project, {"docs/a.md"})
    assert ignored and ignored.code == "unwatched" and "only docs/" in ignored.reason
    assert unwatched(PROJECT, {"docs/a.md"}) is None


def test_what_differs_is_counted_from_what_is_live_and_nothing_else() -> None:
    project, served = replace(PROJECT, root_directory="app"), Known(live=live(A))
    change = replace(PUSH, base=A, changed=frozenset({"docs/a.md"}))
    assert code(change, project, served) == "unwatched"
    assert code(replace(change, base=C), project, replace(served, as_good_as_live=C)) == "unwatched"
    for known in (
        NOTHING,
        replace(served, running=deployment(C, DeploymentState.BUILDING)),
        replace(served, queued=deployment(C, DeploymentState.QUEUED)),
    ):
        assert isinstance(decided(change, project, known), Enqueue)
    for other in (
        {"base": None},
        {"base": C},
        {"changed": None},
        {"changed": frozenset({"app/a"})},
        {"source": "manual"},
    ):
        assert isinstance(decided(replace(change, **other), project, served), Enqueue), other


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ((), "no file differs"),
        (("a/1", "a/2", "b"), "only a/, b"),
        (("a", "b/1", "c"), "only a, b/, c"),
        (("a", "b/1", "c", "d", "e/1"), "only a, b/, c and 2 more"),
    ],
)
def test_it_is_told_where_something_changed(changed: tuple[str, ...], told: str) -> None:
    ignored = unwatched(replace(PROJECT, root_directory="app"), changed)
    assert ignored and ignored.reason == f"nothing that hello watches has changed: {told}"


@pytest.mark.parametrize(
    ("ref", "told"),
    [("refs/tags/x1", "the tag x1"), ("refs/heads/main", "main"), ("refs/notes/x", "refs/notes/x")],
)
def test_it_is_told_where_a_push_went_that_is_no_tag_to_deploy(ref: str, told: str) -> None:
    decision = decided(replace(PUSH, ref=ref), replace(PROJECT, settings=replace(PROJECT.settings, tag_pattern="v*")))
    assert isinstance(decision, Ignore) and decision.reason == f"the push went to {told}; hello deploys tags like v*"

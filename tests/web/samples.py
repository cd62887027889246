"""Nouns for tests of the doors: one project, one deployment, one of everything."""

from __future__ import annotations

from datetime import UTC, datetime

from nanoscale_box.core.github_model import Installation, Repository
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import (
    Deployment,
    DeploymentId,
    InstallationId,
    Link,
    Outcome,
    Project,
    ProjectId,
    RepoId,
    Sha,
    SourceProvider,
    Trigger,
    Verdict,
    VerdictId,
)

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def verdict(verdict_id: str) -> Verdict:
    return Verdict(
        id=VerdictId(verdict_id),
        source=Trigger.PUSH,
        outcome=Outcome.QUEUED,
        code="queued",
        reason="deploys as #1",
        at=NOW,
        project_id=ProjectId("prj_1"),
        ref="refs/heads/main",
        sha=Sha("a" * 40),
    )


def deployment(number: int = 1, state: DeploymentState = DeploymentState.LIVE) -> Deployment:
    return Deployment(
        id=DeploymentId(f"dep_{number}"),
        project_id=ProjectId("prj_1"),
        number=number,
        trigger=Trigger.CREATE,
        state=state,
        queued_at=NOW,
        due_at=NOW,
        burst_since=NOW,
        sha=Sha("a" * 40),
        subject="[/foo] <script>",
    )


def project() -> Project:
    return Project(
        id=ProjectId("prj_1"),
        name="hello",
        hosts=("hello.localhost",),
        source_provider=SourceProvider.GITHUB,
        branch="main",
        created_at=NOW,
        updated_at=NOW,
        link=Link(
            project_id=ProjectId("prj_1"),
            installation_id=InstallationId(7),
            repo_id=RepoId(42),
            repo_node_id="R_42",
            owner_login="octo",
            repo_name="hello",
            full_name="octo/hello",
            default_branch="main",
            selected_branch="main",
            is_private=True,
            webhook_id=9_007_199_254_740_993,
        ),
    )


def repository() -> Repository:
    return Repository(
        installation_id=InstallationId(7),
        repo_id=RepoId(42),
        node_id="R_42",
        owner_login="octo",
        name="hello",
        full_name="octo/hello",
        default_branch="main",
        is_private=True,
        html_url="https://github.com/octo/hello",
        clone_url="https://github.com/octo/hello.git",
    )


def installation() -> Installation:
    return Installation(
        installation_id=InstallationId(7),
        account_login="octo",
        account_type="User",
        target_type="User",
        target_id=1,
    )

"""Rows to write in tests: each as short as it can be."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from nanoscale_box.core.github_model import Installation, Repository
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import (
    DeliveryId,
    DeliveryRow,
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
from nanoscale_box.store.opening import migrations
from nanoscale_box.store.records import StoreRecords
from nanoscale_box.store.sql import Sql

NOW = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
A, B = Sha("a" * 40), Sha("b" * 40)


def later(seconds: float) -> datetime:
    """So many seconds after `NOW`."""
    return NOW + timedelta(seconds=seconds)


def in_memory() -> sqlite3.Connection:
    """A database with the whole schema, in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("PRAGMA foreign_keys = ON")
    for script in migrations():
        connection.executescript(script)
    return connection


def records_on(connection: sqlite3.Connection, *, reads_only: bool = False) -> StoreRecords:
    """All aggregates on a connection."""
    return StoreRecords(Sql(connection), reads_only=reads_only)


def project(name: str = "hello") -> Project:
    """A manual project without a host."""
    return Project(
        id=ProjectId(f"prj_{name}"),
        name=name,
        hosts=(),
        source_provider=SourceProvider.MANUAL,
        branch="main",
        created_at=NOW,
        updated_at=NOW,
    )


def linked(name: str = "hello", repo_id: int = 7) -> Project:
    """A project linked to a repository."""
    link = Link(
        project_id=ProjectId(f"prj_{name}"),
        installation_id=InstallationId(1),
        repo_id=RepoId(repo_id),
        repo_node_id="R_1",
        owner_login="octo",
        repo_name="hello",
        full_name="octo/hello",
        default_branch="main",
        selected_branch="main",
    )
    return replace(project(name), source_provider=SourceProvider.GITHUB, link=link)


def deployment(number: int = 1, name: str = "hello") -> Deployment:
    """A queued deployment of a project."""
    return Deployment(
        id=DeploymentId(f"dep_{name}_{number}"),
        project_id=ProjectId(f"prj_{name}"),
        number=number,
        trigger=Trigger.PUSH,
        state=DeploymentState.QUEUED,
        queued_at=NOW,
        due_at=NOW,
        burst_since=NOW,
    )


def delivery(number: int = 1) -> DeliveryRow:
    """A delivery that told of a push from A to B."""
    return DeliveryRow(
        id=f"dlv_{number}",
        delivery_id=DeliveryId(f"guid-{number}"),
        event_type="push",
        body_digest="0" * 64,
        hook_id="11",
        created_at=NOW,
        repo_id=RepoId(7),
        ref="refs/heads/main",
        before=A,
        head_commit=B,
    )


def verdict(number: int = 1) -> Verdict:
    """A verdict still queued."""
    return Verdict(
        id=VerdictId(f"vrd_{number}"),
        source=Trigger.PUSH,
        outcome=Outcome.QUEUED,
        code="queued",
        reason="waits",
        at=NOW,
        project_id=ProjectId("prj_hello"),
        delivery_id=DeliveryId("guid-1"),
        deployment_id=DeploymentId("dep_hello_1"),
    )


def installation(installation_id: int = 1) -> Installation:
    """An installation on an account."""
    return Installation(
        installation_id=InstallationId(installation_id),
        account_login="octo",
        account_type="User",
        target_type="User",
        target_id=5,
    )


def repository(repo_id: int, full_name: str, installation_id: int = 1) -> Repository:
    """A public repository as it is read back after a sync at `NOW`."""
    owner, _, name = full_name.partition("/")
    return Repository(
        installation_id=InstallationId(installation_id),
        repo_id=RepoId(repo_id),
        node_id=f"R_{repo_id}",
        owner_login=owner,
        name=name,
        full_name=full_name,
        default_branch="main",
        is_private=False,
        html_url=f"https://github.com/{full_name}",
        clone_url=f"https://github.com/{full_name}.git",
        last_synced_at=NOW,
    )

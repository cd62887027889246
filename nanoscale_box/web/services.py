"""What the doors call: the engine's services and a few others, as protocols, put together by the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from nanoscale_box.core.github_model import Branch, Installation, Repository
from nanoscale_box.core.model import (
    Deployment,
    DeploymentId,
    Event,
    InstallationId,
    ProjectId,
    Release,
    RepoId,
    Verdict,
)
from nanoscale_box.core.plan_model import Plan
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.records import Page
from nanoscale_box.engine.views import (
    EnvName,
    GithubState,
    ManifestForm,
    NewProject,
    ProjectChanges,
    ProjectView,
    Receipt,
    Redirection,
)


class Intake(Protocol):
    """Takes deliveries in."""

    def check_headers(self, headers: Sequence[tuple[str, str]]) -> None: ...
    async def receive(self, headers: Sequence[tuple[str, str]], body: bytes) -> Receipt: ...


class Accounts(Protocol):
    """The box's App, the owner's GitHub account and what they can reach."""

    async def begin_registration(self, caller: str, organization: str | None) -> Redirection: ...
    async def manifest_form(self, state: str) -> ManifestForm: ...
    async def finish_registration(self, code: str | None, state: str | None) -> str: ...
    async def finish_installation(
        self, installation_id: str | None, setup_action: str | None, state: str | None
    ) -> str: ...
    async def begin_connect(self, caller: str) -> Redirection: ...
    async def finish_connect(self, *, code: str | None, state: str | None, error: str | None) -> str: ...
    async def status(self) -> GithubState: ...
    async def disconnect(self) -> None: ...
    async def sync(self, installation_id: InstallationId | None) -> None: ...
    async def installations(self) -> list[Installation]: ...
    async def repositories(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[list[tuple[Repository, tuple[ProjectId, ...]]], str | None]: ...
    async def branches(self, repo_id: RepoId, query: str, page: Page) -> tuple[list[Branch], str | None]: ...


class Projects(Protocol):
    """The owner's projects and their deployments; `project_id` may be a name."""

    async def create(self, asked: NewProject) -> tuple[ProjectView, Deployment]: ...
    async def list(self) -> list[ProjectView]: ...
    async def get(self, project_id: ProjectId) -> ProjectView: ...
    async def change(self, project_id: ProjectId, changes: ProjectChanges) -> ProjectView: ...
    async def delete(self, project_id: ProjectId) -> None: ...
    async def redeploy(self, project_id: ProjectId, clear_cache: bool) -> Deployment | None: ...
    async def rollback(self, project_id: ProjectId, deployment_id: DeploymentId | None) -> Deployment: ...
    async def resume(self, project_id: ProjectId) -> Deployment | None: ...
    async def env(self, project_id: ProjectId) -> Sequence[EnvName]: ...
    async def replace_env(
        self, project_id: ProjectId, wanted: Sequence[tuple[str, Secret | None]]
    ) -> Sequence[EnvName]: ...
    async def deployments(self, project_id: ProjectId, page: Page) -> tuple[Sequence[Deployment], str | None]: ...
    async def verdicts(self, project_id: ProjectId | None, page: Page) -> tuple[Sequence[Verdict], str | None]: ...
    async def deployment(self, deployment_id: DeploymentId) -> Deployment: ...
    async def cancel(self, deployment_id: DeploymentId) -> Deployment: ...
    async def plan(self, project_id: ProjectId) -> tuple[Plan, tuple[str, ...]]: ...
    async def down(self) -> None: ...


class Feed(Protocol):
    """Everything that changes, by id."""

    async def after(self, last_id: int, limit: int) -> list[Event]: ...
    async def last_id(self) -> int: ...
    async def wait(self, last_id: int) -> None: ...


class LogPart(Protocol):
    """A part of a log: each line with the offset behind it; `complete` when no more will ever follow it."""

    @property
    def lines(self) -> Sequence[tuple[int, str]]: ...
    @property
    def complete(self) -> bool: ...


class LogReader(Protocol):
    """Reads what builds and apps printed; `kind` is `build` or `run`. Lines are redacted and inert already."""

    async def read(self, release: Release, kind: str, offset: int, limit_bytes: int) -> LogPart:
        """Whole lines from `offset` on, about `limit_bytes` of them; none when nothing is there yet."""
        ...

    async def tail(self, release: Release, kind: str, lines: int) -> int:
        """The offset where the last `lines` lines begin."""
        ...

    async def wait(self, release: Release, kind: str, offset: int) -> None:
        """Return as soon as something lies behind `offset`, or the log is complete."""
        ...


class Finding(Protocol):
    """One thing the doctor looked at."""

    @property
    def code(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def why(self) -> str: ...
    @property
    def fix(self) -> str | None: ...
    @property
    def fixable(self) -> bool: ...


class Doctor(Protocol):
    """Looks whether everything is as it should be."""

    async def look(self) -> Sequence[Finding]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that the doors lead to. `owner_id` is the row of `users` that every caller acts as."""

    intake: Intake
    accounts: Accounts
    projects: Projects
    feed: Feed
    logs: LogReader
    doctor: Doctor
    owner_id: str
    version: str

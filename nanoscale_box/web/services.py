"""What the doors call: the engine's services and a few others, as protocols, put together by the daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from nanoscale_box.core.audit import Act, AuditCheck, Entry
from nanoscale_box.core.github_model import Branch, Installation, Repository
from nanoscale_box.core.model import (
    DataFolder,
    Deployment,
    DeploymentId,
    Event,
    InstallationId,
    LogKind,
    ProjectId,
    Release,
    RepoId,
    Verdict,
)
from nanoscale_box.core.plan_model import Plan
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.tokens import ApiToken, Scope, TokenId
from nanoscale_box.engine.hookcheck import HookView
from nanoscale_box.engine.measuring import Measured
from nanoscale_box.engine.records import AuditFilter, Page
from nanoscale_box.engine.resealing import KeyView
from nanoscale_box.engine.rotation import Rotated
from nanoscale_box.engine.sampling import Usage
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
from nanoscale_box.web.counters import IntakeCounters


class Intake(Protocol):
    """Takes deliveries in."""

    def check_headers(self, headers: Sequence[tuple[str, str]]) -> None: ...
    def receive(self, headers: Sequence[tuple[str, str]], body: bytes) -> asyncio.Future[Receipt]: ...


class Accounts(Protocol):
    """The box's App, the owner's GitHub account and what they can reach."""

    async def begin_registration(
        self, caller: str, organization: str | None, *, feedback: bool = False, checks: bool = False
    ) -> Redirection: ...
    async def manifest_form(self, state: str) -> ManifestForm: ...
    async def finish_registration(self, code: str | None, state: str | None) -> str: ...
    async def finish_installation(
        self, installation_id: str | None, setup_action: str | None, state: str | None
    ) -> str: ...
    async def begin_connect(self, caller: str) -> Redirection: ...
    async def begin_device(self) -> Redirection: ...
    async def end_device(self) -> None: ...
    async def finish_connect(
        self, *, code: str | None, state: str | None, error: str | None, issuer: str | None
    ) -> str: ...
    async def install_url(self, caller: str) -> str | None: ...
    async def status(self) -> GithubState: ...
    async def disconnect(self) -> None: ...
    async def hooks(self) -> Sequence[HookView]: ...
    async def repair_hooks(self) -> Sequence[HookView]: ...
    async def rotate_secrets(self) -> Rotated: ...
    async def sync(self, installation_id: InstallationId | None) -> None: ...
    async def installations(self) -> Sequence[Installation]: ...
    async def repositories(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[list[tuple[Repository, tuple[ProjectId, ...]]], str | None]: ...
    async def branches(self, repo_id: RepoId, query: str, page: Page) -> tuple[Sequence[Branch], str | None]: ...


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
    async def plan_anew(self, asked: NewProject) -> tuple[Plan, tuple[str, ...]]: ...
    async def data(self, project_id: ProjectId) -> DataFolder: ...
    async def down(self) -> None: ...


class Tokens(Protocol):
    """Bearer tokens."""

    async def create(
        self, name: str, scope: Scope, expires_in_days: int | None, *, caller: str
    ) -> tuple[ApiToken, Secret]: ...
    async def list(self) -> Sequence[ApiToken]: ...
    async def revoke(self, token_id: TokenId, *, caller: str) -> None: ...
    async def recognise(self, presented: Secret) -> ApiToken: ...


class Keys(Protocol):
    """The keys that seal secrets."""

    async def keys(self) -> Sequence[KeyView]: ...
    async def rotate(self, caller: str) -> Sequence[KeyView]: ...


class Backups(Protocol):
    """Backups of the running box."""

    async def make(self, passphrase: Secret | None) -> Path: ...
    async def done(self, made: Path) -> None: ...


class Audit(Protocol):
    """Who did what to what."""

    async def note(self, act: Act) -> None: ...
    async def list(self, wanted: AuditFilter, page: Page) -> tuple[Sequence[Entry], str | None]: ...
    async def check(self) -> AuditCheck: ...


class Metrics(Protocol):
    """What the box measures of itself."""

    async def gather(self) -> Measured: ...


class Sampling(Protocol):
    """What running apps take of the machine."""

    def usage(self, samples: int) -> Sequence[Usage]: ...


class Feed(Protocol):
    """Everything that changes, by id."""

    async def after(self, last_id: int, limit: int) -> Sequence[Event]: ...
    async def last_id(self) -> int: ...
    async def wait(self, last_id: int) -> None: ...


class LogLine(Protocol):
    """One line, and the offset behind it."""

    @property
    def after(self) -> int: ...
    @property
    def text(self) -> str: ...


class LogPiece(Protocol):
    """Some lines of a log; `complete` when nothing is left and nothing will come."""

    @property
    def lines(self) -> Sequence[LogLine]: ...
    @property
    def next_offset(self) -> int: ...
    @property
    def complete(self) -> bool: ...


class LogReader(Protocol):
    """Reads what builds and apps printed. Lines are redacted and inert already; `read` and `tail` touch the disk."""

    def read(self, release: Release, kind: LogKind, offset: int, limit: int) -> LogPiece: ...
    def tail(self, release: Release, kind: LogKind, count: int) -> LogPiece: ...
    def follow(self, release: Release, kind: LogKind, offset: int) -> AsyncIterator[LogLine]: ...


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

    async def look(self, *, quick: bool = False) -> Sequence[Finding]: ...
    async def mend(self) -> Sequence[Finding]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """All that the doors lead to. `owner_id` is the row of `users` that every caller acts as."""

    intake: Intake
    accounts: Accounts
    projects: Projects
    feed: Feed
    logs: LogReader
    doctor: Doctor
    tokens: Tokens
    keys: Keys
    backups: Backups
    audit: Audit
    metrics: Metrics
    sampling: Sampling
    owner_id: str
    version: str
    counters: IntakeCounters = field(default_factory=IntakeCounters)
    """What the public door counts; told by the API's doors."""

"""What the engine asks of the store: short synchronous work on all aggregates, done whole in one commit or not at
all."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from nanoscale_box.core.audit import Act, AuditCheck, Entry
from nanoscale_box.core.github_model import Account, Branch, Installation, Repository
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import (
    DeliveryId,
    DeliveryRow,
    Deployment,
    DeploymentId,
    Event,
    EventKind,
    InstallationId,
    News,
    Outcome,
    Project,
    ProjectId,
    RepoId,
    Sha,
    Trigger,
    UserId,
    Verdict,
)
from nanoscale_box.core.tokens import ApiToken, TokenId
from nanoscale_box.engine.ports import Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is wanted: at most `limit` rows after `cursor` (opaque; None is the start)."""

    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Durable work that is retried until it is done, like the removal of a hook; `payload` is JSON text."""

    id: str
    kind: str
    payload: str
    due_at: datetime
    attempt: int = 0
    last_error: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries of the audit are wanted; `action` is how an action begins, None is any."""

    who: str | None = None
    action: str | None = None
    target: str | None = None


SealAfter = tuple[int, int]
"""Where a sealed text rests, as only the store reads it; they sort."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A sealed text, the place it was sealed for, and where it rests."""

    at: SealAfter
    place: Place
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SealUse:
    """How many texts of a table a key sealed."""

    key_id: str
    table: str
    count: int


class Projects(Protocol):
    def add(self, project: Project) -> None: ...  # Conflict name_taken
    def get(self, project_id: ProjectId) -> Project | None: ...
    def by_name(self, name: str) -> Project | None: ...
    def list(self) -> Sequence[Project]: ...  # by name
    def on_repository(self, repo_id: RepoId) -> Sequence[Project]: ...  # links active or not
    def update(self, project: Project) -> None: ...  # all fields, link included
    def remove(self, project_id: ProjectId) -> None: ...  # link, env, deployments go too; verdicts and deliveries stay
    def link_secret(self, project_id: ProjectId) -> str | None: ...  # sealed webhook secret of the link
    def set_link_secret(self, project_id: ProjectId, sealed: str) -> None: ...
    def by_webhook(self, webhook_id: int) -> Sequence[Project]: ...
    def env(
        self, project_id: ProjectId
    ) -> Sequence[tuple[str, str, datetime]]: ...  # key, sealed value, updated_at; by key
    def put_env(self, project_id: ProjectId, key: str, sealed: str, now: datetime) -> None: ...
    def drop_env(self, project_id: ProjectId, key: str) -> None: ...


class Deployments(Protocol):
    def add(self, deployment: Deployment) -> None: ...
    def next_number(self, project_id: ProjectId) -> int: ...  # never given twice
    def get(self, deployment_id: DeploymentId) -> Deployment | None: ...
    def update(self, deployment: Deployment) -> None: ...
    def queued(self, project_id: ProjectId) -> Deployment | None: ...
    def running(self, project_id: ProjectId) -> Deployment | None: ...
    def all_in(self, states: Sequence[DeploymentState]) -> Sequence[Deployment]: ...  # oldest due first
    def last_failed(
        self, project_id: ProjectId
    ) -> Deployment | None: ...  # newest failed with a sha, if nothing went live since
    def latest(self, project_id: ProjectId) -> Deployment | None: ...  # the highest number
    def list(self, project_id: ProjectId, page: Page) -> tuple[Sequence[Deployment], str | None]: ...  # newest first
    def keep_plan(
        self, deployment_id: DeploymentId, plan_json: str, env_sealed: str
    ) -> None: ...  # the release's snapshot
    def plan_of(self, deployment_id: DeploymentId) -> tuple[str, str] | None: ...


class Deliveries(Protocol):
    def get(self, delivery_id: DeliveryId) -> DeliveryRow | None: ...
    def known(self, delivery_ids: Sequence[DeliveryId]) -> frozenset[DeliveryId]: ...  # those recorded already
    def add(self, row: DeliveryRow) -> None: ...
    def add_all(self, rows: Sequence[DeliveryRow]) -> None: ...
    def update(self, row: DeliveryRow) -> None: ...
    def count_same_push(self, repo_id: RepoId, ref: str, before: Sha, after: Sha) -> dict[str, int]: ...  # by hook_id
    def list(self, page: Page) -> tuple[Sequence[DeliveryRow], str | None]: ...  # newest first
    def trim(self, after: int, before: datetime, limit: int) -> int | None: ...  # not those with a queued verdict


class Verdicts(Protocol):
    def add(self, verdict: Verdict) -> None: ...
    def add_all(self, verdicts: Sequence[Verdict]) -> None: ...
    def conclude(
        self, deployment_id: DeploymentId, outcome: Outcome, code: str, reason: str, at: datetime
    ) -> Sequence[Verdict]: ...  # updates those still queued for the deployment; gives them as they are now
    def list(
        self, project_id: ProjectId | None, page: Page
    ) -> tuple[Sequence[Verdict], str | None]: ...  # newest first; None: all
    def of_delivery(self, delivery_id: DeliveryId) -> Sequence[Verdict]: ...
    def newest(self, project_id: ProjectId, source: Trigger) -> Verdict | None: ...
    def trim(
        self, after: int, before: datetime, limit: int
    ) -> int | None: ...  # not queued ones, nor a project's newest


class Events(Protocol):
    def add(
        self,
        kind: EventKind,
        at: datetime,
        data: dict[str, object],
        *,
        project_id: ProjectId | None = None,
        deployment_id: DeploymentId | None = None,
    ) -> Event: ...
    def add_all(self, news: Sequence[News]) -> None: ...
    def after(
        self, last_id: int, limit: int, kind: EventKind | None = None
    ) -> Sequence[Event]: ...  # oldest first; None: of every kind
    def last_id(self) -> int: ...
    def outcomes_after(self, last_id: int) -> tuple[dict[str, int], int]: ...  # of verdicts told; and the newest id
    # Each `trim` forgets what is older than `before` among the next `limit` rows; gives the row to go on after, or None
    # when the next ones are young enough.
    def trim(self, after: int, before: datetime, limit: int) -> int | None: ...


class GithubCache(Protocol):
    """The account link, installations, repositories, branches."""

    def owner(self) -> UserId: ...  # the one row of users, made on first use by the migration
    def account(self) -> Account | None: ...
    def tokens(self) -> tuple[str, str | None, datetime | None] | None: ...  # sealed access, sealed refresh, expiry
    def put_account(
        self,
        account: Account,
        access_sealed: str,
        refresh_sealed: str | None,
        expires_at: datetime | None,
        now: datetime,
    ) -> None: ...
    def link_id(self) -> str: ...  # the row id tokens are sealed for; stable, also before the account is stored
    def drop_account(self) -> None: ...
    def put_installation(self, installation: Installation, now: datetime) -> None: ...
    def installations(self) -> Sequence[Installation]: ...
    def installation(self, installation_id: InstallationId) -> Installation | None: ...
    def drop_installation(self, installation_id: InstallationId) -> None: ...  # its repositories too
    def put_repositories(self, repositories: Sequence[Repository], now: datetime) -> None: ...
    def drop_repositories(
        self, installation_id: InstallationId, keep: Sequence[RepoId]
    ) -> Sequence[RepoId]: ...  # gives the dropped
    def drop_repository(self, repo_id: RepoId) -> None: ...
    def repository(self, repo_id: RepoId) -> Repository | None: ...
    def repositories(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[Sequence[Repository], str | None]: ...  # best match first, else by full_name
    def put_branches(self, repo_id: RepoId, branches: Sequence[Branch], now: datetime) -> None: ...
    def branches(
        self, repo_id: RepoId, query: str, page: Page
    ) -> tuple[Sequence[Branch], str | None]: ...  # default first
    def branches_synced_at(self, repo_id: RepoId) -> datetime | None: ...


class Keeper(Protocol):
    """Small things by name: the registered App (sealed), pending sign-in states, durable jobs."""

    def get(self, name: str) -> str | None: ...
    def put(self, name: str, text: str) -> None: ...
    def drop(self, name: str) -> None: ...
    def put_state(self, digest: str, flow: str, payload: str, expires_at: datetime) -> None: ...
    def take_state(
        self, digest: str, flow: str, now: datetime
    ) -> str | None: ...  # single use: gives and deletes; None if expired
    def add_job(self, job: Job) -> None: ...
    def due_jobs(self, now: datetime, limit: int) -> Sequence[Job]: ...
    def next_job_due(self) -> datetime | None: ...
    def update_job(self, job: Job) -> None: ...
    def finish_job(self, job_id: str) -> None: ...


class Tokens(Protocol):
    def add(self, token: ApiToken) -> None: ...  # Conflict name_taken
    def list(self) -> Sequence[ApiToken]: ...  # oldest first
    def by_digest(self, digest: str) -> ApiToken | None: ...
    def used(self, token_id: TokenId, at: datetime) -> None: ...
    def remove(self, token_id: TokenId) -> bool: ...  # False: there is none


class Audit(Protocol):
    def add(self, act: Act, at: datetime) -> Entry: ...  # chained to the newest
    def list(self, wanted: AuditFilter, page: Page) -> tuple[Sequence[Entry], str | None]: ...  # newest first
    def check(self) -> AuditCheck: ...  # follows the whole chain


class Seals(Protocol):
    def uses(self) -> Sequence[SealUse]: ...
    def not_by(self, key_id: str, after: SealAfter | None, limit: int) -> Sequence[Sealed]: ...  # in order of `at`
    def replace(self, at: SealAfter, text: str) -> None: ...


class Records(Protocol):
    """All aggregates within one transaction."""

    @property
    def projects(self) -> Projects: ...
    @property
    def deployments(self) -> Deployments: ...
    @property
    def deliveries(self) -> Deliveries: ...
    @property
    def verdicts(self) -> Verdicts: ...
    @property
    def events(self) -> Events: ...
    @property
    def github(self) -> GithubCache: ...
    @property
    def keeper(self) -> Keeper: ...
    @property
    def tokens(self) -> Tokens: ...
    @property
    def audit(self) -> Audit: ...
    @property
    def seals(self) -> Seals: ...
    def flaw(self) -> str | None: ...  # what is damaged in the database, None when nothing is


class Ledger(Protocol):
    """What the box remembers. Work runs in the store's own thread: it must be short, synchronous and touch nothing
    else."""

    def write(self, work: Callable[[Records], T]) -> Awaitable[T]:
        """Run `work` and commit; once its answer is there, what it wrote is on disk (fsynced). Work that raises leaves
        nothing.
        `Unavailable` `disk_full` or `store_unavailable` when it could not be made durable."""
        ...

    def read(self, work: Callable[[Records], T]) -> Awaitable[T]:
        """Run `work` on a consistent snapshot; it must not write."""
        ...

    def on_commit(self, notify: Callable[[], Any], kind: EventKind | None = None) -> None:
        """Call `notify` in the event loop after each commit that added events, or events of this kind."""
        ...

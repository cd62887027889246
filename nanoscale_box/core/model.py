"""The nouns of the box: projects, deployments, verdicts, and what it knows of GitHub."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal, NewType

import msgspec

from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.settings import ProjectSettings

UserId = NewType("UserId", str)
ProjectId = NewType("ProjectId", str)
DeploymentId = NewType("DeploymentId", str)
VerdictId = NewType("VerdictId", str)
DeliveryId = NewType("DeliveryId", str)
InstallationId = NewType("InstallationId", int)
RepoId = NewType("RepoId", int)
Sha = NewType("Sha", str)
Address = NewType("Address", str)
"""Where an instance answers: `host:port`, or `file:` and the folder of a static site. Made by the runner, understood
by the ingress."""


class SourceProvider(StrEnum):
    """Where a project's commits come from."""

    MANUAL = "manual"
    GITHUB = "github"


class Trigger(StrEnum):
    """What made a deployment; also the source of a verdict."""

    CREATE = "create"
    PUSH = "push"
    POLL = "poll"
    SWEEP = "sweep"
    MANUAL = "manual"
    ROLLBACK = "rollback"


class Outcome(StrEnum):
    """How a push ended for one project. `queued` is the only one that still changes."""

    QUEUED = "queued"
    DEPLOYED = "deployed"
    FAILED = "failed"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    IGNORED = "ignored"


class EventKind(StrEnum):
    """What an event on the stream is about."""

    DELIVERY = "delivery"
    VERDICT = "verdict"
    DEPLOYMENT = "deployment"
    PROJECT = "project"
    GITHUB = "github"


class LogKind(StrEnum):
    """Whose words a log holds: a build's, or the running app's."""

    BUILD = "build"
    RUN = "run"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """The tie between a project and one branch of one repository; the repository is known by `repo_id`, names may
    change."""

    project_id: ProjectId
    installation_id: InstallationId
    repo_id: RepoId
    repo_node_id: str
    owner_login: str
    repo_name: str
    full_name: str
    default_branch: str
    selected_branch: str
    is_private: bool = False
    webhook_id: int | None = None
    active: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a project's app and its builds may take; None leaves it to whoever runs them. A runner or builder applies
    what it can."""

    memory_mb: int | None = None
    """MiB of the app with all its processes."""
    cpu_percent: int | None = None
    """Of one core: 200 is two cores."""
    tasks_max: int | None = None
    """Processes and threads of the app."""
    stop_seconds: int | None = None
    """From SIGTERM to SIGKILL."""
    build_timeout_seconds: int | None = None
    """For one command of a build, or one that runs once."""
    build_memory_mb: int | None = None


UNLIMITED: Final = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """One app of the owner: a source, a branch, how to build and run it, and where it answers."""

    id: ProjectId
    name: str
    hosts: tuple[str, ...]
    source_provider: SourceProvider
    branch: str
    created_at: datetime
    updated_at: datetime
    repo_url: str | None = None
    link: Link | None = None
    install_command: str | None = None
    build_command: str | None = None
    run_command: str | None = None
    output_directory: str | None = None
    root_directory: str | None = None
    paused_reason: str | None = None
    pinned_deployment_id: DeploymentId | None = None
    live_deployment_id: DeploymentId | None = None
    wait_for_ci: bool = False
    """Pushes are deployed once the commit's checks and statuses are green."""
    down: bool = False
    """The owner stopped the app with `down`; the next deployment brings it up."""
    settings: ProjectSettings = field(default_factory=ProjectSettings)

    @property
    def limits(self) -> Limits:
        """What its apps and builds may take."""
        return Limits(
            memory_mb=self.settings.memory_mb,
            cpu_percent=self.settings.cpu_percent,
            tasks_max=self.settings.tasks_max,
            stop_seconds=self.settings.stop_seconds,
            build_timeout_seconds=self.settings.build_timeout_seconds,
            build_memory_mb=self.settings.build_memory_mb,
        )

    @property
    def paused(self) -> bool:
        """Whether pushes are only noted, not deployed."""
        return self.paused_reason is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One finished or running part of a deployment."""

    name: str
    state: str
    duration_ms: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why a deployment failed, as it is kept and shown."""

    code: str
    detail: str
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One attempt to make one commit the running release. The row is the queue: `due_at` says when it may begin."""

    id: DeploymentId
    project_id: ProjectId
    number: int
    trigger: Trigger
    state: DeploymentState
    queued_at: datetime
    due_at: datetime
    burst_since: datetime
    """When the first push of the burst arrived that this deployment ends; bounds the debounce."""
    sha: Sha | None = None
    ref: str | None = None
    subject: str | None = None
    author: str | None = None
    delivery_id: DeliveryId | None = None
    superseded_by: DeploymentId | None = None
    rollback_to: DeploymentId | None = None
    """The deployment whose kept release a rollback starts again."""
    failure: Failure | None = None
    steps: tuple[Step, ...] = ()
    attempt: int = 0
    cancel_requested: bool = False
    clear_cache: bool = False
    ci_since: datetime | None = None
    """Since when it waits in the queue for its commit's checks; None: it does not."""
    started_at: datetime | None = None
    finished_at: datetime | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one push (or poll, sweep, manual start) for one project, with its reason; `project_id` None: it
    touched none."""

    id: VerdictId
    source: Trigger
    outcome: Outcome
    code: str
    reason: str
    at: datetime
    project_id: ProjectId | None = None
    delivery_id: DeliveryId | None = None
    ref: str | None = None
    sha: Sha | None = None
    deployment_id: DeploymentId | None = None


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A recorded delivery."""

    id: str
    delivery_id: DeliveryId
    event_type: str
    body_digest: str
    hook_id: str
    created_at: datetime
    repo_id: RepoId | None = None
    ref: str | None = None
    before: Sha | None = None
    head_commit: Sha | None = None
    handled: bool = False
    status_code: int | None = None
    error_message: str | None = None

    def answered(self, status_code: int) -> DeliveryRow:
        """The delivery once it was handled, and answered with this."""
        return msgspec.structs.replace(self, handled=True, status_code=status_code, error_message=None)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a delivery; it is on disk before this exists."""

    status: Literal["accepted", "ignored", "duplicate"]
    delivery_id: str
    reason: str
    verdicts: list[Verdict]
    http_status: int


class News(msgspec.Struct, frozen=True, kw_only=True):
    """An event that has no number yet."""

    kind: EventKind
    at: datetime
    data: dict[str, object] | Verdict
    project_id: ProjectId | None = None
    deployment_id: DeploymentId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that changed, as it is streamed; `id` grows without bound and is never used twice."""

    id: int
    kind: EventKind
    at: datetime
    data: dict[str, object]
    project_id: ProjectId | None = None
    deployment_id: DeploymentId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvVar:
    """An environment variable of a project; the value is sealed wherever it rests."""

    key: str
    value: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The key of what a deployment made: its folder, log and instance are found by it, its place on disk is the
    adapters' business."""

    project_id: ProjectId
    deployment_id: DeploymentId


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A release that runs, and where it answers."""

    release: Release
    address: Address


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFolder:
    """What an app keeps across its releases: where, how many bytes in how many files; `whole` is False when they were
    too many to count all."""

    path: str
    bytes: int
    files: int
    whole: bool = True

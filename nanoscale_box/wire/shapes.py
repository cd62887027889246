"""What the API answers: every field always there, null where it may be; ids are text, times RFC 3339 in UTC."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

T = TypeVar("T")


class Shape(Struct, frozen=True, kw_only=True):
    """The base of all answers; readers ignore fields they do not know, so a newer box can talk to an older face."""


class Problem(Shape, frozen=True):
    """An error (RFC 9457): `detail` says what happened, `hint` what to do next."""

    title: str
    status: int
    detail: str
    code: str
    type: str = "about:blank"
    hint: str | None = None


class Step(Shape, frozen=True):
    """One part of a deployment: `state` is `running`, `done` or `failed`."""

    name: str
    state: str
    duration_ms: int | None


class Deployment(Shape, frozen=True):
    """One attempt to make one commit the running release."""

    id: str
    project_id: str
    number: int
    trigger: str
    state: str
    sha: str | None
    ref: str | None
    subject: str | None
    author: str | None
    delivery_id: str | None
    superseded_by: str | None
    error: Problem | None
    steps: list[Step]
    queued_at: datetime
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


class GithubLink(Shape, frozen=True):
    """A project's tie to GitHub."""

    installation_id: int
    repo_id: int
    full_name: str
    selected_branch: str
    is_private: bool
    webhook_id: int | None


class Drift(Shape, frozen=True):
    """How what runs differs from the branch's head."""

    behind: int | None
    since: datetime
    reason: str


class Project(Shape, frozen=True):
    """One app of the owner; a setting that is null has its default."""

    id: str
    name: str
    url: str
    hosts: list[str]
    state: str
    paused: bool
    paused_reason: str | None
    pinned_deployment_id: str | None
    source_provider: str
    repo_url: str | None
    source_repo_id: int | None
    branch: str
    github: GithubLink | None
    install_command: str | None
    build_command: str | None
    run_command: str | None
    output_directory: str | None
    root_directory: str | None
    live: Deployment | None
    latest: Deployment | None
    drift: Drift | None
    created_at: datetime
    updated_at: datetime
    watch_paths: list[str] | None = None
    tag_pattern: str | None = None
    health_path: str | None = None
    health_status: str | None = None
    health_timeout_seconds: int | None = None
    health_grace_seconds: int | None = None
    stop_seconds: int | None = None
    memory_mb: int | None = None
    cpu_percent: int | None = None
    tasks_max: int | None = None
    build_timeout_seconds: int | None = None
    build_memory_mb: int | None = None
    preflight_command: str | None = None
    release_command: str | None = None
    wait_for_ci: bool = False


class Verdict(Shape, frozen=True):
    """What became of one push for one project, and why."""

    id: str
    project_id: str | None
    source: str
    delivery_id: str | None
    ref: str | None
    sha: str | None
    outcome: str
    code: str
    reason: str
    deployment_id: str | None
    at: datetime


class Event(Shape, frozen=True):
    """One change on the stream; `data` is the changed thing in its own shape, or what is told of it."""

    id: int
    kind: str
    at: datetime
    project_id: str | None
    deployment_id: str | None
    data: dict[str, Any]


class LogLine(Shape, frozen=True):
    """One line of a log; `offset` is where the next one begins and resumes the stream."""

    offset: int
    text: str


class LogEnd(Shape, frozen=True):
    """The last word of a log's stream: `complete` when nothing will follow, `offset` is where it stopped."""

    offset: int
    complete: bool


class Installation(Shape, frozen=True):
    """The App on one account, with what it may not do yet."""

    installation_id: int
    account_login: str
    account_type: str
    repository_selection: str
    suspended: bool
    missing_permissions: list[str]


class Rate(Shape, frozen=True):
    """GitHub's primary limit as told last."""

    limit: int
    remaining: int
    reset_at: datetime


class GithubStatus(Shape, frozen=True):
    """`state`: `unconfigured`, `registered`, `connected` or `reconnect`; `mode`: `webhook` or `polling`."""

    connected: bool
    state: str
    account_login: str | None
    mode: str
    installations: list[Installation]
    rate: Rate | None
    problems: list[str] = []
    """What is not as it should be, each a sentence; the doctor says what mends it."""


class Hook(Shape, frozen=True):
    """How a webhook stands; `repo_id` null is the App's own. `state`: `ok`, `missing`, `inactive`, `old_url`, `foreign`
    (an App's hook that leads to somebody else), `denied`, `unreachable` or `off` (the box polls)."""

    state: str
    repo_id: int | None
    full_name: str | None
    hook_id: int | None
    url: str | None
    detail: str | None
    project_ids: list[str]


class SecretsRotated(Shape, frozen=True):
    """What was given a new secret; the old ones verify for `overlap_seconds` after GitHub has the new ones."""

    repository_hooks: int
    app_hook: bool
    overlap_seconds: int
    note: str | None


class Repository(Shape, frozen=True):
    """A repository in scope, from the local cache."""

    id: str
    installation_id: int
    repo_id: int
    node_id: str
    owner_login: str
    name: str
    full_name: str
    default_branch: str
    is_private: bool
    html_url: str
    clone_url: str
    archived: bool
    disabled: bool
    last_synced_at: datetime | None
    project_ids: list[str]


class Branch(Shape, frozen=True):
    """A branch and its head."""

    name: str
    sha: str
    default: bool


class Redirect(Shape, frozen=True):
    """Where the owner's browser goes next."""

    redirect_url: str
    expires_at: datetime
    user_code: str | None = None
    """What is entered there, in the device flow."""


class Created(Shape, frozen=True):
    """A new project and its first deployment."""

    project: Project
    deployment: Deployment


class MaybeDeployment(Shape, frozen=True):
    """The deployment that was owed, if any."""

    deployment: Deployment | None


class EnvEntry(Shape, frozen=True):
    """An environment variable's name; values are write-only."""

    key: str
    updated_at: datetime


class PlannedCommand(Shape, frozen=True):
    """A command as it will run."""

    name: str
    command: str


class PlanPreview(Shape, frozen=True):
    """What will be built and how; `missing` names tools the host lacks, `in_file` the settings that the repository's
    `nanoscale.toml` decides."""

    kind: str
    why: str
    commands: list[PlannedCommand]
    output_directory: str | None
    health_path: str
    missing: list[str]
    in_file: list[str]


class ProjectData(Shape, frozen=True):
    """The folder that outlives releases, `DATA_DIR` to the app. `bytes` is what its files hold together; `whole` is
    false when they were too many to count all."""

    path: str
    bytes: int
    files: int
    whole: bool


class Session(Shape, frozen=True):
    """Who the caller is to the box."""

    user_id: str
    via: str
    caller: str
    version: str


class Finding(Shape, frozen=True):
    """One thing the doctor looked at: `status` is `ok`, `warn`, `fail` or `skip`."""

    code: str
    status: str
    title: str
    why: str
    fix: str | None
    fixable: bool


class Doctor(Shape, frozen=True):
    """All findings; `ok` when none fails."""

    ok: bool
    findings: list[Finding]


class Token(Shape, frozen=True):
    """A bearer token without its text; `last_used_at` is exact to a minute."""

    id: str
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None


class NewToken(Shape, frozen=True):
    """A token and its text, which is given this once."""

    token: Token
    text: str


class Key(Shape, frozen=True):
    """An encryption key by its id, and how many secrets it seals; `here` is false for one that is lost."""

    id: str
    newest: bool
    here: bool
    uses: int


class AuditEntry(Shape, frozen=True):
    """Who did what to what, and how it ended; `digest` chains it to the entry before."""

    id: int
    at: datetime
    who: str
    action: str
    target: str | None
    outcome: str
    delivery_id: str | None
    sha: str | None
    detail: str
    digest: str


class AuditCheck(Shape, frozen=True):
    """Whether the audit is whole; `broken_at` is the first entry that does not follow from the one before."""

    ok: bool
    entries: int
    broken_at: int | None
    newest_digest: str


class WebhookAnswer(Shape, frozen=True):
    """What GitHub is told: `status` is `accepted`, `ignored` or `duplicate`."""

    status: str
    delivery_id: str
    reason: str
    verdicts: list[Verdict]


class Health(Shape, frozen=True):
    """The public door's sign of life."""

    status: str


class Page(Shape, Generic[T], frozen=True):
    """A part of a list; `next_cursor` asks for the next one."""

    items: list[T]
    next_cursor: str | None = None

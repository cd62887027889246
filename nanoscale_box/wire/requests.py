"""What the API is asked: unknown fields are refused, and what may be left out has its default here."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

# GitHub's ids are positive and fit a signed 64-bit column; anything else cannot name a thing.
GithubId = Annotated[int, Meta(ge=1, le=2**63 - 1)]


class Request(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The base of all request bodies."""


class EnvVar(Request, frozen=True):
    """A variable and its value; write-only."""

    key: str
    value: str


class GithubSource(Request, frozen=True):
    """A branch of a repository in an installation's scope. Names and URLs come from GitHub by `repo_id`."""

    installation_id: GithubId
    repo_id: GithubId
    selected_branch: str


class CreateProject(Request, frozen=True):
    """A new project: either `repo_url` (with `branch`) or `github_source`; both or neither is `invalid_source`."""

    name: str | None = None
    branch: str | None = None
    install_command: str | None = None
    build_command: str | None = None
    run_command: str | None = None
    output_directory: str | None = None
    root_directory: str | None = None
    env_vars: list[EnvVar] = []
    domains: list[str] = []
    wait_for_ci: bool = False
    repo_url: str | None = None
    github_source: GithubSource | None = None
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


class ChangeProject(Request, frozen=True):
    """What changes of a project; what is left out stays, null empties."""

    name: str | UnsetType = UNSET
    branch: str | UnsetType = UNSET
    install_command: str | UnsetType | None = UNSET
    build_command: str | UnsetType | None = UNSET
    run_command: str | UnsetType | None = UNSET
    output_directory: str | UnsetType | None = UNSET
    root_directory: str | UnsetType | None = UNSET
    domains: list[str] | UnsetType = UNSET
    paused: bool | UnsetType = UNSET
    watch_paths: list[str] | UnsetType | None = UNSET
    tag_pattern: str | UnsetType | None = UNSET
    health_path: str | UnsetType | None = UNSET
    health_status: str | UnsetType | None = UNSET
    health_timeout_seconds: int | UnsetType | None = UNSET
    health_grace_seconds: int | UnsetType | None = UNSET
    stop_seconds: int | UnsetType | None = UNSET
    memory_mb: int | UnsetType | None = UNSET
    cpu_percent: int | UnsetType | None = UNSET
    tasks_max: int | UnsetType | None = UNSET
    build_timeout_seconds: int | UnsetType | None = UNSET
    build_memory_mb: int | UnsetType | None = UNSET
    preflight_command: str | UnsetType | None = UNSET
    release_command: str | UnsetType | None = UNSET
    wait_for_ci: bool | UnsetType = UNSET


class Redeploy(Request, frozen=True):
    """Deploy the branch's head now."""

    clear_cache: bool = False


class Rollback(Request, frozen=True):
    """Start a kept release again; without `deployment_id` the one before the live one."""

    deployment_id: str | None = None


class KeepOrSet(Request, frozen=True):
    """A variable to keep (`value` null) or set."""

    key: str
    value: str | None = None


class ReplaceEnv(Request, frozen=True):
    """The whole environment; variables whose `value` is null keep theirs, those left out are removed."""

    env_vars: list[KeepOrSet]


class StartConnect(Request, frozen=True):
    """Begin connecting an account; where GitHub sends the browser back to is a setting, never asked for. With
    `device` the answer has a `user_code` to enter on GitHub, in any browser anywhere."""

    device: bool = False


class RegisterApp(Request, frozen=True):
    """Begin registering the box's own App; `organization` registers it there instead of on the personal account.
    With `feedback` it also asks for the rights to set commit statuses and deployments, with `checks` to read
    checks and statuses."""

    organization: str | None = None
    feedback: bool = False
    checks: bool = False


class SyncRepos(Request, frozen=True):
    """Refresh installations and repositories; all installations without `installation_id`."""

    installation_id: GithubId | None = None


class MakeBackup(Request, frozen=True):
    """A backup; the encryption keys are in it only with a `passphrase`, which locks them."""

    passphrase: str | None = None


class CreateToken(Request, frozen=True):
    """A new bearer token: `scope` is `read`, `deploy` or `admin`; without `expires_in_days` it holds until revoked."""

    name: Annotated[str, Meta(min_length=1, max_length=64)]
    scope: Literal["read", "deploy", "admin"] = "read"
    expires_in_days: Annotated[int, Meta(ge=1, le=3650)] | None = None

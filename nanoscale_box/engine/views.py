"""What the engine shows and takes at its doors: projects as they stand, and what was asked of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from nanoscale_box.core.github_model import Installation, RateBudget
from nanoscale_box.core.model import Deployment, EnvVar, InstallationId, Project, RepoId


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """How what runs differs from the branch's head; `behind` in commits, None when unknown."""

    behind: int | None
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectView:
    """A project with what runs of it; `state` is `new`, `live` or `down`."""

    project: Project
    url: str
    state: str
    live: Deployment | None
    latest: Deployment | None
    drift: Drift | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewProject:
    """What the owner asked for: either `repo_url` and `branch`, or the three fields of a GitHub source."""

    name: str | None = None
    branch: str | None = None
    install_command: str | None = None
    build_command: str | None = None
    run_command: str | None = None
    output_directory: str | None = None
    root_directory: str | None = None
    wait_for_ci: bool = False
    env: tuple[EnvVar, ...] = ()
    domains: tuple[str, ...] = ()
    repo_url: str | None = None
    installation_id: InstallationId | None = None
    repo_id: RepoId | None = None
    selected_branch: str | None = None
    settings: Mapping[str, object] = field(default_factory=dict)
    """By the names of `core.settings`, not yet checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectChanges:
    """What changes of a project, by the field names of the API; what is left out stays."""

    fields: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvName:
    """A variable's name; its value is write-only."""

    key: str
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something between box and GitHub that is not as it should be, as one sentence."""

    code: str
    sentence: str
    why: str
    fix: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GithubState:
    """How the box stands with GitHub."""

    connected: bool
    state: Literal["unconfigured", "registered", "connected", "reconnect"]
    account_login: str | None
    mode: Literal["webhook", "polling"]
    installations: list[tuple[Installation, tuple[str, ...]]]
    """Each with the permissions it has not been given."""
    rate: RateBudget | None
    problems: tuple[Problem, ...] = ()
    """What is not as it should be between the two, each with what mends it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Redirection:
    """Where the owner's browser goes next, and until when that works."""

    url: str
    expires_at: datetime
    user_code: str | None = None
    """What the owner enters there, in the device flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestForm:
    """The App's manifest and where the browser posts it, as the form field `manifest`."""

    action: str
    manifest: str

"""The nouns of GitHub as the box keeps them: App, account, installations, repositories, branches, hooks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from nanoscale_box.core.model import InstallationId, RepoId, Sha
from nanoscale_box.core.secret import Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class App:
    """The box's own GitHub App, registered from a manifest or given by the environment."""

    app_id: str
    client_id: str
    client_secret: Secret
    private_key: Secret
    """PEM text, PKCS#1 or PKCS#8."""
    webhook_secret: Secret
    slug: str = ""
    html_url: str = ""
    from_environment: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserTokens:
    """A user's access token and, if the App's tokens expire, the refresh token that works once."""

    access_token: Secret
    refresh_token: Secret | None
    expires_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceCode:
    """What the owner types where, and how the box waits for it."""

    device_code: Secret
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int
    """Seconds between two questions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StillWaiting:
    """The owner has not entered the code yet; ask again after so many seconds."""

    interval: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The GitHub account the owner connected."""

    github_user_id: int
    login: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """The App on one account or organisation."""

    installation_id: InstallationId
    account_login: str
    account_type: str
    """`User` or `Organization`."""
    target_type: str
    target_id: int
    repository_selection: str = "selected"
    """`all` or `selected`."""
    suspended: bool = False
    permissions: Mapping[str, str] = field(default_factory=dict)
    app_id: int | None = None
    """Whose installation GitHub says it is; None when it was not told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A repository within an installation's scope; `repo_id` is its identity."""

    installation_id: InstallationId
    repo_id: RepoId
    node_id: str
    owner_login: str
    name: str
    full_name: str
    default_branch: str
    is_private: bool
    html_url: str
    clone_url: str
    archived: bool = False
    disabled: bool = False
    last_synced_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Branch:
    """A branch and its head."""

    name: str
    sha: Sha
    default: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """The head of a branch, as far as GitHub told."""

    sha: Sha
    subject: str | None = None
    author: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitWord:
    """What the box says of a commit: `state` is `pending`, `success`, `failure` or `error`."""

    state: str
    sentence: str
    name: str
    """Under which it is said: the status' context, and the environment of the deployment."""
    deployment_id: str
    """The box's own, by which what was said before is found again."""
    url: str | None = None
    """Where the app answers."""
    reason_url: str | None = None
    """Where it is said why it failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A repository's webhook."""

    hook_id: int
    url: str
    active: bool
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RateBudget:
    """What GitHub said last about its primary limit."""

    limit: int
    remaining: int
    reset_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """How one commit stands to another, in commits that only one of the two has."""

    ahead: int
    behind: int
    changed: frozenset[str] | None
    """The paths that differ; None when GitHub does not tell them all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppDelivery:
    """One attempt of GitHub to deliver an event to the App's own hook."""

    id: int
    """Of the attempt; it may exceed 2**53."""
    guid: str
    """Of the delivery; redeliveries share it."""
    event: str
    delivered_at: datetime
    status_code: int
    redelivery: bool

    @property
    def succeeded(self) -> bool:
        """Whether this attempt was answered well."""
        return 200 <= self.status_code < 300

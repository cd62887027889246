"""The things the simulated GitHub remembers, one class per noun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NewType

AccountId = NewType("AccountId", int)
RepoId = NewType("RepoId", int)
AppId = NewType("AppId", int)
InstallationId = NewType("InstallationId", int)
HookId = NewType("HookId", int)
DeliveryId = NewType("DeliveryId", int)

Json = dict[str, Any]
Permissions = Mapping[str, str]

NO_COMMIT = "0" * 40


class AccountType(StrEnum):
    """GitHub's two kinds of owners."""

    USER = "User"
    ORGANIZATION = "Organization"


class Selection(StrEnum):
    """Which repositories an installation covers."""

    ALL = "all"
    SELECTED = "selected"


class TargetType(StrEnum):
    """What a hook hangs on, in the words of `X-GitHub-Hook-Installation-Target-Type`."""

    INTEGRATION = "integration"
    REPOSITORY = "repository"


@dataclass(slots=True, kw_only=True)
class Account:
    """A user or an organisation; `members` maps an organisation's users to `admin` or `member`."""

    id: AccountId
    login: str
    type: AccountType
    name: str
    email: str | None
    created_at: datetime
    personal_token: str | None = None
    members: dict[AccountId, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Repo:
    """A repository's facts; its commits live on disk and appear when first asked for, from `seed`."""

    id: RepoId
    owner_id: AccountId
    name: str
    private: bool
    seed: str
    created_at: datetime
    updated_at: datetime
    pushed_at: datetime
    default_branch: str = "main"
    description: str | None = None
    language: str | None = None
    archived: bool = False
    disabled: bool = False


@dataclass(slots=True, kw_only=True)
class HookConfig:
    """Where deliveries go and how they are signed."""

    url: str | None
    secret: str | None = None
    content_type: str = "form"
    insecure_ssl: str = "0"


@dataclass(slots=True, kw_only=True)
class App:
    """A registered GitHub App."""

    id: AppId
    slug: str
    name: str
    owner_id: AccountId
    client_id: str
    client_secret: str
    external_url: str
    description: str | None
    callback_urls: list[str]
    setup_url: str | None
    setup_on_update: bool
    public: bool
    permissions: dict[str, str]
    events: list[str]
    request_oauth_on_install: bool
    hook: HookConfig
    hook_id: HookId
    hook_active: bool
    private_pem: str
    public_pem: str
    created_at: datetime
    updated_at: datetime
    device_flow: bool = False


@dataclass(slots=True, kw_only=True)
class Installation:
    """An App on an account, with the permissions that account granted."""

    id: InstallationId
    app_id: AppId
    account_id: AccountId
    selection: Selection
    repo_ids: set[RepoId]
    permissions: dict[str, str]
    events: list[str]
    created_at: datetime
    updated_at: datetime
    suspended_at: datetime | None = None
    suspended_by: AccountId | None = None


@dataclass(slots=True, kw_only=True)
class InstallationToken:
    """A `ghs_` token; `repo_ids` is None where it covers all that the installation covers."""

    token: str
    installation_id: InstallationId
    repo_ids: frozenset[RepoId] | None
    permissions: dict[str, str]
    created_at: datetime
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class UserToken:
    """A `ghu_` token with its refresh token."""

    id: int
    token: str
    refresh_token: str
    app_id: AppId
    user_id: AccountId
    created_at: datetime
    expires_at: datetime
    refresh_expires_at: datetime
    from_device: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthCode:
    """What a single-use authorisation code stands for."""

    app_id: AppId
    user_id: AccountId
    redirect_uri: str | None
    challenge: str | None
    expires_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestCode:
    """What a single-use registration code stands for."""

    app_id: AppId
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class DeviceGrant:
    """A device that waits for its user; `user_id` is set once somebody said yes."""

    user_code: str
    app_id: AppId
    expires_at: datetime
    interval: int = 5
    last_poll: datetime | None = None
    user_id: AccountId | None = None
    denied: bool = False


@dataclass(slots=True, kw_only=True)
class RepoHook:
    """A webhook on one repository."""

    id: HookId
    repo_id: RepoId
    config: HookConfig
    events: list[str]
    active: bool
    created_at: datetime
    updated_at: datetime
    last_code: int | None = None
    last_status: str = "unused"
    last_message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HookTarget:
    """Which hook a delivery belongs to: an App's or a repository's."""

    type: TargetType
    target_id: int
    hook_id: HookId


@dataclass(slots=True, kw_only=True)
class Delivery:
    """One attempt to deliver one event to one hook, with what came back."""

    id: DeliveryId
    guid: str
    target: HookTarget
    event: str
    action: str | None
    payload: Json
    installation_id: InstallationId | None
    repo_id: RepoId | None
    redelivery: bool
    created_at: datetime
    url: str = ""
    request_headers: dict[str, str] = field(default_factory=dict)
    duration: float = 0.0
    status: str = "pending"
    status_code: int = 0
    response_headers: dict[str, str] = field(default_factory=dict)
    response_body: str = ""

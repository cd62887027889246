"""The simulated GitHub's memory: tables of nouns and the look-ups across them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from .ids import Counters, hex_secret
from .model import (
    Account,
    AccountId,
    AccountType,
    App,
    AppId,
    Delivery,
    DeliveryId,
    DeviceGrant,
    HookId,
    Installation,
    InstallationId,
    InstallationToken,
    ManifestCode,
    OAuthCode,
    Repo,
    RepoHook,
    RepoId,
    Selection,
    UserToken,
)

REQUESTS_KEPT = 100_000


@dataclass(slots=True, kw_only=True)
class State:
    """All tables. Only memory: a sandbox that ends forgets everything but the git folders in its home."""

    ids: Counters = field(default_factory=Counters)
    accounts: dict[AccountId, Account] = field(default_factory=dict)
    repos: dict[RepoId, Repo] = field(default_factory=dict)
    old_names: dict[str, RepoId] = field(default_factory=dict)
    apps: dict[AppId, App] = field(default_factory=dict)
    installations: dict[InstallationId, Installation] = field(default_factory=dict)
    installation_tokens: dict[str, InstallationToken] = field(default_factory=dict)
    user_tokens: dict[str, UserToken] = field(default_factory=dict)
    grants: set[tuple[AppId, AccountId]] = field(default_factory=set)
    oauth_codes: dict[str, OAuthCode] = field(default_factory=dict)
    manifest_codes: dict[str, ManifestCode] = field(default_factory=dict)
    device_grants: dict[str, DeviceGrant] = field(default_factory=dict)
    hooks: dict[HookId, RepoHook] = field(default_factory=dict)
    deliveries: dict[DeliveryId, Delivery] = field(default_factory=dict)
    statuses: dict[tuple[RepoId, str], list[dict[str, Any]]] = field(default_factory=dict)
    check_runs: dict[tuple[RepoId, str], list[dict[str, Any]]] = field(default_factory=dict)
    check_suites: dict[tuple[RepoId, str], list[dict[str, Any]]] = field(default_factory=dict)
    deployments: dict[RepoId, list[dict[str, Any]]] = field(default_factory=dict)
    requests: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=REQUESTS_KEPT))
    form_token: str = field(default_factory=hex_secret)
    browser_login: str = "ada"

    def account(self, login: str) -> Account | None:
        wanted = login.casefold()
        return next((one for one in self.accounts.values() if one.login.casefold() == wanted), None)

    def owner(self, repo: Repo) -> Account:
        return self.accounts[repo.owner_id]

    def full_name(self, repo: Repo) -> str:
        return f"{self.owner(repo).login}/{repo.name}"

    def repo(self, full_name: str) -> Repo | None:
        """The repository that has this name today; names are case-insensitive."""
        login, _, name = full_name.partition("/")
        owner, wanted = self.account(login), name.casefold()
        if owner is None:
            return None
        found = (one for one in self.repos.values() if one.owner_id == owner.id and one.name.casefold() == wanted)
        return next(found, None)

    def renamed_repo(self, full_name: str) -> Repo | None:
        """The repository that used to have this name."""
        moved = self.old_names.get(full_name.casefold())
        return self.repos.get(moved) if moved is not None else None

    def app_by_slug(self, slug: str) -> App | None:
        return next((one for one in self.apps.values() if one.slug == slug), None)

    def app_by_client(self, client_id: str) -> App | None:
        return next((one for one in self.apps.values() if one.client_id == client_id), None)

    def covers(self, installation: Installation, repo: Repo) -> bool:
        if repo.owner_id != installation.account_id:
            return False
        return installation.selection is Selection.ALL or repo.id in installation.repo_ids

    def covered_repos(self, installation: Installation) -> list[Repo]:
        return [repo for repo in self.repos.values() if self.covers(installation, repo)]

    def installations_of(self, app_id: AppId) -> list[Installation]:
        return [one for one in self.installations.values() if one.app_id == app_id]

    def installation_on(self, app_id: AppId, account_id: AccountId) -> Installation | None:
        return next((one for one in self.installations_of(app_id) if one.account_id == account_id), None)

    def role(self, user_id: AccountId, account_id: AccountId) -> str | None:
        """`admin`, `member` or None: what a user is on an account."""
        if user_id == account_id:
            return "admin"
        return self.accounts[account_id].members.get(user_id)

    def accounts_of(self, user: Account) -> list[Account]:
        """The user itself, then the organisations it belongs to."""
        others = (one for one in self.accounts.values() if one.type is AccountType.ORGANIZATION)
        return [user, *(one for one in others if user.id in one.members)]

    def hooks_of(self, repo_id: RepoId) -> list[RepoHook]:
        return [one for one in self.hooks.values() if one.repo_id == repo_id]

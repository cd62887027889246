"""What the engine asks of GitHub."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from nanoscale_box.core.ci import Check
from nanoscale_box.core.github_model import (
    App,
    AppDelivery,
    Branch,
    Commit,
    CommitWord,
    Comparison,
    DeviceCode,
    Hook,
    Installation,
    RateBudget,
    Repository,
    StillWaiting,
    UserTokens,
)
from nanoscale_box.core.model import (
    InstallationId,
    RepoId,
    Sha,
)
from nanoscale_box.core.secret import Secret


class Github(Protocol):
    """GitHub's API. Every call may raise `Unavailable` (`github_*`) and obeys GitHub's limits by waiting or
    refusing."""

    async def convert_manifest(self, code: str) -> App:
        """Exchange the manifest flow's code for the App's credentials."""

    async def described(self, app: App) -> App:
        """The App with its slug and page as GitHub has them; refused when the key is another App's than the id."""

    async def installations_of_app(self, app: App) -> list[Installation]:
        """Every installation of the App, as the App itself sees them."""

    async def device_code(self, app: App) -> DeviceCode:
        """Begin the device flow; `github_denied` where the App has it switched off."""

    async def device_tokens(self, app: App, begun: DeviceCode) -> UserTokens | StillWaiting:
        """Ask once whether the code was entered."""

    def forget(self, app: App, installation_id: InstallationId) -> None:
        """Drop what is held in memory for an installation that was suspended, removed or disconnected."""

    def authorize_url(self, app: App, *, redirect_uri: str, state: str, code_challenge: str) -> str:
        """Where the owner's browser goes to authorise."""

    async def exchange_code(self, app: App, *, code: str, redirect_uri: str, code_verifier: str) -> UserTokens:
        """Exchange an OAuth code (PKCE). An answer of 200 with `error` is a refusal."""

    async def refresh(self, app: App, refresh_token: Secret) -> UserTokens:
        """Exchange a refresh token for a new pair; the old one is dead afterwards."""

    async def user(self, token: Secret) -> tuple[int, str]:
        """The user's id and login."""

    async def user_installations(self, token: Secret) -> list[Installation]:
        """The App's installations the user can reach; the only proof of an `installation_id`."""

    async def revoke_grant(self, app: App, token: Secret) -> None:
        """Revoke the user's authorisation of the App."""

    async def installation(self, app: App, installation_id: InstallationId) -> Installation | None:
        """One installation as the App sees it; None when it is gone."""

    def repositories(self, app: App, installation_id: InstallationId) -> AsyncIterator[list[Repository]]:
        """Pages of the installation's repositories, as they arrive."""

    async def repository(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> Repository | None:
        """One repository by its id; None when it is gone or out of scope."""

    async def clone_url(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> str | None:
        """Where a repository is fetched from now, whatever its name was; None when it is gone."""

    async def branches(self, app: App, installation_id: InstallationId, repo: Repository) -> list[Branch]:
        """All branches, the default first."""

    async def head(self, app: App, installation_id: InstallationId, repo_id: RepoId, branch: str) -> Commit | None:
        """The head of a branch, by a conditional request; None when there is no such branch."""

    async def compare(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, before: Sha, after: Sha
    ) -> Comparison | None:
        """How `after` stands to `before`; None when GitHub knows one of them no longer."""

    async def tags(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> list[str]:
        """The names of all tags, by conditional requests."""

    async def tag(self, app: App, installation_id: InstallationId, repo_id: RepoId, name: str) -> Commit | None:
        """The commit that a tag stands for, by a conditional request; None when there is no such tag."""

    async def checkout_token(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> Secret:
        """A token for this repository alone with `contents: read`."""

    async def revoke_token(self, token: Secret) -> None:
        """Revoke an installation token."""

    async def hooks(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> list[Hook]:
        """The repository's hooks."""

    async def create_hook(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, url: str, secret: Secret
    ) -> Hook:
        """Create a push hook; `Conflict` when one with this URL is there."""

    async def update_hook(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, hook_id: int, url: str, secret: Secret
    ) -> Hook:
        """Set URL, secret and active; the secret is always sent, since leaving it out removes it."""

    async def delete_hook(self, app: App, installation_id: InstallationId, repo_id: RepoId, hook_id: int) -> None:
        """Delete a hook; one that is gone already is fine."""

    async def app_hook_url(self, app: App) -> str | None:
        """Where the App's own hook points; None if it has none."""

    async def set_app_hook(self, app: App, url: str, secret: Secret) -> None:
        """Point the App's own hook at `url`."""

    async def app_deliveries(self, app: App, since: datetime) -> Sequence[AppDelivery]:
        """Attempts to deliver to the App's own hook since then, newest first; GitHub keeps them for three days."""

    async def redeliver(self, app: App, delivery_id: int) -> bool:
        """Ask for another attempt under the same GUID; False when GitHub keeps the delivery no longer."""

    async def set_status(
        self,
        app: App,
        installation_id: InstallationId,
        repo_id: RepoId,
        sha: Sha,
        word: CommitWord,
    ) -> None:
        """Set a commit's status."""

    async def set_deployment(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, sha: Sha, word: CommitWord
    ) -> None:
        """Say the same on GitHub's deployment of the commit, which is made when there is none yet."""

    async def checks(self, app: App, installation_id: InstallationId, repo_id: RepoId, sha: Sha) -> list[Check]:
        """What others' checks and statuses say of a commit; the box's own statuses are not among them. `Unavailable`
        `github_refused` when the App may not read both."""

    def clock_skew(self) -> timedelta | None:
        """How far this machine's clock is ahead of GitHub's; None before the first answer."""

    def budget(self) -> RateBudget | None:
        """What GitHub said last about the primary limit."""

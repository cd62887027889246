"""GitHub's API in memory, as the engine asks it: accounts, installations, repositories, hooks, and tokens that work
once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import count
from urllib.parse import urlencode

from nanoscale_box.core.ci import Check
from nanoscale_box.core.errors import Code, Conflict, Unavailable
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
from nanoscale_box.core.model import InstallationId, RepoId, Sha
from nanoscale_box.core.secret import Secret
from tests.fakes import Process, World, seconds

INSTALLATION = InstallationId(42)
REPO = RepoId(1001)
APP = App(
    app_id="7",
    client_id="Iv1.box",
    client_secret=Secret("client-secret"),
    private_key=Secret("-----BEGIN PRIVATE KEY-----"),
    webhook_secret=Secret("app-hook-secret"),
    slug="nanoscale-box",
    html_url="https://github.com/apps/nanoscale-box",
)


def installation(number: int = INSTALLATION, **changes: object) -> Installation:
    made = Installation(
        installation_id=InstallationId(number),
        account_login="ada",
        account_type="User",
        target_type="User",
        target_id=1,
        permissions={"contents": "read", "metadata": "read", "repository_hooks": "write"},
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def repository(number: int = REPO, name: str = "hello", **changes: object) -> Repository:
    made = Repository(
        installation_id=INSTALLATION,
        repo_id=RepoId(number),
        node_id=f"R_{number}",
        owner_login="ada",
        name=name,
        full_name=f"ada/{name}",
        default_branch="main",
        is_private=True,
        html_url=f"https://github.com/ada/{name}",
        clone_url=f"https://github.com/ada/{name}.git",
    )
    return replace(made, **changes)  # type: ignore[arg-type]


@dataclass
class Hub:
    """What GitHub remembers; it outlives the box's process."""

    user: tuple[int, str] = (1, "ada")
    installations: dict[InstallationId, Installation] = field(default_factory=dict)
    repositories: dict[RepoId, Repository] = field(default_factory=dict)
    hooks: dict[tuple[RepoId, int], tuple[Hook, Secret]] = field(default_factory=dict)
    challenges: dict[str, str] = field(default_factory=dict)
    """By OAuth code, the PKCE challenge it was given for."""
    access: str | None = None
    refresh: str | None = None
    lifetime: float | None = 28800
    numbers: count[int] = field(default_factory=lambda: count(1))
    revoked: list[str] = field(default_factory=list)
    asked: list[RepoId] = field(default_factory=list)
    """Repositories that requests were about."""
    comparisons: dict[tuple[Sha, Sha], Comparison] = field(default_factory=dict)
    deliveries: list[AppDelivery] = field(default_factory=list)
    """Attempts to deliver to the App's hook, oldest first."""
    redelivered: list[int] = field(default_factory=list)
    page_size: int = 2
    app_hook_url: str | None = "https://box.example.org/api/integrations/github/webhook"


class FakeGithub:
    """The port, as one process of the box uses it."""

    def __init__(self, process: Process, hub: Hub) -> None:
        self._process = process
        self._world: World = process.world
        self._hub = hub
        self.verifiers: list[str] = []

    async def convert_manifest(self, code: str) -> App:
        await self._process.call("github.convert_manifest")
        return APP

    async def described(self, app: App) -> App:
        await self._process.call("github.described")
        return app

    async def installations_of_app(self, app: App) -> list[Installation]:
        await self._process.call("github.installations_of_app")
        return list(self._hub.installations.values())

    async def device_code(self, app: App) -> DeviceCode:
        await self._process.call("github.device_code")
        raise Unavailable(Code.GITHUB_DENIED, "The device flow is switched off in the App's settings on GitHub.")

    async def device_tokens(self, app: App, begun: DeviceCode) -> UserTokens | StillWaiting:
        await self._process.call("github.device_tokens")
        return StillWaiting(interval=begun.interval)

    def forget(self, app: App, installation_id: InstallationId) -> None:
        self._process.note("github.forget")

    def authorize_url(self, app: App, *, redirect_uri: str, state: str, code_challenge: str) -> str:
        query = {"client_id": app.client_id, "redirect_uri": redirect_uri, "state": state, "challenge": code_challenge}
        return f"https://github.com/login/oauth/authorize?{urlencode(query)}"

    async def exchange_code(self, app: App, *, code: str, redirect_uri: str, code_verifier: str) -> UserTokens:
        await self._process.call("github.exchange_code")
        self.verifiers.append(code_verifier)
        return self._tokens()

    async def refresh(self, app: App, refresh_token: Secret) -> UserTokens:
        await self._process.call("github.refresh")
        if refresh_token.reveal() != self._hub.refresh:
            raise Unavailable(Code.GITHUB_RECONNECT, "GitHub no longer renews your authorisation.")
        return self._tokens()

    def _tokens(self) -> UserTokens:
        number = next(self._hub.numbers)
        self._hub.access, self._hub.refresh = f"ghu_access{number}", f"ghr_refresh{number}"
        lasts = self._hub.lifetime
        return UserTokens(
            access_token=Secret(self._hub.access),
            refresh_token=Secret(self._hub.refresh),
            expires_at=self._world.now + seconds(lasts) if lasts else None,
        )

    async def user(self, token: Secret) -> tuple[int, str]:
        await self._process.call("github.user")
        return self._hub.user

    async def user_installations(self, token: Secret) -> list[Installation]:
        await self._process.call("github.user_installations")
        if token.reveal() != self._hub.access:
            raise Unavailable(Code.GITHUB_RECONNECT, "GitHub no longer accepts your authorisation.")
        return list(self._hub.installations.values())

    async def revoke_grant(self, app: App, token: Secret) -> None:
        await self._process.call("github.revoke_grant")
        self._hub.revoked.append(token.reveal())

    async def installation(self, app: App, installation_id: InstallationId) -> Installation | None:
        await self._process.call("github.installation")
        return self._hub.installations.get(installation_id)

    async def repositories(self, app: App, installation_id: InstallationId) -> AsyncIterator[list[Repository]]:
        found = [one for one in self._hub.repositories.values() if one.installation_id == installation_id]
        for begin in range(0, len(found), self._hub.page_size):
            await self._process.call("github.repositories")
            yield found[begin : begin + self._hub.page_size]

    async def repository(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> Repository | None:
        await self._ask("github.repository", repo_id)
        found = self._hub.repositories.get(repo_id)
        return found if found and found.installation_id == installation_id else None

    async def clone_url(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> str | None:
        await self._ask("github.clone_url", repo_id)
        found = self._hub.repositories.get(repo_id)
        return found.clone_url if found else None

    async def branches(self, app: App, installation_id: InstallationId, repo: Repository) -> list[Branch]:
        await self._ask("github.branches", repo.repo_id)
        names = {name: sha for (url, name), sha in self._world.heads.items() if url == repo.clone_url}
        return [Branch(name=name, sha=sha, default=name == repo.default_branch) for name, sha in names.items()]

    async def head(self, app: App, installation_id: InstallationId, repo_id: RepoId, branch: str) -> Commit | None:
        await self._ask("github.head", repo_id)
        sha = self._world.heads.get((self._hub.repositories[repo_id].clone_url, branch))
        return Commit(sha=sha, subject="told by GitHub", message=self._world.messages.get(sha)) if sha else None

    async def tags(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> list[str]:
        await self._ask("github.tags", repo_id)
        url = self._hub.repositories[repo_id].clone_url
        return [name for (at, name) in self._world.tags if at == url]

    async def tag(self, app: App, installation_id: InstallationId, repo_id: RepoId, name: str) -> Commit | None:
        await self._ask("github.tag", repo_id)
        sha = self._world.tags.get((self._hub.repositories[repo_id].clone_url, name))
        return Commit(sha=sha, message=self._world.messages.get(sha)) if sha else None

    async def compare(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, before: Sha, after: Sha
    ) -> Comparison | None:
        await self._ask("github.compare", repo_id)
        return self._hub.comparisons.get((before, after))

    async def app_deliveries(self, app: App, since: datetime) -> Sequence[AppDelivery]:
        await self._process.call("github.app_deliveries")
        return [one for one in reversed(self._hub.deliveries) if one.delivered_at >= since]

    async def redeliver(self, app: App, delivery_id: int) -> bool:
        await self._process.call("github.redeliver")
        self._hub.redelivered.append(delivery_id)
        return any(one.id == delivery_id for one in self._hub.deliveries)

    async def checkout_token(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> Secret:
        await self._ask("github.checkout_token", repo_id)
        return Secret(f"ghs_{repo_id}")

    async def revoke_token(self, token: Secret) -> None:
        await self._process.call("github.revoke_token")
        self._hub.revoked.append(token.reveal())

    async def hooks(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> list[Hook]:
        await self._ask("github.hooks", repo_id)
        return [hook for (repo, _), (hook, _) in self._hub.hooks.items() if repo == repo_id]

    async def create_hook(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, url: str, secret: Secret
    ) -> Hook:
        await self._ask("github.create_hook", repo_id)
        if any(hook.url == url for (repo, _), (hook, _) in self._hub.hooks.items() if repo == repo_id):
            raise Conflict(Code.GITHUB_REFUSED, "the hook exists already")
        hook = Hook(hook_id=900 + next(self._hub.numbers), url=url, active=True, events=("push",))
        self._hub.hooks[repo_id, hook.hook_id] = (hook, secret)
        return hook

    async def update_hook(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, hook_id: int, url: str, secret: Secret
    ) -> Hook:
        await self._ask("github.update_hook", repo_id)
        hook, _ = self._hub.hooks[repo_id, hook_id]
        self._hub.hooks[repo_id, hook_id] = (hook, secret)
        return hook

    async def delete_hook(self, app: App, installation_id: InstallationId, repo_id: RepoId, hook_id: int) -> None:
        await self._ask("github.delete_hook", repo_id)
        self._hub.hooks.pop((repo_id, hook_id), None)

    async def app_hook_url(self, app: App) -> str | None:
        await self._process.call("github.app_hook_url")
        return self._hub.app_hook_url

    async def set_app_hook(self, app: App, url: str, secret: Secret) -> None:
        await self._process.call("github.set_app_hook")
        self._hub.app_hook_url = url

    async def set_status(
        self,
        app: App,
        installation_id: InstallationId,
        repo_id: RepoId,
        sha: Sha,
        word: CommitWord,
    ) -> None:
        await self._ask("github.set_status", repo_id)

    async def set_deployment(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, sha: Sha, word: CommitWord
    ) -> None:
        await self._ask("github.set_deployment", repo_id)

    async def checks(self, app: App, installation_id: InstallationId, repo_id: RepoId, sha: Sha) -> list[Check]:
        await self._ask("github.checks", repo_id)
        return []

    def clock_skew(self) -> timedelta | None:
        return None

    def budget(self) -> RateBudget | None:
        return None

    async def _ask(self, name: str, repo_id: RepoId) -> None:
        await self._process.call(name)
        self._hub.asked.append(repo_id)

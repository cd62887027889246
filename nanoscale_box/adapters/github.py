"""GitHub's API as the engine asks for it, over the two addresses the box was given and nothing else."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Final
from urllib.parse import quote

import aiohttp

from nanoscale_box.adapters import github_shapes as shapes
from nanoscale_box.adapters import github_shapes_refs, github_tokens
from nanoscale_box.adapters.github_calls import Caller, Calls
from nanoscale_box.adapters.github_checks import Checks
from nanoscale_box.adapters.github_feedback import Feedback
from nanoscale_box.adapters.github_hooks import Hooks
from nanoscale_box.adapters.github_http import Http
from nanoscale_box.adapters.github_limits import Limits, Pause
from nanoscale_box.adapters.github_oauth import OAuth
from nanoscale_box.core.ci import Check
from nanoscale_box.core.errors import Code, NotFound, Unavailable
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
from nanoscale_box.engine.ports import Clock

# What can never name a branch (git-check-ref-format) and would make another path of the request's.
_NO_BRANCH: Final = frozenset({"", ".", ".."})
_TAGS: Final = "refs/tags/"
_NOBODY: Final = github_tokens.nobody()


class GithubApi:
    """Answers the engine's `Github`. Tokens live in memory; repositories are asked for by id, never by name.

    What goes beyond the port hangs on it by theme: `oauth` (device flow), `webhooks` (deliveries, the App's hook) and
    `feedback` (statuses, comparisons); they take a caller from `as_app` or `as_installation`.
    """

    def __init__(
        self,
        url: str,
        api_url: str,
        session: aiohttp.ClientSession | None,
        clock: Clock,
        *,
        pause: Pause = asyncio.sleep,
        monotonic: Callable[[], float] = time.monotonic,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self._http = Http(session)
        self._limits = Limits(clock, monotonic, pause)
        self._calls = Calls(api_url, self._http, self._limits, monotonic=monotonic, pause=pause, jitter=jitter)
        self._tokens = github_tokens.Tokens(self._calls, clock)
        self.oauth = OAuth(url, self._http, self._calls, clock)
        self.webhooks = Hooks(self._calls)
        self.feedback = Feedback(self._calls)
        self._checks = Checks(self._calls)

    async def close(self) -> None:
        """Close the session, unless it was given."""
        await self._http.close()

    def budget(self) -> RateBudget | None:
        """What GitHub said last about the primary limit."""
        return self._limits.budget

    def clock_skew(self) -> timedelta | None:
        """How far this machine's clock is ahead of GitHub's, by the last answer's `Date`; None before any."""
        return self._limits.skew

    def as_app(self, app: App) -> Caller:
        """The App itself, for what lies beyond the port."""
        return self._tokens.app(app)

    def as_installation(self, app: App, installation_id: InstallationId) -> Caller:
        """The App in one installation, for what lies beyond the port."""
        return self._tokens.installation(app, installation_id)

    def forget(self, app: App, installation_id: InstallationId) -> None:
        """Drop what is held in memory for an installation that was suspended, removed or disconnected."""
        self._tokens.forget(app, installation_id)

    # connecting

    async def convert_manifest(self, code: str) -> App:
        """Exchange the manifest flow's code; it works once and for an hour, so this is never tried twice."""
        path = f"/app-manifests/{quote(code, safe='')}/conversions"
        if code in ("", ".", ".."):
            raise _stale_manifest()
        reply = await self._calls.write(_NOBODY, "POST", path, read=shapes.app, take=frozenset({404, 422}), paced=False)
        if reply.value is None:
            raise _stale_manifest()
        return reply.value

    async def described(self, app: App) -> App:
        """The App with its slug and page as GitHub has them; `github_refused` when the key is another App's."""
        number, slug, html_url = await self._calls.get(self.as_app(app), "/app", shapes.app_itself)
        if app.app_id and number != app.app_id:
            raise _other_app()
        return replace(app, slug=slug, html_url=html_url)

    async def installations_of_app(self, app: App) -> list[Installation]:
        """Every installation of the App, as the App itself sees them."""
        pages = self._calls.pages(self.as_app(app), "/app/installations?per_page=100", shapes.app_installations)
        return [installation async for page in pages for installation in page]

    def authorize_url(self, app: App, *, redirect_uri: str, state: str, code_challenge: str) -> str:
        """Where the owner's browser goes to authorise."""
        return self.oauth.authorize_url(app, redirect_uri=redirect_uri, state=state, code_challenge=code_challenge)

    async def exchange_code(self, app: App, *, code: str, redirect_uri: str, code_verifier: str) -> UserTokens:
        """Exchange an OAuth code (PKCE)."""
        return await self.oauth.exchange_code(app, code=code, redirect_uri=redirect_uri, code_verifier=code_verifier)

    async def refresh(self, app: App, refresh_token: Secret) -> UserTokens:
        """Exchange a refresh token for a new pair."""
        return await self.oauth.refresh(app, refresh_token)

    async def device_code(self, app: App) -> DeviceCode:
        """Begin the device flow."""
        return await self.oauth.device_code(app)

    async def device_tokens(self, app: App, begun: DeviceCode) -> UserTokens | StillWaiting:
        """Ask once whether the code was entered."""
        return await self.oauth.device_tokens(app, begun)

    async def revoke_grant(self, app: App, token: Secret) -> None:
        """Revoke the user's authorisation of the App."""
        await self.oauth.revoke_grant(app, token)

    async def user(self, token: Secret) -> tuple[int, str]:
        """The user's id and login."""
        return await self._calls.get(github_tokens.user(token), "/user", shapes.user)

    async def user_installations(self, token: Secret) -> list[Installation]:
        """The App's installations the user can reach."""
        pages = self._calls.pages(github_tokens.user(token), "/user/installations?per_page=100", shapes.installations)
        return [installation async for page in pages for installation in page]

    async def installation(self, app: App, installation_id: InstallationId) -> Installation | None:
        """One installation as the App sees it; None when it is gone."""
        return await self._calls.find(self.as_app(app), f"/app/installations/{installation_id}", shapes.installation)

    # discovering

    async def repositories(self, app: App, installation_id: InstallationId) -> AsyncIterator[list[Repository]]:
        """Pages of 100, as they arrive; one that did not change within the token's hour costs nothing of the limit."""
        read = partial(shapes.repositories, installation_id=installation_id)
        caller = self.as_installation(app, installation_id)
        async for page in self._calls.pages(caller, "/installation/repositories?per_page=100", read):
            yield list(page)

    async def repository(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> Repository | None:
        """One repository by its id; None when it is gone or out of scope."""
        caller = self.as_installation(app, installation_id)
        read = partial(shapes.repository, installation_id=installation_id)
        found = await self._calls.find(caller, f"/repositories/{repo_id}", read)
        # Anyone can see a public repository, so seeing it does not show that it is in scope.
        if found is None or found.is_private or await self._tokens.covers(app, installation_id, repo_id):
            return found
        return None

    async def clone_url(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> str | None:
        """Where a repository is fetched from now, by a conditional request; None when it is gone."""
        read = partial(shapes.repository, installation_id=installation_id)
        found = await self._calls.find(self.as_installation(app, installation_id), f"/repositories/{repo_id}", read)
        return found.clone_url if found else None

    async def branches(self, app: App, installation_id: InstallationId, repo: Repository) -> list[Branch]:
        """All branches, the default first."""
        caller = self.as_installation(app, installation_id)
        read = partial(shapes.branches, default=repo.default_branch)
        try:
            pages = self._calls.pages(caller, f"/repositories/{repo.repo_id}/branches?per_page=100", read)
            found = [branch async for page in pages for branch in page]
        except NotFound as error:
            raise _unseen(repo.repo_id) from error
        return sorted(found, key=lambda branch: not branch.default)

    async def head(self, app: App, installation_id: InstallationId, repo_id: RepoId, branch: str) -> Commit | None:
        """The head of a branch, by a conditional request; None when there is no branch of exactly this name."""
        if branch in _NO_BRANCH:
            return None
        path = f"/repositories/{repo_id}/branches/{quote(branch, safe='', errors='replace')}"
        found = await self._calls.find(self.as_installation(app, installation_id), path, shapes.head)
        if found is None or found[0] != branch:  # a renamed branch redirects to its new name
            return None
        return found[1]

    async def tags(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> list[str]:
        """The names of all tags, by conditional requests."""
        path = f"/repositories/{repo_id}/git/matching-refs/tags/?per_page=100"
        pages = self._calls.pages(self.as_installation(app, installation_id), path, github_shapes_refs.refs)
        found = [one.ref async for page in pages for one in page]
        return [ref.removeprefix(_TAGS) for ref in found if ref.startswith(_TAGS)]

    async def tag(self, app: App, installation_id: InstallationId, repo_id: RepoId, name: str) -> Commit | None:
        """The commit that a tag stands for, by a conditional request; None when there is no such tag."""
        path = f"/repositories/{repo_id}/commits/tags/{quote(name, safe='/', errors='replace')}"
        caller = self.as_installation(app, installation_id)
        return await self._calls.find(caller, path, shapes.commit, take=frozenset({404, 422}))

    async def compare(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, before: Sha, after: Sha
    ) -> Comparison | None:
        """How `after` stands to `before`; None when GitHub knows one of them no longer."""
        return await self.feedback.comparison(self.as_installation(app, installation_id), repo_id, before, after)

    # tokens

    async def checkout_token(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> Secret:
        """A fresh token for this repository alone with `contents: read`."""
        return await self._tokens.checkout(app, installation_id, repo_id)

    async def revoke_token(self, token: Secret) -> None:
        """Revoke an installation token; one that is dead already is fine."""
        await self._tokens.revoke(token)

    async def set_status(
        self,
        app: App,
        installation_id: InstallationId,
        repo_id: RepoId,
        sha: Sha,
        word: CommitWord,
    ) -> None:
        """Set a commit's status."""
        await self.feedback.set_status(self.as_installation(app, installation_id), repo_id, sha, word)

    async def set_deployment(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, sha: Sha, word: CommitWord
    ) -> None:
        """Say the same on GitHub's deployment of the commit, which is made when there is none yet."""
        await self.feedback.set_deployment(self.as_installation(app, installation_id), repo_id, sha, word)

    async def checks(self, app: App, installation_id: InstallationId, repo_id: RepoId, sha: Sha) -> list[Check]:
        """What others' checks and statuses say of a commit; `github_refused` when the App may not read both."""
        return await self._checks.of(self.as_installation(app, installation_id), repo_id, sha)

    # hooks

    async def hooks(self, app: App, installation_id: InstallationId, repo_id: RepoId) -> list[Hook]:
        """The repository's hooks."""
        return await self.webhooks.of(self.as_installation(app, installation_id), repo_id)

    async def create_hook(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, url: str, secret: Secret
    ) -> Hook:
        """Create a push hook; `Conflict` when one with this URL is there."""
        return await self.webhooks.create(self.as_installation(app, installation_id), repo_id, url, secret)

    async def update_hook(
        self, app: App, installation_id: InstallationId, repo_id: RepoId, hook_id: int, url: str, secret: Secret
    ) -> Hook:
        """Set URL, secret and active; `NotFound` when the hook is gone."""
        return await self.webhooks.update(self.as_installation(app, installation_id), repo_id, hook_id, url, secret)

    async def delete_hook(self, app: App, installation_id: InstallationId, repo_id: RepoId, hook_id: int) -> None:
        """Delete a hook; one that is gone already is fine."""
        await self.webhooks.delete(self.as_installation(app, installation_id), repo_id, hook_id)

    async def app_hook_url(self, app: App) -> str | None:
        """Where the App's own hook points; None if it has none."""
        return await self.webhooks.app_hook_url(self.as_app(app))

    async def set_app_hook(self, app: App, url: str, secret: Secret) -> None:
        """Point the App's own hook at `url`."""
        await self.webhooks.set_app_hook(self.as_app(app), url, secret)

    async def app_deliveries(self, app: App, since: datetime) -> Sequence[AppDelivery]:
        """Attempts to deliver to the App's own hook since then, newest first."""
        return await self.webhooks.deliveries(self.as_app(app), since)

    async def redeliver(self, app: App, delivery_id: int) -> bool:
        """Ask for another attempt; False when GitHub keeps the delivery no longer."""
        return await self.webhooks.redeliver(self.as_app(app), delivery_id)


def _other_app() -> Unavailable:
    return Unavailable(
        Code.GITHUB_REFUSED,
        "The private key belongs to another App than the App id.",
        hint="Compare both with the App's settings on GitHub.",
    )


def _stale_manifest() -> Unavailable:
    return Unavailable(
        Code.GITHUB_STATE,
        "GitHub's registration code was used already or is older than an hour.",
        hint="Begin again with: nanoscale-box github connect",
    )


def _unseen(repo_id: RepoId) -> Unavailable:
    return Unavailable(
        Code.REPOSITORY_UNKNOWN,
        f"The repository {repo_id} is gone from GitHub or no longer within the App's installation.",
        hint="Give the App access to the repository in the installation's settings on GitHub.",
    )

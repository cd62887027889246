"""GitHub's JSON translated by hand into the box's nouns; fields the box does not use are not looked at.

The shapes: https://docs.github.com/en/rest, https://docs.github.com/en/apps/creating-github-apps
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any, TypeVar

import msgspec

from nanoscale_box.core.github_model import App, Branch, Commit, Hook, Installation, Repository, UserTokens
from nanoscale_box.core.model import InstallationId, RepoId, Sha
from nanoscale_box.core.secret import Secret

T = TypeVar("T")
Reader = Callable[[bytes], T]
"""Reads an answer's body; ValueError or msgspec's errors when it is of another form."""

# What goes into a header must not be able to end it.
_Token = Annotated[str, msgspec.Meta(pattern=r"^[\x21-\x7e]+\Z", max_length=4096)]
_Sha = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]


class _Account(msgspec.Struct):
    id: int
    login: str = ""
    slug: str = ""
    """An enterprise has no login."""
    type: str = "Enterprise"


class _Installation(msgspec.Struct):
    id: int
    target_type: str
    target_id: int
    account: _Account | None = None
    repository_selection: str = "selected"
    suspended_at: str | None = None
    permissions: dict[str, str] = {}
    app_id: int | None = None


class _Owner(msgspec.Struct):
    login: str


class _Repository(msgspec.Struct):
    id: int
    node_id: str
    name: str
    full_name: str
    owner: _Owner
    private: bool
    html_url: str
    clone_url: str
    default_branch: str = ""
    archived: bool = False
    disabled: bool = False


class _Author(msgspec.Struct):
    name: str | None = None


class _CommitDetail(msgspec.Struct):
    message: str = ""
    author: _Author | None = None


class _Head(msgspec.Struct):
    sha: _Sha
    commit: _CommitDetail = msgspec.field(default_factory=_CommitDetail)


class _Branch(msgspec.Struct):
    name: str
    commit: _Head


class _HookConfig(msgspec.Struct):
    url: str = ""


class _Hook(msgspec.Struct):
    id: int
    active: bool
    events: tuple[str, ...]
    config: _HookConfig


class _App(msgspec.Struct):
    id: int
    client_id: str
    client_secret: str
    pem: str
    webhook_secret: str | None = None
    slug: str = ""
    html_url: str = ""


class _AppItself(msgspec.Struct):
    id: int
    slug: str = ""
    html_url: str = ""


class _User(msgspec.Struct):
    id: int
    login: str


class _Installations(msgspec.Struct):
    installations: list[_Installation]


class _Repositories(msgspec.Struct):
    repositories: list[_Repository]


class InstallationToken(msgspec.Struct):
    """An installation token as it was minted."""

    token: _Token
    expires_at: Annotated[datetime, msgspec.Meta(tz=True)]

    def __repr__(self) -> str:
        return "InstallationToken(****)"


class OAuthAnswer(msgspec.Struct):
    """What the OAuth endpoints answer, with status 200 whether they gave tokens or refused."""

    access_token: _Token | None = None
    refresh_token: _Token | None = None
    expires_in: int | None = None
    error: str | None = None
    interval: int | None = None

    def __repr__(self) -> str:
        return f"OAuthAnswer(error={self.error!r})"


class DeviceAnswer(msgspec.Struct):
    """What the device flow begins with, or why it does not."""

    device_code: _Token | None = None
    user_code: str | None = None
    verification_uri: str | None = None
    expires_in: int = 900
    interval: int = 5
    error: str | None = None

    def __repr__(self) -> str:
        return f"DeviceAnswer(error={self.error!r})"


class Delivery(msgspec.Struct):
    """One attempt at a delivery of the App's own hook."""

    id: int
    guid: str
    event: str
    delivered_at: Annotated[datetime, msgspec.Meta(tz=True)]
    status_code: int = 0
    redelivery: bool = False


class _Slug(msgspec.Struct):
    slug: str = ""
    name: str = ""


class CheckSuite(msgspec.Struct):
    """What one App's checks say of a commit, all together."""

    status: str
    conclusion: str | None = None
    latest_check_runs_count: int = 0
    app: _Slug | None = None


class CheckSuites(msgspec.Struct):
    """A page of check suites."""

    check_suites: tuple[CheckSuite, ...]


class CheckRun(msgspec.Struct):
    """One check of a suite."""

    name: str
    conclusion: str | None = None


class CheckRuns(msgspec.Struct):
    """A page of check runs."""

    check_runs: tuple[CheckRun, ...]


class CommitStatus(msgspec.Struct):
    """The newest word of one context."""

    context: str
    state: str


class CombinedStatus(msgspec.Struct):
    """A page of a commit's newest statuses."""

    statuses: tuple[CommitStatus, ...]


class Deployment(msgspec.Struct):
    """A deployment as GitHub keeps it; an answer that made none has no id."""

    id: int | None = None
    payload: Any = None


def reads(shape: type[T]) -> Reader[T]:
    """A reader for one shape."""
    return msgspec.json.Decoder(shape).decode


_read_app = reads(_App)
_read_app_itself = reads(_AppItself)
_read_user = reads(_User)
_read_installation = reads(_Installation)
_read_installations = reads(_Installations)
_read_app_installations = reads(list[_Installation])
_read_repository = reads(_Repository)
_read_repositories = reads(_Repositories)
_read_branch = reads(_Branch)
_read_branches = reads(list[_Branch])
_read_hook = reads(_Hook)
_read_hooks = reads(list[_Hook])
_read_app_hook = reads(_HookConfig)

read_token = reads(InstallationToken)
read_oauth = reads(OAuthAnswer)
read_device = reads(DeviceAnswer)
deliveries = reads(tuple[Delivery, ...])
_read_commit = reads(_Head)
made_deployment = reads(Deployment)
deployments = reads(tuple[Deployment, ...])
check_suites = reads(CheckSuites)
check_runs = reads(CheckRuns)
combined_status = reads(CombinedStatus)


def app(body: bytes) -> App:
    """A conversion of a manifest."""
    found = _read_app(body)
    return App(
        app_id=str(found.id),
        client_id=found.client_id,
        client_secret=Secret(found.client_secret),
        private_key=Secret(found.pem),
        webhook_secret=Secret(found.webhook_secret or ""),
        slug=found.slug,
        html_url=found.html_url,
    )


def app_itself(body: bytes) -> tuple[str, str, str]:
    """An App's id, slug and page, as it sees itself."""
    found = _read_app_itself(body)
    return str(found.id), found.slug, found.html_url


def user(body: bytes) -> tuple[int, str]:
    """A user's id and login."""
    found = _read_user(body)
    return found.id, found.login


def user_tokens(access_token: str, found: OAuthAnswer, now: datetime) -> UserTokens:
    """Tokens of an answer without `error`; `now` is when it came."""
    return UserTokens(
        access_token=Secret(access_token),
        refresh_token=Secret(found.refresh_token) if found.refresh_token else None,
        expires_at=now + timedelta(seconds=found.expires_in) if found.expires_in else None,
    )


def installation(body: bytes) -> Installation:
    """One installation."""
    return _installation(_read_installation(body))


def installations(body: bytes) -> tuple[Installation, ...]:
    """A page of installations."""
    return tuple(_installation(found) for found in _read_installations(body).installations)


def app_installations(body: bytes) -> tuple[Installation, ...]:
    """A page of installations as the App itself lists them."""
    return tuple(_installation(found) for found in _read_app_installations(body))


def _installation(found: _Installation) -> Installation:
    account = found.account or _Account(id=found.target_id, type=found.target_type)
    return Installation(
        installation_id=InstallationId(found.id),
        account_login=account.login or account.slug,
        account_type=account.type,
        target_type=found.target_type,
        target_id=found.target_id,
        repository_selection=found.repository_selection,
        suspended=found.suspended_at is not None,
        permissions=found.permissions,
        app_id=found.app_id,
    )


def repository(body: bytes, installation_id: InstallationId) -> Repository:
    """One repository."""
    return _repository(_read_repository(body), installation_id)


def repositories(body: bytes, installation_id: InstallationId) -> tuple[Repository, ...]:
    """A page of an installation's repositories."""
    return tuple(_repository(found, installation_id) for found in _read_repositories(body).repositories)


def _repository(found: _Repository, installation_id: InstallationId) -> Repository:
    return Repository(
        installation_id=installation_id,
        repo_id=RepoId(found.id),
        node_id=found.node_id,
        owner_login=found.owner.login,
        name=found.name,
        full_name=found.full_name,
        default_branch=found.default_branch,
        is_private=found.private,
        html_url=found.html_url,
        clone_url=found.clone_url,
        archived=found.archived,
        disabled=found.disabled,
    )


def branches(body: bytes, default: str) -> tuple[Branch, ...]:
    """A page of branches."""
    return tuple(
        Branch(name=found.name, sha=Sha(found.commit.sha), default=found.name == default)
        for found in _read_branches(body)
    )


def head(body: bytes) -> tuple[str, Commit]:
    """A branch's name and the commit it stands at."""
    found = _read_branch(body)
    return found.name, _commit(found.commit)


def commit(body: bytes) -> Commit:
    """One commit."""
    return _commit(_read_commit(body))


def _commit(found: _Head) -> Commit:
    detail = found.commit
    subject = detail.message.strip().partition("\n")[0].strip()
    author = detail.author.name if detail.author else None
    return Commit(sha=Sha(found.sha), subject=subject or None, author=author or None, message=detail.message or None)


def hook(body: bytes) -> Hook:
    """One repository hook."""
    return _hook(_read_hook(body))


def hooks(body: bytes) -> tuple[Hook, ...]:
    """A page of repository hooks."""
    return tuple(_hook(found) for found in _read_hooks(body))


def _hook(found: _Hook) -> Hook:
    return Hook(hook_id=found.id, url=found.config.url, active=found.active, events=found.events)


def app_hook_url(body: bytes) -> str:
    """Where the App's own hook points."""
    return _read_app_hook(body).url

"""What GitHub tells besides pushes: installations, their repositories, a repository's fate, a revoked grant, hooks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Final

import msgspec

from nanoscale_box.core.github_model import Installation, Repository
from nanoscale_box.core.model import InstallationId, RepoId, Sha
from nanoscale_box.core.text import inert

Id = Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
_Sha = Annotated[str, msgspec.Meta(pattern=r"^(?:[0-9a-f]{40}|[0-9a-f]{64})\Z")]


@dataclass(frozen=True, slots=True, kw_only=True)
class InstallationChange:
    """`installation`: created, deleted, suspend, unsuspend, new_permissions_accepted."""

    action: str
    installation: Installation


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoriesChange:
    """`installation_repositories`: what came into an installation's scope and what left it."""

    installation_id: InstallationId
    selection: str
    added: tuple[RepoId, ...]
    removed: tuple[RepoId, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RepositoryChange:
    """`repository`: renamed, transferred, archived, unarchived, deleted, privatized, publicized, edited.

    `repository.installation_id` is 0 when a repository's own hook told it, which knows of no installation."""

    action: str
    repository: Repository


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationRevoked:
    """`github_app_authorization`: the user took the grant back; the user's tokens are void."""

    github_user_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HookNews:
    """`ping` (a hook was made) and `meta` (`deleted`: a hook is gone)."""

    event: str
    hook_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksNews:
    """`check_suite`, `check_run` and `status`: somebody's CI said something of a commit."""

    repo_id: RepoId
    sha: Sha


GithubChange = InstallationChange | RepositoriesChange | RepositoryChange | AuthorizationRevoked | HookNews | ChecksNews


class Numbered(msgspec.Struct, frozen=True, gc=False):
    """Anything of which only the id matters."""

    id: Id


class _Account(msgspec.Struct, frozen=True):
    login: str | None = None
    slug: str | None = None
    type: str = "Organization"


class _Installation(msgspec.Struct, frozen=True):
    id: Id
    account: _Account
    target_id: Id
    target_type: str
    repository_selection: str = "selected"
    suspended_at: str | int | None = None
    permissions: dict[str, str] = {}


class _InstallationBody(msgspec.Struct, frozen=True):
    action: str
    installation: _Installation


class _RepositoriesBody(msgspec.Struct, frozen=True):
    action: str
    installation: Numbered
    repository_selection: str
    repositories_added: list[Numbered]
    repositories_removed: list[Numbered]


class _Repository(msgspec.Struct, frozen=True):
    id: Id
    node_id: str
    name: str
    full_name: str
    private: bool
    owner: _Account
    html_url: str
    clone_url: str
    default_branch: str
    archived: bool = False
    disabled: bool = False


class _RepositoryBody(msgspec.Struct, frozen=True):
    action: str
    repository: _Repository
    installation: Numbered | None = None


class _AuthorizationBody(msgspec.Struct, frozen=True):
    action: str
    sender: Numbered


class _HookBody(msgspec.Struct, frozen=True):
    hook_id: Id


class _Checked(msgspec.Struct, frozen=True):
    head_sha: _Sha


class _SuiteBody(msgspec.Struct, frozen=True):
    repository: Numbered
    check_suite: _Checked


class _RunBody(msgspec.Struct, frozen=True):
    repository: Numbered
    check_run: _Checked


class _StatusBody(msgspec.Struct, frozen=True):
    repository: Numbered
    sha: _Sha


def _installation(event: str, body: bytes) -> GithubChange:
    told = _INSTALLATION.decode(body)
    made = told.installation
    return InstallationChange(
        action=_word(told.action),
        installation=Installation(
            installation_id=InstallationId(made.id),
            account_login=_word(made.account.login or made.account.slug or ""),
            account_type=_word(made.account.type),
            target_type=_word(made.target_type),
            target_id=made.target_id,
            repository_selection=_word(made.repository_selection),
            suspended=made.suspended_at is not None,
            permissions={_word(name): _word(level) for name, level in made.permissions.items()},
        ),
    )


def _repositories(event: str, body: bytes) -> GithubChange:
    told = _REPOSITORIES.decode(body)
    return RepositoriesChange(
        installation_id=InstallationId(told.installation.id),
        selection=_word(told.repository_selection),
        added=tuple(RepoId(repository.id) for repository in told.repositories_added),
        removed=tuple(RepoId(repository.id) for repository in told.repositories_removed),
    )


def _repository(event: str, body: bytes) -> GithubChange:
    told = _REPOSITORY.decode(body)
    repository = told.repository
    return RepositoryChange(
        action=_word(told.action),
        repository=Repository(
            installation_id=InstallationId(told.installation.id if told.installation else 0),
            repo_id=RepoId(repository.id),
            node_id=_word(repository.node_id),
            owner_login=_word(repository.owner.login or ""),
            name=_word(repository.name),
            full_name=_word(repository.full_name),
            default_branch=_word(repository.default_branch),
            is_private=repository.private,
            html_url=_word(repository.html_url),
            clone_url=_word(repository.clone_url),
            archived=repository.archived,
            disabled=repository.disabled,
        ),
    )


def _authorization(event: str, body: bytes) -> GithubChange:
    return AuthorizationRevoked(github_user_id=_AUTHORIZATION.decode(body).sender.id)


def _hook(event: str, body: bytes) -> GithubChange:
    return HookNews(event=event, hook_id=_HOOK.decode(body).hook_id)


def _suite(event: str, body: bytes) -> GithubChange:
    told = _SUITE.decode(body)
    return ChecksNews(repo_id=RepoId(told.repository.id), sha=Sha(told.check_suite.head_sha))


def _run(event: str, body: bytes) -> GithubChange:
    told = _RUN.decode(body)
    return ChecksNews(repo_id=RepoId(told.repository.id), sha=Sha(told.check_run.head_sha))


def _status(event: str, body: bytes) -> GithubChange:
    told = _STATUS.decode(body)
    return ChecksNews(repo_id=RepoId(told.repository.id), sha=Sha(told.sha))


def _word(text: str) -> str:
    return inert(text, limit=500)


_INSTALLATION: Final = msgspec.json.Decoder(_InstallationBody)
_REPOSITORIES: Final = msgspec.json.Decoder(_RepositoriesBody)
_REPOSITORY: Final = msgspec.json.Decoder(_RepositoryBody)
_AUTHORIZATION: Final = msgspec.json.Decoder(_AuthorizationBody)
_HOOK: Final = msgspec.json.Decoder(_HookBody)
_SUITE: Final = msgspec.json.Decoder(_SuiteBody)
_RUN: Final = msgspec.json.Decoder(_RunBody)
_STATUS: Final = msgspec.json.Decoder(_StatusBody)

READERS: Final[dict[str, Callable[[str, bytes], GithubChange]]] = {
    "installation": _installation,
    "installation_repositories": _repositories,
    "repository": _repository,
    "github_app_authorization": _authorization,
    "ping": _hook,
    "meta": _hook,
    "check_suite": _suite,
    "check_run": _run,
    "status": _status,
}
"""By event; each raises what msgspec raises when the body is not what GitHub documents."""

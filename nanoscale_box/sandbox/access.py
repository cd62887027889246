"""What a principal may do to a repository."""

from __future__ import annotations

from collections.abc import Mapping

from . import permissions
from .answers import ApiError, forbidden_to_apps, not_found
from .model import AccountId, AppId, InstallationId, Repo
from .principals import AuthKind, Principal
from .state import State


def grants(state: State, principal: Principal, repo: Repo) -> Mapping[str, str] | None:
    """The permissions held on `repo`, or None where the repository is outside what the principal was given."""
    match principal.kind:
        case AuthKind.INSTALLATION:
            return _installation_grants(state, principal, repo)
        case AuthKind.USER:
            return _user_grants(state, principal, repo)
        case AuthKind.PERSONAL:
            return user_permissions(state, principal.user, repo)
        case _:
            return None


def _installation_grants(state: State, principal: Principal, repo: Repo) -> Mapping[str, str] | None:
    installation = state.installations[principal.installation_id or InstallationId(0)]
    narrowed_out = principal.repo_ids is not None and repo.id not in principal.repo_ids
    if narrowed_out or not state.covers(installation, repo):
        return None
    return permissions.intersection(principal.permissions, installation.permissions)


def _user_grants(state: State, principal: Principal, repo: Repo) -> Mapping[str, str] | None:
    own = user_permissions(state, principal.user, repo)
    installation = state.installation_on(principal.app_id or AppId(0), repo.owner_id)
    if own is None or installation is None or installation.suspended_at or not state.covers(installation, repo):
        return None
    return permissions.intersection(own, installation.permissions)


def user_permissions(state: State, user_id: AccountId, repo: Repo) -> Mapping[str, str] | None:
    """What a person may do there without any App in between."""
    match state.role(user_id, repo.owner_id):
        case "admin":
            return permissions.ADMIN_OF_REPO
        case "member":
            return permissions.READER_OF_REPO
        case _:
            return None if repo.private else permissions.READER_OF_REPO


def may(state: State, principal: Principal, repo: Repo, name: str, level: str) -> bool:
    held = grants(state, principal, repo)
    if held is not None and permissions.allows(held, name, level):
        return True
    return not repo.private and level == "read" and name in permissions.READER_OF_REPO


def require(state: State, principal: Principal, repo: Repo, name: str, level: str) -> None:
    """Pass, or refuse as GitHub does: 404 for what must stay unseen, 401 or 403 for what is only forbidden."""
    if may(state, principal, repo, name, level):
        if level != "read" and repo.archived:
            raise ApiError(403, "Repository was archived so is read-only.")
        return
    if repo.private and grants(state, principal, repo) is None:
        raise not_found()
    match principal.kind:
        case AuthKind.NONE:
            raise ApiError(401, "Requires authentication")
        case AuthKind.PERSONAL:
            raise ApiError(403, "Must have admin rights to Repository.")
        case _:
            raise forbidden_to_apps(f"{name}={level}")

"""What can happen to an installation, each with the event GitHub sends for it."""

from __future__ import annotations

from collections.abc import Iterable

from .hooks import events
from .model import Account, App, Installation, InstallationId, Repo, RepoId, Selection
from .world import World


def install(world: World, app: App, account: Account, by: Account, repos: Iterable[Repo] | None = None) -> Installation:
    """Put `app` on `account`, for all repositories or for `repos`."""
    now = world.clock.now()
    installation = Installation(
        id=InstallationId(world.state.ids.next("installation")),
        app_id=app.id,
        account_id=account.id,
        selection=Selection.ALL if repos is None else Selection.SELECTED,
        repo_ids={repo.id for repo in repos or ()},
        permissions=dict(app.permissions),
        events=list(app.events),
        created_at=now,
        updated_at=now,
    )
    world.state.installations[installation.id] = installation
    events.installation_changed(world, installation, "created", by)
    return installation


def uninstall(world: World, installation: Installation, by: Account) -> None:
    events.installation_changed(world, installation, "deleted", by)
    del world.state.installations[installation.id]
    tokens = world.state.installation_tokens
    for token in [one.token for one in tokens.values() if one.installation_id == installation.id]:
        del tokens[token]


def suspend(world: World, installation: Installation, by: Account) -> None:
    installation.suspended_at, installation.suspended_by = world.clock.now(), by.id
    events.installation_changed(world, installation, "suspend", by)


def unsuspend(world: World, installation: Installation, by: Account) -> None:
    installation.suspended_at = installation.suspended_by = None
    events.installation_changed(world, installation, "unsuspend", by)


def select_repos(world: World, installation: Installation, repos: Iterable[Repo] | None, by: Account) -> None:
    """Change what an installation covers; None is every repository of the account."""
    before = {repo.id: repo for repo in world.state.covered_repos(installation)}
    installation.selection = Selection.ALL if repos is None else Selection.SELECTED
    installation.repo_ids = {repo.id for repo in repos or ()}
    installation.updated_at = world.clock.now()
    after = {repo.id: repo for repo in world.state.covered_repos(installation)}
    added = [repo for number, repo in after.items() if number not in before]
    removed = [repo for number, repo in before.items() if number not in after]
    events.installation_repositories_changed(world, installation, added, removed, by)


def accept_permissions(world: World, installation: Installation, granted: dict[str, str] | None, by: Account) -> None:
    """The account's owner agrees to what the App asks for now, or to `granted`."""
    app = world.state.apps[installation.app_id]
    installation.permissions = dict(app.permissions if granted is None else granted)
    installation.events = list(app.events)
    installation.updated_at = world.clock.now()
    events.installation_changed(world, installation, "new_permissions_accepted", by)


def forget_repo(world: World, repo_id: RepoId) -> None:
    """A repository that is gone or has moved is in no selection any more."""
    for installation in world.state.installations.values():
        installation.repo_ids.discard(repo_id)

"""Who hears of what: an event goes to the Apps and the repository hooks that asked for it."""

from __future__ import annotations

from collections.abc import Iterable

from ..ids import node_id
from ..model import Account, AccountType, App, HookTarget, Installation, Json, Repo, RepoHook, TargetType
from ..permissions import UNASKED_EVENTS
from ..shapes.accounts import simple_user
from ..shapes.apps import installation as installation_shape
from ..shapes.repos import brief_repo, repository
from ..world import World


def app_target(app: App) -> HookTarget:
    return HookTarget(type=TargetType.INTEGRATION, target_id=app.id, hook_id=app.hook_id)


def hook_target(hook: RepoHook) -> HookTarget:
    return HookTarget(type=TargetType.REPOSITORY, target_id=hook.repo_id, hook_id=hook.id)


def fire(world: World, repo: Repo, event: str, payload: Json) -> None:
    """Send a repository's event to every App installed on it and to each of its own hooks, as separate deliveries."""
    state, owner = world.state, world.state.owner(repo)
    if owner.type is AccountType.ORGANIZATION:
        payload = {**payload, "organization": simple_user(world, owner)}
    for installation in list(state.installations.values()):
        if not state.covers(installation, repo) or installation.suspended_at is not None:
            continue
        if event in installation.events or event in UNASKED_EVENTS:
            app = state.apps[installation.app_id]
            extra = {"id": installation.id, "node_id": node_id("I", installation.id)}
            _to_app(world, app, event, {**payload, "installation": extra}, installation=installation, repo=repo)
    for hook in state.hooks_of(repo.id):
        if hook.active and (event in hook.events or "*" in hook.events):
            world.courier.send(hook.config, hook_target(hook), event, payload, repo_id=repo.id)


def _to_app(
    world: World,
    app: App,
    event: str,
    payload: Json,
    installation: Installation | None = None,
    repo: Repo | None = None,
) -> None:
    if app.hook_active:
        world.courier.send(
            app.hook,
            app_target(app),
            event,
            payload,
            installation_id=installation.id if installation is not None else None,
            repo_id=repo.id if repo is not None else None,
        )


def repository_changed(world: World, repo: Repo, action: str, by: Account, changes: Json | None = None) -> None:
    """The `repository` event: renamed, transferred, archived, deleted and so on."""
    payload: Json = {"action": action, "repository": repository(world, repo), "sender": simple_user(world, by)}
    if changes is not None:
        payload["changes"] = changes
    fire(world, repo, "repository", payload)


def installation_changed(world: World, installation: Installation, action: str, by: Account) -> None:
    """The `installation` event, which every App gets unasked."""
    payload: Json = {
        "action": action,
        "installation": installation_shape(world, installation),
        "sender": simple_user(world, by),
    }
    if action in ("created", "deleted"):
        payload["repositories"] = [brief_repo(world, one) for one in world.state.covered_repos(installation)]
    if action == "created":
        payload["requester"] = None
    _to_app(world, world.state.apps[installation.app_id], "installation", payload, installation=installation)


def installation_repositories_changed(
    world: World, installation: Installation, added: Iterable[Repo], removed: Iterable[Repo], by: Account
) -> None:
    """The `installation_repositories` event; additions and removals are two deliveries."""
    app = world.state.apps[installation.app_id]
    gained = [brief_repo(world, one) for one in added]
    lost = [brief_repo(world, one) for one in removed]
    for action, some in (("added", gained), ("removed", lost)):
        if not some:
            continue
        payload: Json = {
            "action": action,
            "installation": installation_shape(world, installation),
            "repository_selection": installation.selection,
            "repositories_added": some if action == "added" else [],
            "repositories_removed": some if action == "removed" else [],
            "requester": None,
            "sender": simple_user(world, by),
        }
        _to_app(world, app, "installation_repositories", payload, installation=installation)


def authorization_revoked(world: World, app: App, by: Account) -> None:
    payload: Json = {"action": "revoked", "sender": simple_user(world, by)}
    _to_app(world, app, "github_app_authorization", payload)


def ping_app(world: World, app: App) -> None:
    """The greeting to an App's hook."""
    config = {"content_type": app.hook.content_type, "insecure_ssl": app.hook.insecure_ssl, "url": app.hook.url}
    hook = {"type": "App", "id": app.hook_id, "name": "web", "active": app.hook_active, "events": list(app.events)}
    _to_app(
        world, app, "ping", {"zen": ZEN, "hook_id": app.hook_id, "hook": {**hook, "config": config, "app_id": app.id}}
    )


ZEN = "Practicality beats purity."

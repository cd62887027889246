"""Apps, installations and their tokens as JSON."""

from __future__ import annotations

from typing import Any

from ..clock import iso
from ..ids import node_id
from ..model import App, Installation, InstallationToken, Selection
from ..world import World
from .accounts import simple_user
from .repos import repository


def app(world: World, one: App) -> dict[str, Any]:
    """GitHub's `integration`."""
    return {
        "id": one.id,
        "slug": one.slug,
        "node_id": node_id("A", one.id),
        "client_id": one.client_id,
        "owner": simple_user(world, world.state.accounts[one.owner_id]),
        "name": one.name,
        "description": one.description,
        "external_url": one.external_url,
        "html_url": f"{world.url}/apps/{one.slug}",
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "permissions": dict(one.permissions),
        "events": list(one.events),
    }


def app_for_itself(world: World, one: App) -> dict[str, Any]:
    return {**app(world, one), "installations_count": len(world.state.installations_of(one.id))}


def conversion(world: World, one: App) -> dict[str, Any]:
    """What a manifest turns into: the App with its secrets, told once."""
    return {
        **app(world, one),
        "client_secret": one.client_secret,
        "webhook_secret": one.hook.secret,
        "pem": one.private_pem,
    }


def installation(world: World, one: Installation) -> dict[str, Any]:
    account = world.state.accounts[one.account_id]
    owner = world.state.apps[one.app_id]
    suspender = world.state.accounts.get(one.suspended_by) if one.suspended_by is not None else None
    api = f"{world.api_url}/app/installations/{one.id}"
    return {
        "id": one.id,
        "client_id": owner.client_id,
        "account": simple_user(world, account),
        "repository_selection": one.selection,
        "access_tokens_url": f"{api}/access_tokens",
        "repositories_url": f"{world.api_url}/installation/repositories",
        "html_url": f"{world.url}/settings/installations/{one.id}",
        "app_id": one.app_id,
        "app_slug": owner.slug,
        "target_id": account.id,
        "target_type": account.type,
        "permissions": dict(one.permissions),
        "events": list(one.events),
        "created_at": iso(one.created_at),
        "updated_at": iso(one.updated_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": simple_user(world, suspender) if suspender is not None else None,
        "suspended_at": iso(one.suspended_at) if one.suspended_at is not None else None,
    }


def access_token(world: World, token: InstallationToken) -> dict[str, Any]:
    owner = world.state.installations[token.installation_id]
    found: dict[str, Any] = {
        "token": token.token,
        "expires_at": iso(token.expires_at),
        "permissions": dict(token.permissions),
        "repository_selection": owner.selection if token.repo_ids is None else Selection.SELECTED,
    }
    if token.repo_ids is not None:
        chosen = [world.state.repos[one] for one in sorted(token.repo_ids) if one in world.state.repos]
        found["repositories"] = [repository(world, one, token.permissions) for one in chosen]
    return found

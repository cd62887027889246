"""Accounts as JSON."""

from __future__ import annotations

from typing import Any

from ..clock import iso
from ..ids import node_id
from ..model import Account, AccountType, App
from ..world import World


def simple_user(world: World, account: Account) -> dict[str, Any]:
    """GitHub's `simple-user`, for people and organisations alike."""
    api = f"{world.api_url}/users/{account.login}"
    prefix = "U" if account.type is AccountType.USER else "O"
    return {
        "login": account.login,
        "id": account.id,
        "node_id": node_id(prefix, account.id),
        "avatar_url": f"{world.url}/avatars/{account.id}",
        "gravatar_id": "",
        "url": api,
        "html_url": f"{world.url}/{account.login}",
        "followers_url": f"{api}/followers",
        "following_url": f"{api}/following{{/other_user}}",
        "gists_url": f"{api}/gists{{/gist_id}}",
        "starred_url": f"{api}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{api}/subscriptions",
        "organizations_url": f"{api}/orgs",
        "repos_url": f"{api}/repos",
        "events_url": f"{api}/events{{/privacy}}",
        "received_events_url": f"{api}/received_events",
        "type": account.type,
        "user_view_type": "public",
        "site_admin": False,
    }


def bot_user(world: World, app: App) -> dict[str, Any]:
    """The account that an App acts as."""
    stand_in = Account(
        id=world.state.accounts[app.owner_id].id,
        login=f"{app.slug}[bot]",
        type=AccountType.USER,
        name=app.name,
        email=None,
        created_at=app.created_at,
    )
    return {**simple_user(world, stand_in), "id": app.id + 1_000_000, "type": "Bot"}


def public_user(world: World, account: Account) -> dict[str, Any]:
    owned = [repo for repo in world.state.repos.values() if repo.owner_id == account.id]
    return {
        **simple_user(world, account),
        "name": account.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": account.email,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": sum(not repo.private for repo in owned),
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": iso(account.created_at),
        "updated_at": iso(account.created_at),
    }


def private_user(world: World, account: Account) -> dict[str, Any]:
    owned = [repo for repo in world.state.repos.values() if repo.owner_id == account.id]
    secret = sum(repo.private for repo in owned)
    return {
        **public_user(world, account),
        "private_gists": 0,
        "total_private_repos": secret,
        "owned_private_repos": secret,
        "disk_usage": 1024,
        "collaborators": 0,
        "two_factor_authentication": True,
    }

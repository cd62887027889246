"""Repositories as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..clock import iso
from ..ids import node_id
from ..model import AccountType, Repo
from ..permissions import allows
from ..world import World
from .accounts import simple_user

# Name of the `*_url` field to what follows the repository's own address.
API_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}
FLAGS = {
    "fork": False,
    "has_issues": True,
    "has_projects": True,
    "has_wiki": True,
    "has_pages": False,
    "has_downloads": True,
    "has_discussions": False,
    "is_template": False,
    "allow_forking": True,
    "web_commit_signoff_required": False,
}
COUNTS = ("forks", "forks_count", "open_issues", "open_issues_count", "stargazers_count", "watchers", "watchers_count")


def clone_url(world: World, repo: Repo) -> str:
    return f"{world.url}/{world.state.full_name(repo)}.git"


def minimal_repo(world: World, repo: Repo) -> dict[str, Any]:
    """GitHub's `minimal-repository`."""
    full_name = world.state.full_name(repo)
    api = f"{world.api_url}/repos/{full_name}"
    return {
        "id": repo.id,
        "node_id": node_id("R", repo.id),
        "name": repo.name,
        "full_name": full_name,
        "private": repo.private,
        "owner": simple_user(world, world.state.owner(repo)),
        "html_url": f"{world.url}/{full_name}",
        "description": repo.description,
        "fork": False,
        "url": api,
        **{name: api + tail for name, tail in API_LINKS.items()},
    }


def repository(world: World, repo: Repo, held: Mapping[str, str] | None = None) -> dict[str, Any]:
    """GitHub's `repository`, as lists give it; `held` are the asker's permissions."""
    html = f"{world.url}/{world.state.full_name(repo)}"
    host = world.url.split("://", 1)[1]
    found = {
        **minimal_repo(world, repo),
        "git_url": f"git://{host}/{world.state.full_name(repo)}.git",
        "ssh_url": f"git@{host.split(':')[0]}:{world.state.full_name(repo)}.git",
        "clone_url": clone_url(world, repo),
        "svn_url": html,
        "mirror_url": None,
        "homepage": None,
        "language": repo.language,
        "license": None,
        "size": 12,
        **FLAGS,
        **dict.fromkeys(COUNTS, 0),
        "topics": [],
        "visibility": "private" if repo.private else "public",
        "archived": repo.archived,
        "disabled": repo.disabled,
        "default_branch": repo.default_branch,
        "created_at": iso(repo.created_at),
        "updated_at": iso(repo.updated_at),
        "pushed_at": iso(repo.pushed_at),
    }
    if held is not None:
        found["permissions"] = repo_permissions(held)
    return found


def repo_permissions(held: Mapping[str, str]) -> dict[str, bool]:
    """Permissions in the five old words."""
    writes = allows(held, "contents", "write")
    return {
        "admin": allows(held, "administration", "write"),
        "maintain": writes,
        "push": writes,
        "triage": writes,
        "pull": allows(held, "metadata", "read"),
    }


def full_repository(world: World, repo: Repo, held: Mapping[str, str] | None = None) -> dict[str, Any]:
    """GitHub's `full-repository`, as one repository's own address gives it."""
    found = {**repository(world, repo, held), "network_count": 0, "subscribers_count": 0, "temp_clone_token": None}
    owner = world.state.owner(repo)
    if owner.type is AccountType.ORGANIZATION:
        found["organization"] = simple_user(world, owner)
    return found


def brief_repo(world: World, repo: Repo) -> dict[str, Any]:
    """The five facts that installation events carry."""
    return {
        "id": repo.id,
        "node_id": node_id("R", repo.id),
        "name": repo.name,
        "full_name": world.state.full_name(repo),
        "private": repo.private,
    }

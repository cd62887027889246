"""The `push` event: what GitHub says when refs move."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dulwich.objects import Commit
from dulwich.repo import Repo as GitRepo

from ..git import read
from ..git.write import commit_of
from ..model import NO_COMMIT, Account, AccountType, Json, Repo
from ..shapes.commits import account_of_email, identity
from ..shapes.repos import repository
from ..world import World
from .events import fire

# More tags than this in one push and GitHub stays silent about them.
MOST_TAGS = 3


def refs_moved(
    world: World, repo: Repo, before: dict[str, str], after: dict[str, str], pusher: Json, sender: Json
) -> None:
    """Fire one push event for each ref that differs."""
    moved = [ref for ref in sorted(before.keys() | after.keys()) if before.get(ref) != after.get(ref)]
    if not moved:
        return
    repo.pushed_at = repo.updated_at = world.clock.now()
    tags = [ref for ref in moved if ref.startswith("refs/tags/")]
    silent = set(tags) if len(tags) > MOST_TAGS else set()
    with world.git.open(repo) as git:
        for ref in moved:
            if ref not in silent:
                payload = push_payload(world, repo, git, ref, before, after)
                fire(world, repo, "push", {**payload, "pusher": pusher, "sender": sender})


def pusher_of(account: Account) -> Json:
    return {"name": account.login, "email": account.email}


def push_payload(
    world: World, repo: Repo, git: GitRepo, ref: str, before: dict[str, str], after: dict[str, str]
) -> dict[str, Any]:
    """A push as GitHub describes it, but for pusher, sender and installation."""
    old, new = before.get(ref, NO_COMMIT), after.get(ref, NO_COMMIT)
    created, deleted = old == NO_COMMIT, new == NO_COMMIT
    tip = new if deleted else read.peeled(git, new)
    others = [sha for name, sha in before.items() if name != ref]
    known = [read.peeled(git, sha) for sha in (others if created else [old])]
    commits = [] if deleted else read.commits_between(git, tip, known)
    forced = not created and not deleted and not read.is_fast_forward(git, read.peeled(git, old), tip)
    html = f"{world.url}/{world.state.full_name(repo)}"
    compared = f"compare/{old[:12]}...{new[:12]}"
    tail = f"commit/{(old if deleted else new)[:12]}" if created or deleted else compared
    return {
        "ref": ref,
        "before": old,
        "after": new,
        "base_ref": None,
        "created": created,
        "deleted": deleted,
        "forced": forced,
        "compare": f"{html}/{tail}",
        "commits": [push_commit(world, repo, git, one, before) for one in commits],
        "head_commit": None if deleted else push_commit(world, repo, git, commit_of(git, tip), before),
        "repository": push_repository(world, repo),
    }


def push_repository(world: World, repo: Repo) -> Json:
    """A push names times as seconds and the owner with name and email."""
    owner = world.state.owner(repo)
    found = repository(world, repo)
    found["owner"] = {**found["owner"], "name": owner.login, "email": owner.email}
    found["created_at"] = int(repo.created_at.timestamp())
    found["pushed_at"] = int(repo.pushed_at.timestamp())
    found |= {"stargazers": 0, "master_branch": repo.default_branch}
    if owner.type is AccountType.ORGANIZATION:
        found["organization"] = owner.login
    return found


def push_commit(world: World, repo: Repo, git: GitRepo, one: Commit, before: dict[str, str]) -> Json:
    changes = read.changes_of(git, one)
    sha = one.id.decode()
    return {
        "id": sha,
        "tree_id": one.tree.decode(),
        "distinct": sha not in before.values(),
        "message": one.message.decode("utf-8", "replace").rstrip("\n"),
        "timestamp": datetime.fromtimestamp(one.commit_time, UTC).isoformat(timespec="seconds"),
        "url": f"{world.url}/{world.state.full_name(repo)}/commit/{sha}",
        "author": _person(world, one.author, one.author_time),
        "committer": _person(world, one.committer, one.commit_time),
        "added": changes.added,
        "removed": changes.removed,
        "modified": changes.modified,
    }


def _person(world: World, raw: bytes, seconds: int) -> Json:
    who = identity(raw, seconds)
    found: Json = {"name": who["name"], "email": who["email"], "date": who["date"]}
    account = account_of_email(world, who["email"])
    if account is not None:
        found["username"] = account.login
    return found

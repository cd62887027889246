"""Commits, branches, refs and comparisons as JSON."""

from __future__ import annotations

import difflib
import itertools
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from dulwich.objects import Commit, ObjectID
from dulwich.repo import Repo as GitRepo

from ..clock import iso
from ..git import read
from ..git.write import commit_of
from ..model import Account, Repo
from ..world import World
from .accounts import simple_user

MOST_FILES = 300
UNSIGNED = {"verified": False, "reason": "unsigned", "signature": None, "payload": None, "verified_at": None}


def identity(raw: bytes, seconds: int) -> dict[str, str]:
    name, _, rest = raw.decode("utf-8", "replace").partition(" <")
    return {"name": name, "email": rest.removesuffix(">"), "date": iso(datetime.fromtimestamp(seconds, UTC))}


def account_of_email(world: World, email: str) -> Account | None:
    return next((one for one in world.state.accounts.values() if one.email == email), None)


def _author(world: World, raw: bytes, seconds: int) -> dict[str, Any] | None:
    found = account_of_email(world, identity(raw, seconds)["email"])
    return simple_user(world, found) if found is not None else None


def commit(world: World, repo: Repo, one: Commit) -> dict[str, Any]:
    full_name, sha = world.state.full_name(repo), one.id.decode()
    api, html = f"{world.api_url}/repos/{full_name}", f"{world.url}/{full_name}"
    parents = [parent.decode() for parent in one.parents]
    return {
        "sha": sha,
        "node_id": f"C_{sha[:20]}",
        "commit": {
            "author": identity(one.author, one.author_time),
            "committer": identity(one.committer, one.commit_time),
            "message": one.message.decode("utf-8", "replace").rstrip("\n"),
            "tree": {"sha": one.tree.decode(), "url": f"{api}/git/trees/{one.tree.decode()}"},
            "url": f"{api}/git/commits/{sha}",
            "comment_count": 0,
            "verification": dict(UNSIGNED),
        },
        "url": f"{api}/commits/{sha}",
        "html_url": f"{html}/commit/{sha}",
        "comments_url": f"{api}/commits/{sha}/comments",
        "author": _author(world, one.author, one.author_time),
        "committer": _author(world, one.committer, one.commit_time),
        "parents": [{"sha": p, "url": f"{api}/commits/{p}", "html_url": f"{html}/commit/{p}"} for p in parents],
    }


def files(
    world: World, repo: Repo, git: GitRepo, before: ObjectID | None, after: ObjectID | None
) -> list[dict[str, Any]]:
    """The files that differ between two trees, the first 300 of them."""
    api, html = f"{world.api_url}/repos/{world.state.full_name(repo)}", f"{world.url}/{world.state.full_name(repo)}"
    found: list[dict[str, Any]] = []
    for edit in itertools.islice(read.edits(git, before, after), MOST_FILES):
        path, sha = edit.path, (edit.new or edit.old or b"").decode()
        lines = _patch(git, edit)
        plus = sum(line.startswith("+") for line in lines)
        minus = sum(line.startswith("-") for line in lines)
        found.append(
            {
                "sha": sha,
                "filename": path,
                "status": edit.status,
                "additions": plus,
                "deletions": minus,
                "changes": plus + minus,
                "blob_url": f"{html}/blob/{sha}/{quote(path)}",
                "raw_url": f"{html}/raw/{sha}/{quote(path)}",
                "contents_url": f"{api}/contents/{quote(path)}?ref={sha}",
                "patch": "\n".join(lines),
            }
        )
    return found


def _patch(git: GitRepo, edit: read.Edit) -> list[str]:
    return list(difflib.unified_diff(_lines(git, edit.old), _lines(git, edit.new), lineterm=""))[2:]


def _lines(git: GitRepo, sha: ObjectID | None) -> list[str]:
    if sha is None or sha not in git.object_store:
        return []
    return git[sha].as_raw_string().decode("utf-8", "replace").splitlines()


def commit_with_files(world: World, repo: Repo, git: GitRepo, one: Commit) -> dict[str, Any]:
    before = commit_of(git, one.parents[0].decode()).tree if one.parents else None
    changed = files(world, repo, git, before, one.tree)
    plus, minus = sum(f["additions"] for f in changed), sum(f["deletions"] for f in changed)
    stats = {"total": plus + minus, "additions": plus, "deletions": minus}
    return {**commit(world, repo, one), "stats": stats, "files": changed}


def branch_short(world: World, repo: Repo, name: str, sha: str) -> dict[str, Any]:
    api = f"{world.api_url}/repos/{world.state.full_name(repo)}"
    return {"name": name, "commit": {"sha": sha, "url": f"{api}/commits/{sha}"}, "protected": False}


def branch(world: World, repo: Repo, name: str, one: Commit) -> dict[str, Any]:
    full_name, coded = world.state.full_name(repo), quote(name)
    api = f"{world.api_url}/repos/{full_name}/branches/{coded}"
    checks = {"enforcement_level": "off", "contexts": [], "checks": []}
    return {
        "name": name,
        "commit": commit(world, repo, one),
        "_links": {"self": api, "html": f"{world.url}/{full_name}/tree/{coded}"},
        "protected": False,
        "protection": {"enabled": False, "required_status_checks": checks},
        "protection_url": f"{api}/protection",
    }


def git_ref(world: World, repo: Repo, ref: str, sha: str) -> dict[str, Any]:
    api = f"{world.api_url}/repos/{world.state.full_name(repo)}/git"
    return {
        "ref": ref,
        "node_id": f"REF_{repo.id}_{sha[:8]}",
        "url": f"{api}/{quote(ref)}",
        "object": {"sha": sha, "type": "commit", "url": f"{api}/commits/{sha}"},
    }

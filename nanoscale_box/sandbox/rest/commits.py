"""Commits of a repository, and comparisons between them."""

from __future__ import annotations

from typing import Any

from aiohttp import web
from dulwich.objects import Commit
from dulwich.repo import Repo as GitRepo

from ..answers import ApiError, json_answer, not_found
from ..git import read
from ..git.write import commit_of
from ..model import Repo
from ..shapes import commits as shapes
from ..world import World, world_of
from .common import find_repo, for_repo
from .paging import page

MOST_HISTORY = 1000
MOST_COMPARED = 250


def routes() -> list[web.RouteDef]:
    return [
        *for_repo("GET", "/commits", list_commits),
        *for_repo("GET", "/commits/{ref:.+}", get_commit),
        *for_repo("GET", "/compare/{basehead:.+}", compare),
    ]


def resolve(git: GitRepo, name: str) -> Commit:
    """The commit a name stands for; 422 as GitHub answers for names that stand for none."""
    sha = read.resolve(git, name)
    if sha is None:
        raise ApiError(422, f"No commit found for SHA: {name}")
    return commit_of(git, sha)


async def list_commits(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    with world.git.open(repo) as git:
        tip = resolve(git, request.query.get("sha", repo.default_branch))
        found = list(read.history(git, tip.id.decode(), MOST_HISTORY))
        chosen, headers = page(request, found, repo)
        return json_answer([shapes.commit(world, repo, one) for one in chosen], headers=headers)


async def get_commit(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    with world.git.open(repo) as git:
        found = resolve(git, request.match_info["ref"])
        if "sha" in request.headers.get("Accept", ""):
            return web.Response(text=found.id.decode(), content_type="application/vnd.github.sha")
        return json_answer(shapes.commit_with_files(world, repo, git, found))


async def compare(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    left, dots, right = request.match_info["basehead"].partition("...")
    with world.git.open(repo) as git:
        base, head = read.resolve(git, left), read.resolve(git, right)
        root = read.merge_base(git, base, head) if base and head else None
        if not dots or base is None or head is None or root is None:
            raise not_found()
        return json_answer(_comparison(world, request, repo, git, base, head, root))


def _comparison(
    world: World, request: web.Request, repo: Repo, git: GitRepo, base: str, head: str, root: str
) -> dict[str, Any]:
    ahead = read.commits_between(git, head, [base])
    behind = read.commits_between(git, base, [head])
    status = {(True, True): "diverged", (True, False): "ahead", (False, True): "behind"}
    html = f"{world.url}/{world.state.full_name(repo)}/compare/{request.match_info['basehead']}"
    first_page = request.query.get("page", "1") == "1"
    changed = shapes.files(world, repo, git, commit_of(git, root).tree, commit_of(git, head).tree)
    return {
        "url": f"{world.api_url}/repos/{world.state.full_name(repo)}/compare/{request.match_info['basehead']}",
        "html_url": html,
        "permalink_url": html,
        "diff_url": f"{html}.diff",
        "patch_url": f"{html}.patch",
        "base_commit": shapes.commit(world, repo, commit_of(git, base)),
        "merge_base_commit": shapes.commit(world, repo, commit_of(git, root)),
        "status": status.get((bool(ahead), bool(behind)), "identical"),
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": [shapes.commit(world, repo, one) for one in page(request, ahead[:MOST_COMPARED])[0]],
        "files": changed if first_page else [],
    }

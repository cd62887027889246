"""Files and trees of a repository."""

from __future__ import annotations

import base64
import stat
from typing import Any

from aiohttp import web
from dulwich.errors import NotTreeError
from dulwich.object_store import tree_lookup_path
from dulwich.objects import S_ISGITLINK, Blob, ObjectID, Tree
from dulwich.repo import Repo as GitRepo

from ..answers import ApiError, json_answer, not_found
from ..git import read
from ..git.write import commit_of
from ..model import Repo
from ..world import World, world_of
from .common import find_repo, for_repo


def routes() -> list[web.RouteDef]:
    return [
        *for_repo("GET", "/contents", get_contents),
        *for_repo("GET", "/contents/{path:.*}", get_contents),
        *for_repo("GET", "/git/trees/{ref:.+}", get_tree),
    ]


async def get_contents(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    path = request.match_info.get("path", "").strip("/")
    with world.git.open(repo) as git:
        sha = read.resolve(git, request.query.get("ref", repo.default_branch))
        if sha is None:
            raise ApiError(404, f"No commit found for the ref {request.query.get('ref', repo.default_branch)}")
        found = _lookup(git, commit_of(git, sha).tree, path)
        if isinstance(found, Blob):
            if "raw" in request.headers.get("Accept", ""):
                return web.Response(body=found.as_raw_string(), content_type="application/vnd.github.raw+json")
            return json_answer(
                {**_entry(world, repo, path, found.id.decode(), "file", len(found.data)), **_coded(found)}
            )
        listed = [
            _entry(world, repo, f"{path}/{name.decode('utf-8', 'replace')}".strip("/"), one.decode(), kind, size)
            for name, one, kind, size in _children(git, found)
        ]
        return json_answer(listed)


def _lookup(git: GitRepo, tree: ObjectID, path: str) -> Blob | Tree:
    try:
        sha = tree_lookup_path(git.__getitem__, tree, path.encode())[1] if path else tree
        found = git[sha]
    except (KeyError, NotTreeError) as error:
        raise not_found() from error
    if not isinstance(found, Blob | Tree):
        raise not_found()
    return found


def _children(git: GitRepo, tree: Tree) -> list[tuple[bytes, ObjectID, str, int]]:
    words = {"tree": "dir", "commit": "submodule", "blob": "file"}
    found = []
    for name, mode, sha in tree.items():
        size = len(git[sha].as_raw_string()) if _kind(mode) == "blob" else 0
        found.append((name, sha, words[_kind(mode)], size))
    return found


def _kind(mode: int) -> str:
    if S_ISGITLINK(mode):
        return "commit"
    return "tree" if stat.S_ISDIR(mode) else "blob"


def _coded(blob: Blob) -> dict[str, str]:
    return {"content": base64.encodebytes(blob.data).decode(), "encoding": "base64"}


def _entry(world: World, repo: Repo, path: str, sha: str, kind: str, size: int) -> dict[str, Any]:
    api, html = f"{world.api_url}/repos/{world.state.full_name(repo)}", f"{world.url}/{world.state.full_name(repo)}"
    url, page_url, git_url = (
        f"{api}/contents/{path}",
        f"{html}/blob/{repo.default_branch}/{path}",
        f"{api}/git/blobs/{sha}",
    )
    return {
        "type": kind,
        "name": path.rsplit("/", 1)[-1],
        "path": path,
        "sha": sha,
        "size": size,
        "url": url,
        "html_url": page_url,
        "git_url": git_url,
        "download_url": None,
        "_links": {"self": url, "html": page_url, "git": git_url},
    }


async def get_tree(request: web.Request) -> web.Response:
    world, repo = world_of(request), find_repo(request, "contents")
    api = f"{world.api_url}/repos/{world.state.full_name(repo)}/git"
    with world.git.open(repo) as git:
        sha = _tree_id(git, request.match_info["ref"])
        entries = list(_walk(git, sha, "", bool(request.query.get("recursive"))))
    listed = [{**one, "url": f"{api}/{one['type']}s/{one['sha']}"} for one in entries]
    return json_answer({"sha": sha.decode(), "url": f"{api}/trees/{sha.decode()}", "tree": listed, "truncated": False})


def _tree_id(git: GitRepo, name: str) -> ObjectID:
    commit = read.resolve(git, name)
    if commit is not None:
        return ObjectID(commit_of(git, commit).tree)
    sha = ObjectID(name.encode())
    if len(name) != 40 or sha not in git.object_store or not isinstance(git[sha], Tree):
        raise not_found()
    return sha


def _walk(git: GitRepo, sha: ObjectID, prefix: str, deep: bool) -> list[dict[str, Any]]:
    tree = git[sha]
    if not isinstance(tree, Tree):
        raise not_found()
    found: list[dict[str, Any]] = []
    for name, mode, one in tree.items():
        path = prefix + name.decode("utf-8", "replace")
        kind = _kind(mode)
        entry: dict[str, Any] = {"path": path, "mode": f"{mode:06o}", "type": kind, "sha": one.decode()}
        if kind == "blob":
            entry["size"] = len(git[one].as_raw_string())
        found.append(entry)
        if kind == "tree" and deep:
            found += _walk(git, one, f"{path}/", deep)
    return found

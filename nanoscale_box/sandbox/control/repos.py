"""Changing repositories.

`POST /_sandbox/push`
    `{repo, branch?, files?: {path: text | null | {text|base64, mode?, lfs?} | {commit}}, message?, user?, base?, to?,
    force?, delete?, fire?}` -> `{before, after}`; hooks fire unless `fire` is false; `lfs` puts a file into Git LFS,
    `commit` makes the path a submodule
`POST /_sandbox/branches`
    `{repo, branch, from?, fire?}` -> 201 `{before, after}`: a branch at another branch or commit
`POST /_sandbox/repos`
    `{owner?, name, private?, files?, description?, seed?}` -> 201 `{id, full_name}`
`POST /_sandbox/repos/{id}`
    `{rename?, transfer?, archived?, private?, disabled?, default_branch?, delete?}`: each with its event
`POST /_sandbox/statuses`
    `{repo, sha, state, context?, description?, target_url?}` -> 201 a commit status by somebody's CI
`POST /_sandbox/check-runs`
    `{repo, head_sha, name, status?, conclusion?}` -> 201 a check run by somebody's CI
`POST /_sandbox/check-suites`
    `{repo, head_sha, status, conclusion?}` -> 201 that CI's suite; one not `completed` stays open until it is said to
    be
"""

from __future__ import annotations

from aiohttp import web

from ..answers import ApiError, json_answer, no_content
from ..git import read
from ..hooks.events import installation_repositories_changed, repository_changed
from ..installing import forget_repo
from ..model import Account, Repo
from ..pushing import PushOrder, push
from ..rest.checks import add_check_run, add_check_suite
from ..rest.feedback import add_status
from ..samples import add_repo
from ..shapes.accounts import simple_user
from ..world import World, world_of
from .answers import PREFIX, account_named, convert, order_of, repo_named

PUSH_FIELDS = ("branch", "files", "message", "user", "base", "to", "force", "delete", "fire")


def routes() -> list[web.RouteDef]:
    return [
        web.post(PREFIX + "/push", post_push),
        web.post(PREFIX + "/branches", post_branch),
        web.post(PREFIX + "/repos", create_repo),
        web.post(PREFIX + "/repos/{repo_id}", change_repo),
        web.post(PREFIX + "/statuses", post_status),
        web.post(PREFIX + "/check-runs", post_check_run),
        web.post(PREFIX + "/check-suites", post_check_suite),
    ]


async def post_push(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "repo", *PUSH_FIELDS)
    repo = repo_named(world, data.pop("repo", None))
    result = await push(world, repo, convert(data, PushOrder))
    return json_answer({"before": result.before, "after": result.after, "repo_id": repo.id})


async def post_branch(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "repo", "branch", "from", "fire")
    repo = repo_named(world, data.get("repo"))
    with world.git.open(repo) as git:
        source = read.resolve(git, str(data.get("from", repo.default_branch)))
    if source is None:
        raise ApiError(422, f"There is nothing called {data.get('from')!r} to branch from.")
    order = PushOrder(branch=str(data["branch"]), to=source, fire=bool(data.get("fire", True)))
    result = await push(world, repo, order)
    return json_answer({"before": result.before, "after": result.after, "repo_id": repo.id}, 201)


async def create_repo(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "owner", "name", "private", "files", "description", "seed")
    owner, name = account_named(world, data.get("owner", "ada")), str(data.get("name", ""))
    if not name or world.state.repo(f"{owner.login}/{name}") is not None:
        raise ApiError(422, f"The name {name!r} is empty or taken on {owner.login}.")
    private, seed = bool(data.get("private", True)), str(data.get("seed", "empty"))
    repo = add_repo(
        world.state, owner, name, world.clock.now(), private=private, seed=seed, description=data.get("description")
    )
    if data.get("files"):
        await push(world, repo, convert({"files": data["files"], "message": "First version", "fire": False}, PushOrder))
    repository_changed(world, repo, "created", owner)
    for installation in world.state.installations.values():
        if world.state.covers(installation, repo):
            installation_repositories_changed(world, installation, [repo], [], owner)
    return json_answer({"id": repo.id, "full_name": world.state.full_name(repo)}, 201)


async def change_repo(request: web.Request) -> web.Response:
    world = world_of(request)
    fields = ("rename", "transfer", "archived", "private", "disabled", "default_branch", "delete")
    data = await order_of(request, *fields)
    repo = repo_named(world, request.match_info["repo_id"])
    by = world.state.owner(repo)
    if data.get("delete"):
        delete_repo(world, repo, by)
        return no_content()
    for field in fields:
        if field in data:
            _change(world, repo, by, field, data[field])
    repo.updated_at = world.clock.now()
    return json_answer({"id": repo.id, "full_name": world.state.full_name(repo)})


def _change(world: World, repo: Repo, by: Account, field: str, value: object) -> None:
    match field:
        case "rename":
            rename(world, repo, by, str(value))
        case "transfer":
            transfer(world, repo, by, account_named(world, value))
        case "archived":
            repo.archived = bool(value)
            repository_changed(world, repo, "archived" if value else "unarchived", by)
        case "private":
            repo.private = bool(value)
            repository_changed(world, repo, "privatized" if value else "publicized", by)
        case "disabled":
            repo.disabled = bool(value)
        case "default_branch":
            old, repo.default_branch = repo.default_branch, str(value)
            world.git.set_head(repo)
            repository_changed(world, repo, "edited", by, {"default_branch": {"from": old}})
        case _:
            raise ApiError(422, f"A repository has no {field} to change.")


def rename(world: World, repo: Repo, by: Account, name: str) -> None:
    """The old name leads to the repository until another takes it."""
    state, old = world.state, world.state.full_name(repo)
    if state.repo(f"{state.owner(repo).login}/{name}") not in (None, repo):
        raise ApiError(422, f"The name {name} is taken.")
    was, repo.name = repo.name, name
    state.old_names.pop(state.full_name(repo).casefold(), None)
    state.old_names[old.casefold()] = repo.id
    repository_changed(world, repo, "renamed", by, {"repository": {"name": {"from": was}}})


def transfer(world: World, repo: Repo, by: Account, to: Account) -> None:
    """Installations follow the account: those on the old one lose the repository, those on the new one may gain it."""
    state = world.state
    old_owner, old_name = state.owner(repo), state.full_name(repo)
    losing = [one for one in state.installations.values() if state.covers(one, repo)]
    forget_repo(world, repo.id)
    repo.owner_id = to.id
    state.old_names[old_name.casefold()] = repo.id
    changes = {"owner": {"from": {"user": simple_user(world, old_owner)}}}
    repository_changed(world, repo, "transferred", by, changes)
    for installation in losing:
        installation_repositories_changed(world, installation, [], [repo], by)
    for installation in state.installations.values():
        if state.covers(installation, repo):
            installation_repositories_changed(world, installation, [repo], [], by)


def delete_repo(world: World, repo: Repo, by: Account) -> None:
    state = world.state
    repository_changed(world, repo, "deleted", by)
    for installation in state.installations.values():
        if state.covers(installation, repo):
            installation_repositories_changed(world, installation, [], [repo], by)
    forget_repo(world, repo.id)
    for hook in state.hooks_of(repo.id):
        del state.hooks[hook.id]
    state.old_names = {name: number for name, number in state.old_names.items() if number != repo.id}
    del state.repos[repo.id]
    world.git.forget(repo)


async def post_status(request: web.Request) -> web.Response:
    world, data = (
        world_of(request),
        await order_of(request, "repo", "sha", "state", "context", "description", "target_url"),
    )
    repo = repo_named(world, data.get("repo"))
    creator = simple_user(world, world.state.owner(repo))
    return json_answer(add_status(world, repo, str(data.get("sha")), data, creator), 201)


async def post_check_run(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "repo", "head_sha", "name", "status", "conclusion")
    if not data.get("head_sha") or not data.get("name"):
        raise ApiError(422, "A check run has a name and a head_sha.")
    return json_answer(add_check_run(world, repo_named(world, data.get("repo")), data, None), 201)


async def post_check_suite(request: web.Request) -> web.Response:
    world, data = world_of(request), await order_of(request, "repo", "head_sha", "status", "conclusion")
    if data.get("status") not in ("queued", "in_progress", "completed"):
        raise ApiError(422, "A check suite is queued, in_progress or completed.")
    repo, sha = repo_named(world, data.get("repo")), str(data.get("head_sha"))
    return json_answer(add_check_suite(world, repo, sha, data["status"], data.get("conclusion")), 201)

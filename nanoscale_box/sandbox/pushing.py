"""A push from inside the sandbox: commits files to a branch and fires the hooks, as a person's `git push` would."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypedDict

from dulwich.errors import RefFormatError
from dulwich.repo import Repo as GitRepo

from .answers import ApiError
from .git import read
from .git.http import login_of, person_of
from .git.write import FileChange, Signature, commit_files, commit_of, content_of, drop_branch, move_branch
from .hooks.pushes import pusher_of, refs_moved
from .model import NO_COMMIT, Repo
from .principals import Principal
from .shapes.accounts import bot_user, simple_user
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class PushOrder:
    """What to push.

    `files` become one commit on the branch's head, or on `base`; with `force` on its head's parent, so that the old
    head is left behind.
    A file whose mapping has `lfs` goes to Git LFS, and its pointer into the commit. `to` moves the branch to a commit
    that exists, `delete` removes it, `fire=False` tells nobody.
    """

    branch: str = "main"
    files: Mapping[str, FileChange] = field(default_factory=dict)
    message: str = "Update"
    user: str = "ada"
    base: str | None = None
    to: str | None = None
    force: bool = False
    delete: bool = False
    fire: bool = True


class PushFields(TypedDict, total=False):
    """`PushOrder` but for its branch, as keyword arguments."""

    files: Mapping[str, FileChange]
    message: str
    user: str
    base: str | None
    to: str | None
    force: bool
    delete: bool
    fire: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class PushResult:
    """Where the branch was and where it is; forty zeros stand for nowhere."""

    before: str
    after: str


async def push(world: World, repo: Repo, order: PushOrder) -> PushResult:
    account = world.state.account(order.user)
    if account is None:
        raise ApiError(422, f"There is no account {order.user} in the sandbox.")
    order = replace(order, files={path: _by_lfs(world, repo, change) for path, change in order.files.items()})
    by = Signature(name=account.name, email=account.email or "nobody@example.com", when=world.clock.now())
    async with world.git_door.locks[repo.id]:
        with world.git.open(repo) as git:
            before = read.refs(git)
            old = read.head(git, order.branch)
            try:
                new = _carry_out(git, repo, order, old, by)
            except RefFormatError as error:
                raise ApiError(422, f"Git allows no branch called {order.branch!r}.") from error
            after = read.refs(git)
    if order.fire:
        refs_moved(world, repo, before, after, pusher_of(account), simple_user(world, account))
    return PushResult(before=old or NO_COMMIT, after=new)


def _by_lfs(world: World, repo: Repo, change: FileChange) -> FileChange:
    if change is None or isinstance(change, str) or "lfs" not in change:
        return change
    return world.lfs.put(repo.id, content_of(change)[0])


def _carry_out(git: GitRepo, repo: Repo, order: PushOrder, old: str | None, by: Signature) -> str:
    if order.delete:
        if old is None:
            raise ApiError(422, f"There is no branch {order.branch} to delete.")
        drop_branch(git, order.branch)
        return NO_COMMIT
    if order.to is not None:
        if not read.has_commit(git, order.to):
            raise ApiError(422, f"There is no commit {order.to} to move the branch to.")
        move_branch(git, order.branch, order.to)
        return order.to
    parent = order.base or old or read.head(git, repo.default_branch)
    if order.force and order.base is None and parent is not None:
        parents = commit_of(git, parent).parents
        parent = parents[0].decode() if parents else None
    new = commit_files(git, parent, order.files, order.message, by)
    move_branch(git, order.branch, new)
    return new


async def pushed_over_http(
    world: World, repo: Repo, before: dict[str, str], after: dict[str, str], principal: Principal
) -> None:
    """What follows a real `git push`: the same events, signed with whoever's token was used."""
    person = person_of(world, principal)
    if person is not None:
        refs_moved(world, repo, before, after, pusher_of(person), simple_user(world, person))
        return
    app = world.state.apps[principal.app_id] if principal.app_id is not None else None
    if app is not None:
        pusher = {"name": login_of(world, principal), "email": None}
        refs_moved(world, repo, before, after, pusher, bot_user(world, app))

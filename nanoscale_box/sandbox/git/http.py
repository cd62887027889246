"""Git over smart HTTP at `/OWNER/NAME.git`, with Basic auth as GitHub asks for it."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus

from aiohttp import web

from .. import access
from ..answers import ApiError
from ..faults import TRUNCATE_AFTER
from ..model import Account, AccountId, Repo, RepoId
from ..principals import AuthKind, Principal, identify
from ..settings import GitBackend
from ..world import PRINCIPAL, World, world_of
from . import read
from .backend import RECEIVE_PACK, SERVICES, Backend, GitAnswer, GitCall
from .backend_c import CGit, git_program
from .backend_dulwich import DulwichGit

PushWatcher = Callable[[World, Repo, dict[str, str], dict[str, str], Principal], Awaitable[None]]


@dataclass(slots=True, kw_only=True)
class GitDoor:
    """The chosen backend, one lock per repository for pushes, and who wants to hear of them."""

    backend: Backend
    pushed: PushWatcher
    locks: defaultdict[RepoId, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))


def choose_backend(wanted: GitBackend) -> Backend:
    """C git where it is wanted or found, else dulwich."""
    program = git_program()
    match wanted:
        case GitBackend.DULWICH:
            return DulwichGit()
        case GitBackend.GIT if program is None:
            raise FileNotFoundError(
                "The git backend needs the program git, which is not on PATH. Install it or choose dulwich."
            )
        case _:
            return CGit(program=program) if program is not None else DulwichGit()


def routes() -> list[web.RouteDef]:
    found = []
    for base in ("/{owner}/{name}.git", "/{owner}/{name}"):
        found.append(web.get(base + "/info/refs", info_refs))
        found += [web.post(f"{base}/{service}", service_call) for service in SERVICES]
    return found


async def info_refs(request: web.Request) -> web.StreamResponse:
    service = request.query.get("service", "")
    if service not in SERVICES:
        return _refusal(403, "Please upgrade your git client. The sandbox speaks smart HTTP only.")
    return await _serve(request, service, advertise=True)


async def service_call(request: web.Request) -> web.StreamResponse:
    return await _serve(request, request.path.rsplit("/", 1)[1], advertise=False)


async def _serve(request: web.Request, service: str, *, advertise: bool) -> web.StreamResponse:
    world = world_of(request)
    try:
        principal = identify(world.state, request.headers.get("Authorization"), request.remote or "", world.clock.now())
        request[PRINCIPAL] = principal
        repo = _find(world, request, principal, service)
    except ApiError as error:
        return _refusal(error.status, error.message, error.headers)
    call = GitCall(
        folder=world.git.ready(repo),
        service=service,
        advertise=advertise,
        protocol=request.headers.get("Git-Protocol", ""),
        content_type=request.headers.get("Content-Type", ""),
        user=principal.limit_key,
        body=request.content.iter_any(),
    )
    if service != RECEIVE_PACK or advertise:
        return await _stream(request, await world.git_door.backend.answer(call))
    async with world.git_door.locks[repo.id]:
        before = _refs(world, repo)
        answer = await _whole(await world.git_door.backend.answer(call))
        await world.git_door.pushed(world, repo, before, _refs(world, repo), principal)
    return await _stream(request, answer)


def _refs(world: World, repo: Repo) -> dict[str, str]:
    with world.git.open(repo) as git:
        return read.refs(git)


def _find(world: World, request: web.Request, principal: Principal, service: str) -> Repo:
    """The repository, if this asker may use it so; otherwise the refusal git clients get from GitHub."""
    state, level = world.state, "write" if service == RECEIVE_PACK else "read"
    name = f"{request.match_info['owner']}/{request.match_info['name']}"
    repo = state.repo(name)
    moved = None if repo is not None else state.renamed_repo(name)
    found = repo or moved
    if principal.kind is AuthKind.NONE and (found is None or found.private or level == "write"):
        raise _sign_in("Authentication required.")
    if found is None or not access.may(state, principal, found, "contents", "read"):
        raise ApiError(404, "Repository not found.")
    if moved is not None:
        tail = request.rel_url.raw_path_qs.split("/", 3)[3]
        raise ApiError(301, "Moved", headers={"Location": f"{world.url}/{state.full_name(moved)}.git/{tail}"})
    if not access.may(state, principal, found, "contents", level):
        raise ApiError(403, f"Permission to {state.full_name(found)}.git denied to {login_of(world, principal)}.")
    if level == "write" and found.archived:
        raise ApiError(403, "This repository was archived so it is read-only.")
    return found


def _sign_in(text: str) -> ApiError:
    return ApiError(401, text, headers={"WWW-Authenticate": 'Basic realm="GitHub"'})


def _refusal(status: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    found = dict(headers or {})
    if status == HTTPStatus.UNAUTHORIZED:
        found.setdefault("WWW-Authenticate", 'Basic realm="GitHub"')
    return web.Response(status=status, text=text + "\n", headers=found)


def login_of(world: World, principal: Principal) -> str:
    """The name a push or a status is signed with: a person's login, or the App's with `[bot]` behind it."""
    if principal.user_id is not None:
        return world.state.accounts[principal.user_id].login
    app = world.state.apps.get(principal.app_id) if principal.app_id is not None else None
    return f"{app.slug}[bot]" if app is not None else "ghost"


def person_of(world: World, principal: Principal) -> Account | None:
    return world.state.accounts.get(principal.user_id or AccountId(0))


async def _whole(answer: GitAnswer) -> GitAnswer:
    """The answer to a push, kept until git is done, so that whoever reads it knows that the hooks have been fired."""
    try:
        body = b"".join([chunk async for chunk in answer.chunks])
    finally:
        await answer.close()
    return GitAnswer(status=answer.status, headers=answer.headers, chunks=_once(body), close=_nothing)


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _nothing() -> None:
    """There is no more to close."""


async def _stream(request: web.Request, answer: GitAnswer) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    left = request.get(TRUNCATE_AFTER)
    try:
        await response.prepare(request)
        async for chunk in answer.chunks:
            if left is not None and len(chunk) >= left:
                await response.write(chunk[:left])
                hang_up(request)
                return response
            left = None if left is None else left - len(chunk)
            await response.write(chunk)
        await response.write_eof()
    except ConnectionResetError:
        return response  # the client has heard enough
    finally:
        await answer.close()
    return response


def hang_up(request: web.Request) -> None:
    """Close the connection in the middle of whatever was being said."""
    if request.transport is not None:
        request.transport.close()

"""Real git over real HTTP for tests: repositories on disk, `git http-backend` behind aiohttp, and crafted servers."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
import signal
import stat
import subprocess
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web
from dulwich.objects import Blob, Commit, ObjectID, ShaFile, Tree
from dulwich.refs import Ref
from dulwich.repo import Repo

from nanoscale_box.core.model import Sha

GIT_ENV = {
    "PATH": os.environ["PATH"],
    "HOME": "/nonexistent",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.org",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Node = Mapping[bytes, "tuple[int, bytes | Node]"]
"""A folder for `raw_commit`: names to mode and content; for a submodule the content is its commit in hex."""


def git(folder: Path, *args: str, data: bytes | None = None) -> str:
    """Runs C git in a folder; gives what it prints, without the last line end."""
    done = subprocess.run(["git", *args], cwd=folder, env=GIT_ENV, input=data, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    return done.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


@dataclass(slots=True)
class Repository:
    """A bare repository that a server offers, and a work tree to commit from."""

    bare: Path
    work: Path

    def commit(self, files: Mapping[str, bytes | None], *, branch: str = "main", message: str = "a change") -> Sha:
        """Writes (or with None removes) files in the work tree, commits and pushes them; gives the commit."""
        heads = git(self.work, "for-each-ref", "--format=%(refname:short)", "refs/heads").splitlines()
        if branch in heads:
            git(self.work, "checkout", "-q", branch)
        else:
            git(self.work, "checkout", "-q", "-b", branch)
        for name, content in files.items():
            path = self.work / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if content is None:
                path.unlink()
            else:
                path.write_bytes(content)
        git(self.work, "add", "-A")
        git(self.work, "commit", "-q", "--allow-empty", "-m", message)
        git(self.work, "push", "-q", "-f", str(self.bare), f"refs/heads/{branch}:refs/heads/{branch}")
        return Sha(git(self.work, "rev-parse", "HEAD"))

    def head(self, ref: str = "refs/heads/main") -> Sha:
        """What a ref of the bare repository points to."""
        return Sha(git(self.bare, "rev-parse", ref))


def make_repository(root: Path, name: str) -> Repository:
    """A new, empty repository `name` below `root`."""
    bare, work = root / "served" / f"{name}.git", root / "work" / name
    bare.mkdir(parents=True)
    work.mkdir(parents=True)
    git(bare, "init", "-q", "--bare", "-b", "main")
    git(work, "init", "-q", "-b", "main")
    return Repository(bare, work)


def raw_commit(bare: Path, root: Node | bytes, *, branch: bytes = b"main") -> Sha:
    """Writes a tree that git itself would not make, and a commit of it. `root` may be the raw bytes of a tree."""
    with Repo(os.fspath(bare)) as repo:
        tree = _raw_tree(repo, root)
        commit = Commit()
        commit.tree = tree
        commit.author = commit.committer = b"A <a@example.org>"
        commit.author_time = commit.commit_time = 1_700_000_000
        commit.author_timezone = commit.commit_timezone = 0
        commit.message = b"crafted"
        repo.object_store.add_object(commit)
        repo.refs[Ref(b"refs/heads/" + branch)] = commit.id
        return Sha(commit.id.decode())


def _raw_tree(repo: Repo, node: Node | bytes) -> ObjectID:
    raw = node if isinstance(node, bytes) else b""
    if not isinstance(node, bytes):
        for name, (mode, content) in node.items():
            raw += tree_entry(name, mode, _raw_entry(repo, mode, content))
    tree = ShaFile.from_raw_string(Tree.type_num, raw)
    repo.object_store.add_object(tree)
    return tree.id


def _raw_entry(repo: Repo, mode: int, content: bytes | Node) -> bytes:
    if mode == 0o160000 and isinstance(content, bytes):
        return content
    if not isinstance(content, bytes):
        return _raw_tree(repo, content)
    blob = Blob.from_string(content)
    repo.object_store.add_object(blob)
    return blob.id


def tree_entry(name: bytes, mode: int, hex_name: bytes) -> bytes:
    """One entry of a raw tree."""
    return b"%o %s\0" % (mode, name) + bytes.fromhex(hex_name.decode())


def snapshot(folder: Path) -> dict[bytes, tuple[str, bytes]]:
    """Every file and link below a folder: path to mode as git writes it, and content or target."""
    found: dict[bytes, tuple[str, bytes]] = {}
    root = os.fsencode(folder)
    for at, folders, files in os.walk(root):
        for name in [*folders, *files]:
            path = os.path.join(at, name)
            info = os.lstat(path)
            relative = os.path.relpath(path, root)
            if stat.S_ISLNK(info.st_mode):
                found[relative] = ("120000", os.readlink(path))
            elif stat.S_ISREG(info.st_mode):
                with open(path, "rb") as file:
                    found[relative] = ("100755" if info.st_mode & 0o111 else "100644", file.read())
    return found


def git_snapshot(bare: Path, sha: str) -> dict[bytes, tuple[str, bytes]]:
    """The same as git tells it."""
    found = {}
    listing = subprocess.run(
        ["git", "ls-tree", "-r", "-z", sha], cwd=bare, env=GIT_ENV, capture_output=True, check=True
    ).stdout
    for line in listing.split(b"\0")[:-1]:
        meta, path = line.split(b"\t", 1)
        mode, _, name = meta.decode().split()
        blob = subprocess.run(
            ["git", "cat-file", "blob", name], cwd=bare, env=GIT_ENV, capture_output=True, check=True
        ).stdout
        found[path] = (mode, blob)
    return found


@dataclass(slots=True)
class GitServer:
    """Where repositories are served, which token they ask for, and what was requested."""

    root: Path
    url: str = ""
    token: str | None = None
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Authorization header of each request."""
    redirects: dict[str, str] = field(default_factory=dict)
    """First path segments that are sent elsewhere."""
    hold: asyncio.Event | None = None
    """While it is unset, packs are begun and then held back."""
    holding: asyncio.Event = field(default_factory=asyncio.Event)

    def address(self, name: str) -> str:
        """The clone URL of a repository."""
        return f"{self.url}/{name}.git"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answers as a git server does."""
        asked = request.headers.get("Authorization")
        self.requests.append((request.method, request.path_qs, asked))
        first = request.path.split("/")[1]
        if first in self.redirects:
            raise web.HTTPFound(self.redirects[first] + request.path_qs.removeprefix(f"/{first}"))
        if self.token is not None:
            wanted = "Basic " + base64.b64encode(f"x-access-token:{self.token}".encode()).decode()
            if asked is None:
                raise web.HTTPUnauthorized(headers={"WWW-Authenticate": "Basic"})
            if asked != wanted:
                raise web.HTTPForbidden
        if not (self.root / first).is_dir():
            raise web.HTTPNotFound
        return await self._backend(request)

    async def _backend(self, request: web.Request) -> web.StreamResponse:
        process = await asyncio.create_subprocess_exec(
            *("git", "-c", "uploadpack.allowFilter=true", "http-backend"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env={
                **GIT_ENV,
                "GIT_PROJECT_ROOT": str(self.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REQUEST_METHOD": request.method,
                "PATH_INFO": request.path,
                "QUERY_STRING": request.query_string,
                "CONTENT_TYPE": request.headers.get("Content-Type", ""),
                "GIT_PROTOCOL": request.headers.get("Git-Protocol", ""),
                "REMOTE_ADDR": "127.0.0.1",
            },
            limit=1 << 20,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        body = await request.read()
        process.stdin.write(body)
        process.stdin.close()
        response = web.StreamResponse()
        while (line := (await process.stdout.readline()).rstrip(b"\r\n")) != b"":
            name, _, value = line.decode().partition(": ")
            if name == "Status":
                response.set_status(int(value.split()[0]))
            else:
                response.headers[name] = value
        await response.prepare(request)
        try:
            while data := await process.stdout.read(1 << 16):
                await response.write(data)
                if self.hold is not None and b"command=fetch" in body:
                    self.holding.set()
                    await self.hold.wait()
            await response.write_eof()
        except (ConnectionResetError, asyncio.CancelledError):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its own children hold its pipes
            await process.stdout.read()
        await process.wait()
        return response


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[str]:
    """Serves a handler on a free loopback port; gives the URL."""
    app = web.Application(client_max_size=1 << 26)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def git_server(root: Path) -> AsyncIterator[GitServer]:
    """A server for the repositories made below `root`."""
    server = GitServer(root / "served")
    async with served(server.handle) as url:
        server.url = url
        yield server


def line(data: bytes) -> bytes:
    """A pkt-line."""
    return b"%04x" % (len(data) + 4) + data


def banded(pack: bytes, *, progress: bytes = b"") -> bytes:
    """A protocol v2 answer with a pack."""
    chunks = [line(b"\x02" + progress)] if progress else []
    chunks += [line(b"\x01" + pack[at : at + 60000]) for at in range(0, len(pack), 60000)]
    return line(b"packfile\n") + b"".join(chunks) + b"0000"


class CraftedServer:
    """Speaks just enough of protocol v2 to hand out an answer of the test's own."""

    def __init__(self, sha: str, answer: bytes | Handler) -> None:
        self._sha = sha
        self._answer = answer

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Capabilities, one ref, then the crafted answer."""
        if request.method == "GET":
            body = line(b"version 2\n") + line(b"ls-refs\n") + line(b"fetch=shallow\n")
            body += line(b"object-format=sha1\n") + b"0000"
            return web.Response(body=body, content_type="application/x-git-upload-pack-advertisement")
        if b"command=ls-refs" in await request.read():
            refs = line(f"{self._sha} refs/heads/main\n".encode()) + b"0000"
            return web.Response(body=refs, content_type="application/x-git-upload-pack-result")
        if isinstance(self._answer, bytes):
            return web.Response(body=self._answer, content_type="application/x-git-upload-pack-result")
        return await self._answer(request)


def pack_header(kind: int, size: int) -> bytes:
    """The header of an object in a pack."""
    first, size = (kind << 4) | (size & 15), size >> 4
    raw = b""
    while size:
        raw += bytes([first | 0x80])
        first, size = size & 0x7F, size >> 7
    return raw + bytes([first])


def pack_object(kind: int, content: bytes, *, size: int | None = None, base: bytes = b"") -> bytes:
    """An object of a pack; `size` overrides what its header declares, `base` names a delta's base."""
    return pack_header(kind, len(content) if size is None else size) + base + zlib.compress(content)


def make_pack(*objects: bytes, count: int | None = None) -> bytes:
    """A pack with a right checksum."""
    raw = b"PACK" + (2).to_bytes(4, "big") + (len(objects) if count is None else count).to_bytes(4, "big")
    raw += b"".join(objects)
    return raw + hashlib.sha1(raw, usedforsecurity=False).digest()


def name_of(kind: bytes, content: bytes) -> bytes:
    """The hex name git gives an object."""
    raw = kind + b" %d\0" % len(content) + content
    return hashlib.sha1(raw, usedforsecurity=False).hexdigest().encode()


def commit_text(tree: bytes) -> bytes:
    """The content of a commit of a tree."""
    return b"tree %s\nauthor A <a@e> 1700000000 +0000\ncommitter A <a@e> 1700000000 +0000\n\ncrafted\n" % tree


def varint(number: int) -> bytes:
    """A size as deltas carry it."""
    raw = b""
    while number > 0x7F:
        raw, number = raw + bytes([number & 0x7F | 0x80]), number >> 7
    return raw + bytes([number])

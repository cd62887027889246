"""Git over HTTP, with both backends, by dulwich's client and by C git."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, cast

import aiohttp
import pytest
from dulwich.client import HttpGitClient
from dulwich.errors import GitProtocolError
from dulwich.porcelain import clone
from dulwich.refs import Ref
from dulwich.repo import Repo

from nanoscale_box.sandbox import GitBackend, Sandbox, Settings
from nanoscale_box.sandbox.git.http import choose_backend
from tests.needs import needs
from tests.sandbox.actors import MANIFEST, Client, Receiver, basic, shared_keys
from tests.sandbox.conftest import Connected

if TYPE_CHECKING:
    from dulwich.client import GeneratePackDataFunc

FEATURE = Ref(b"refs/heads/feature/x")
ADA = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
WRITE = {"contents": "write", "repository_hooks": "write"}


@pytest.fixture(params=list(GitBackend)[1:])
async def connected(request: pytest.FixtureRequest, tmp_path: Path, inbox: Receiver) -> AsyncIterator[Connected]:
    """As the usual fixture, once for each backend and with an App that may push."""
    if request.param is GitBackend.GIT:
        needs("git")
    settings = Settings(home=tmp_path / "sandbox", git_backend=request.param)
    async with Sandbox(home=settings.home, settings=settings) as sandbox, aiohttp.ClientSession() as session:
        manifest = {**MANIFEST, "default_permissions": WRITE, "hook_attributes": {"url": f"{inbox.url}/app"}}
        app = await sandbox.register_app(manifest, keys=shared_keys())
        installation = sandbox.install(app)
        await sandbox.settled()
        inbox.received.clear()
        client = Client(sandbox=sandbox, session=session)
        yield Connected(client=client, app=app, installation=installation, inbox=inbox)


def git_environment(home: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1"}


async def git(home: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """C git with a home of its own and nobody to ask."""
    return await asyncio.to_thread(
        subprocess.run,
        ["git", *words],
        cwd=cwd or home,
        env=git_environment(home),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def with_token(sandbox: Sandbox, token: str, name: str = "ada/hello") -> str:
    return f"{sandbox.url}/{name}.git".replace("://", f"://x-access-token:{token}@")


async def test_the_chosen_backend_answers(connected: Connected) -> None:
    world = connected.client.sandbox.world
    assert world.git_door.backend.name == world.settings.git_backend


async def test_dulwich_fetches_one_commit(connected: Connected, tmp_path: Path) -> None:
    sandbox, token = connected.client.sandbox, await connected.token(permissions={"contents": "read"})

    def fetch() -> bytes:
        source = HttpGitClient(sandbox.url, username="x-access-token", password=token)
        sha = source.get_refs(b"/ada/hello.git").refs[FEATURE]
        assert sha is not None
        with Repo.init_bare(str(tmp_path / "bare"), mkdir=True) as bare:
            source.fetch(b"/ada/hello.git", bare, determine_wants=lambda refs, depth=None: [sha], depth=1)
            assert sha in bare.object_store
            return sha

    sha = await asyncio.to_thread(fetch)
    with sandbox.world.git.open(sandbox.state.repos[next(iter(sandbox.state.repos))]) as origin:
        assert origin.refs[FEATURE] == sha


async def test_dulwich_pushes(connected: Connected, tmp_path: Path) -> None:
    sandbox, token = connected.client.sandbox, await connected.token()

    def push() -> None:
        source = HttpGitClient(sandbox.url, username="x-access-token", password=token)
        with clone(f"{sandbox.url}/ada/website.git", str(tmp_path / "copy"), bare=True) as copy:
            head = copy.refs[Ref(b"refs/heads/main")]
            pack = cast("GeneratePackDataFunc", copy.generate_pack_data)
            source.send_pack(b"/ada/website.git", lambda _: {Ref(b"refs/heads/new"): head}, pack)

    await asyncio.to_thread(push)
    await sandbox.settled()
    (event,) = connected.inbox.of("push")
    assert event.payload["ref"] == "refs/heads/new"
    assert event.payload["created"] is True
    assert event.payload["sender"]["login"] == f"{connected.app.slug}[bot]"


async def test_c_git_clones_and_pushes(connected: Connected, tmp_path: Path) -> None:
    needs("git")
    sandbox, token = connected.client.sandbox, await connected.token()
    url, copy = with_token(sandbox, token), tmp_path / "copy"
    shallow = ("--depth", "1") if sandbox.settings.git_backend is GitBackend.GIT else ()
    cloned = await git(tmp_path, "clone", "-q", *shallow, url, str(copy))
    assert cloned.returncode == 0, cloned.stderr
    (copy / "page.txt").write_text("pushed by git\n")
    await git(tmp_path, *ADA, "commit", "-qam", "x", cwd=copy)
    pushed = await git(tmp_path, "push", "-q", "origin", "HEAD:main", cwd=copy)
    assert pushed.returncode == 0, pushed.stderr
    await sandbox.settled()
    (event,) = connected.inbox.of("push")
    assert event.payload["head_commit"]["modified"] == ["page.txt"]
    assert event.payload["forced"] is False
    reply = await connected.client.call("GET", "/repos/ada/hello/commits/main", token)
    assert reply.json["sha"] == event.payload["after"]


async def test_a_person_pushes_tags_and_deletes_a_branch(connected: Connected, tmp_path: Path) -> None:
    needs("git")
    sandbox = connected.client.sandbox
    ada = sandbox.state.account("ada")
    assert ada is not None
    copy = tmp_path / "copy"
    await git(tmp_path, "clone", "-q", with_token(sandbox, ada.personal_token or ""), str(copy))
    for name in ("v1", "v2", "v3"):
        await git(tmp_path, *ADA, "tag", "-a", "-m", name, name, cwd=copy)
    pushed = await git(tmp_path, "push", "-q", "--tags", "origin", ":feature/x", cwd=copy)
    assert pushed.returncode == 0, pushed.stderr
    await sandbox.settled()
    facts = {one.payload["ref"]: one.payload for one in connected.inbox.of("push")}
    assert facts.keys() == {"refs/heads/feature/x", "refs/tags/v1", "refs/tags/v2", "refs/tags/v3"}
    assert facts["refs/heads/feature/x"]["deleted"] is True
    assert facts["refs/tags/v1"]["pusher"]["name"] == "ada"
    for name in ("w1", "w2", "w3", "w4"):
        await git(tmp_path, "tag", name, cwd=copy)
    connected.inbox.received.clear()
    await git(tmp_path, "push", "-q", "--tags", cwd=copy)
    await sandbox.settled()
    assert not connected.inbox.of("push")


async def test_any_commit_by_its_id(connected: Connected, tmp_path: Path) -> None:
    """What GitHub allows and C git's backend with it; dulwich's serves only what refs point at."""
    needs("git")
    sandbox, token = connected.client.sandbox, await connected.token()
    if sandbox.settings.git_backend is GitBackend.DULWICH:
        old = (await sandbox.push("ada/hello", branch="feature/x", files={"a": "a"}, fire=False)).after
    else:
        old = (await sandbox.push("ada/hello", files={"a": "a"}, force=True, fire=False)).before
    await git(tmp_path, "init", "-q", "empty")
    fetched = await git(tmp_path, "fetch", "-q", "--depth=1", with_token(sandbox, token), old, cwd=tmp_path / "empty")
    assert fetched.returncode == 0, fetched.stderr


async def test_without_the_right_credentials(connected: Connected) -> None:
    client, url = connected.client, connected.client.sandbox.url
    refs = "/info/refs?service=git-upload-pack"
    asked = await client.fetch("GET", f"{url}/ada/hello.git{refs}")
    assert (asked.status, asked.headers["WWW-Authenticate"]) == (401, 'Basic realm="GitHub"')
    assert (await client.fetch("GET", f"{url}/ada/missing.git{refs}")).status == 401
    wrong = await client.fetch("GET", f"{url}/ada/hello.git{refs}", headers=basic("x-access-token", "ghs_wrong"))
    assert wrong.status == 401
    api = client.sandbox.state.repo("ada/api")
    assert api is not None
    elsewhere = await connected.token(repository_ids=[api.id])
    headers = basic("x-access-token", elsewhere)
    assert (await client.fetch("GET", f"{url}/ada/hello.git{refs}", headers=headers)).status == 404
    assert (await client.fetch("GET", f"{url}/ada/missing.git{refs}", headers=headers)).status == 404
    assert (await client.fetch("GET", f"{url}/ada/api{refs}", headers=headers)).status == 200
    assert (await client.fetch("GET", f"{url}/ada/website.git{refs}")).status == 200
    without = basic("x-access-token", await connected.token(permissions={"repository_hooks": "read"}))
    assert (await client.fetch("GET", f"{url}/ada/hello.git{refs}", headers=without)).status == 404
    assert (await client.fetch("GET", f"{url}/ada/website.git/info/refs")).status == 403


async def test_who_may_push(connected: Connected) -> None:
    client, url = connected.client, connected.client.sandbox.url
    refs = "/info/refs?service=git-receive-pack"
    assert (await client.fetch("GET", f"{url}/ada/website.git{refs}")).status == 401
    reading = basic("x-access-token", await connected.token(permissions={"contents": "read"}))
    assert (await client.fetch("GET", f"{url}/ada/hello.git{refs}", headers=reading)).status == 403
    writing = basic("x-access-token", await connected.token())
    assert (await client.fetch("GET", f"{url}/ada/hello.git{refs}", headers=writing)).status == 200
    eve = client.sandbox.state.account("eve")
    assert eve is not None
    hers = basic("eve", eve.personal_token or "")
    assert (await client.fetch("GET", f"{url}/ada/website.git{refs}", headers=hers)).status == 403
    website = client.sandbox.state.repo("ada/website")
    assert website is not None
    website.archived = True
    assert (await client.fetch("GET", f"{url}/ada/website.git{refs}", headers=writing)).status == 403


async def test_suspended_and_revoked(connected: Connected) -> None:
    client, url = connected.client, connected.client.sandbox.url
    path, token = f"{url}/ada/hello.git/info/refs?service=git-upload-pack", await connected.token()
    assert (await client.fetch("GET", path, headers=basic("x-access-token", token))).status == 200
    await client.control("POST", f"installations/{connected.installation.id}", {"action": "suspend"})
    assert (await client.fetch("GET", path, headers=basic("x-access-token", token))).status == 403
    await client.control("POST", f"installations/{connected.installation.id}", {"action": "unsuspend"})
    await client.call("DELETE", "/installation/token", token)
    assert (await client.fetch("GET", path, headers=basic("x-access-token", token))).status == 401


async def test_a_renamed_repository_moves_the_clone(connected: Connected, tmp_path: Path) -> None:
    needs("git")
    client, token = connected.client, await connected.token()
    hello = client.sandbox.state.repo("ada/hello")
    assert hello is not None
    await client.control("POST", f"repos/{hello.id}", {"rename": "bonjour"})
    listed = await git(tmp_path, "ls-remote", with_token(client.sandbox, token))
    assert "refs/heads/main" in listed.stdout, listed.stderr
    path = f"{client.sandbox.url}/ada/hello.git/info/refs?service=git-upload-pack"
    moved = await client.fetch("GET", path, headers=basic("x-access-token", token))
    assert (moved.status, moved.headers["Location"]) == (301, path.replace("hello", "bonjour"))


async def test_a_pack_that_ends_too_soon(connected: Connected, tmp_path: Path) -> None:
    client, token = connected.client, await connected.token()
    fault = {"match": {"path": "hello.git/git-upload-pack"}, "kind": "truncate", "bytes": 40, "times": None}
    await client.control("POST", "faults", fault)
    number = count()

    def fetch() -> None:
        source = HttpGitClient(client.sandbox.url, username="x-access-token", password=token)
        with Repo.init_bare(str(tmp_path / f"bare{next(number)}"), mkdir=True) as bare:
            source.fetch(b"/ada/hello.git", bare)

    with pytest.raises(GitProtocolError):
        await asyncio.to_thread(fetch)
    await client.control("DELETE", "faults")
    await asyncio.to_thread(fetch)


async def test_protocol_two_where_c_git_answers(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    path = f"{client.sandbox.url}/ada/hello.git/info/refs?service=git-upload-pack"
    headers = {**basic("x-access-token", token), "Git-Protocol": "version=2"}
    reply = await client.fetch("GET", path, headers=headers)
    assert ("version 2" in reply.text) == (client.sandbox.settings.git_backend is GitBackend.GIT)
    assert reply.headers["Content-Type"] == "application/x-git-upload-pack-advertisement"


def test_a_wanted_git_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(FileNotFoundError, match="needs the program git"):
        choose_backend(GitBackend.GIT)
    assert choose_backend(GitBackend.AUTO).name == "dulwich"

"""Submodules and Git LFS against a GitHub that serves both: fetched whole and checked, or refused in a sentence."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from nanoscale_box.adapters.git import GitSource
from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.core.errors import BoxError, Code
from nanoscale_box.core.model import DeploymentId, ProjectId, Release, Sha
from nanoscale_box.core.secret import Secret
from nanoscale_box.core.urls import check_clone_url
from nanoscale_box.engine.ports import Remote
from nanoscale_box.sandbox.samples import add_repo
from nanoscale_box.sandbox.server import Sandbox
from tests.adapters.git_fixtures import GitServer, git_server, make_repository, served, snapshot
from tests.needs import needs

ATTRIBUTES = "*.bin filter=lfs diff=lfs merge=lfs -text\n"
LARGE = bytes(range(256)) * 5000
LIMITS = GitLimits(max_files=500, max_bytes=30 << 20, stall_seconds=10.0, wall_seconds=60.0)


class Home:
    """A source, and where its checkouts go."""

    def __init__(self, folder: Path, sandbox: Sandbox, limits: GitLimits = LIMITS) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self.lines: list[str] = []
        self.source = GitSource(folder / "mirrors", lambda release: folder / "releases" / release.deployment_id, limits)

    def remote(self, name: str) -> Remote:
        """A public repository of ada's."""
        url = f"{self.sandbox.url}/ada/{name}.git"
        return Remote(url=url, cache_key=name, beside=self._beside)

    @asynccontextmanager
    async def _beside(self, url: str) -> AsyncIterator[Remote]:
        asked = check_clone_url(url, hosts=[self.sandbox.url.removeprefix("http://")], development=True)
        yield Remote(url=asked.url, cache_key=asked.path.replace("/", "-"), beside=self._beside)

    async def checkout(self, name: str, sha: str, number: int = 1) -> Path:
        """Check out into a release of its own."""
        release = Release(project_id=ProjectId("p"), deployment_id=DeploymentId(f"d{number}"))
        await self.source.checkout(self.remote(name), "main", Sha(sha), release, self.lines.append)
        return self.folder / "releases" / f"d{number}"

    async def refused(self, name: str, sha: str) -> BoxError:
        """Check out and see it refused, with nothing left."""
        with pytest.raises(BoxError) as wrong:
            await self.checkout(name, sha)
        self.is_clean()
        assert wrong.value.detail.isprintable() and wrong.value.hint
        return wrong.value

    def is_clean(self) -> None:
        """Nothing half done lies anywhere."""
        releases = self.folder / "releases"
        assert not releases.exists() or list(releases.iterdir()) == []
        assert list((self.folder / "mirrors").rglob("tmp_*")) == []


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    needs("git")
    async with Sandbox(tmp_path / "sandbox") as found:
        yield found


@pytest.fixture
async def home(tmp_path: Path, sandbox: Sandbox) -> AsyncIterator[Home]:
    home = Home(tmp_path / "home", sandbox)
    yield home
    await home.source.close()


async def push(sandbox: Sandbox, name: str, files: dict[str, Any]) -> str:
    """Push to a public repository of ada's, new or not; the commit."""
    if sandbox.state.repo(f"ada/{name}") is None:
        ada = sandbox.state.account("ada")
        assert ada is not None
        add_repo(sandbox.state, ada, name, sandbox.clock.now(), private=False)
    return (await sandbox.push(f"ada/{name}", files=files)).after


def modules(**urls: str) -> str:
    """A `.gitmodules`."""
    return "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, url in urls.items())


async def test_submodules_are_fetched_those_of_submodules_too(home: Home, sandbox: Sandbox) -> None:
    inner = await push(sandbox, "inner", {"deep.txt": "deep"})
    lib = await push(
        sandbox, "lib", {"lib.py": "1", ".gitmodules": modules(inner="../inner.git"), "inner": {"commit": inner}}
    )
    files = {
        "app.py": "app",
        "libs.part/kept": "a name like the box's own",
        ".gitmodules": modules(libs="../lib.git", other=f"{sandbox.url}/ada/lib"),
        "libs": {"commit": lib},
        "other": {"commit": lib},
        "to-lib": {"text": "libs/lib.py", "mode": "120000"},
    }
    sha = await push(sandbox, "app", files)
    folder = await home.checkout("app", sha)
    found = {path.decode(): content for path, (_, content) in snapshot(folder).items() if b".gitmodules" not in path}
    assert found == {
        "app.py": b"app",
        "libs.part/kept": b"a name like the box's own",
        "libs/lib.py": b"1",
        "libs/inner/deep.txt": b"deep",
        "other/lib.py": b"1",
        "other/inner/deep.txt": b"deep",
        "to-lib": b"libs/lib.py",
    }
    assert [path.name for path in (home.folder / "releases").iterdir()] == ["d1"]
    assert any(line.startswith("Submodule libs/inner at ") for line in home.lines)
    home.source.prepare("app")
    await home.source.prepared()
    assert len(list((home.folder / "mirrors").glob("*/spare/manifest"))) == 3
    assert snapshot(await home.checkout("app", sha, 2)) == snapshot(folder)
    home.source.prepare("app")
    await home.source.prepared()
    await home.source.forget("app")
    assert list((home.folder / "mirrors").iterdir()) == []


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("--upload-pack=touch /tmp/x", "address"),
        ("ext::sh -c touch% /tmp/x", "https"),
        ("file:///etc", "https"),
        ("https://evil.example/a/b", "hosts"),
        ("https://169.254.169.254/a/b", "hosts"),
        ("https://user:ghp_0123456789abcdefghij0123@127.0.0.1/a/b", "token"),
        ("../../../../etc", "leads out"),
        ("../nobody.git", "no such repository"),
    ],
)
async def test_submodules_from_elsewhere(home: Home, sandbox: Sandbox, url: str, word: str) -> None:
    sha = await push(sandbox, "app", {"f": "x", ".gitmodules": modules(lib=url), "lib": {"commit": "1" * 40}})
    error = await home.refused("app", sha)
    assert error.code in {Code.SOURCE_REFUSED, Code.SOURCE_DENIED}
    assert "lib" in error.detail and word in error.detail
    assert "ghp_" not in error.detail
    if error.code is Code.SOURCE_DENIED:
        assert "Contents: read" in error.hint


async def test_submodules_without_an_address_without_a_commit_and_without_end(home: Home, sandbox: Sandbox) -> None:
    lost = await push(sandbox, "lost", {"f": "x", "lib": {"commit": "1" * 40}})
    assert "lib is not in .gitmodules" in (await home.refused("lost", lost)).detail
    lib = await push(sandbox, "lib", {"f": "x"})
    gone = await push(sandbox, "gone", {".gitmodules": modules(lib="../lib.git"), "lib": {"commit": "1" * 40}})
    assert "no longer has the commit 1111111111" in (await home.refused("gone", gone)).detail
    for level in range(7):
        files = {".gitmodules": modules(lib="../lib.git"), "lib": {"commit": lib}, "level": str(level)}
        lib = await push(sandbox, "lib", files)
    assert "5 submodules deep" in (await home.refused("lib", lib)).detail


async def test_a_link_that_leaves_by_way_of_a_submodule(home: Home, sandbox: Sandbox) -> None:
    lib = await push(sandbox, "lib", {"here": {"text": ".", "mode": "120000"}, "sub/f": "x"})
    out = {"text": "lib/here/sub/../../../..", "mode": "120000"}
    sha = await push(sandbox, "app", {".gitmodules": modules(lib="../lib.git"), "lib": {"commit": lib}, "a/b/out": out})
    folder = await home.checkout("app", sha)
    assert (folder / "a/b/out").is_symlink(), "from this deep it stays within"
    out["text"] = "lib/here/sub/../../.."
    sha = await push(sandbox, "app", {"a/b/out": None, "out": out})
    with pytest.raises(BoxError) as wrong:
        await home.checkout("app", sha, 2)
    assert "leaves the checkout" in wrong.value.detail
    assert [path.name for path in (home.folder / "releases").iterdir()] == ["d1"]


async def test_the_budget_is_one_for_all_parts(tmp_path: Path, sandbox: Sandbox) -> None:
    lib = await push(sandbox, "lib", {f"{number}.txt": "x" for number in range(30)})
    files = {".gitmodules": modules(a="../lib.git", b="../lib.git"), "a": {"commit": lib}, "b": {"commit": lib}}
    sha = await push(sandbox, "app", files)
    home = Home(tmp_path / "home", sandbox, GitLimits(max_files=50))
    try:
        error = await home.refused("app", sha)
    finally:
        await home.source.close()
    assert error.code is Code.SOURCE_TOO_LARGE and "submodule b" in error.detail


async def test_cancelling_amid_submodules_leaves_nothing(home: Home, sandbox: Sandbox) -> None:
    lib = await push(sandbox, "lib", {"f": "x"})
    sha = await push(sandbox, "app", {".gitmodules": modules(lib="../lib.git"), "lib": {"commit": lib}})
    opened = asyncio.Event()

    @asynccontextmanager
    async def never(url: str) -> AsyncIterator[Remote]:
        opened.set()
        await asyncio.Event().wait()
        yield home.remote("lib")

    remote = Remote(url=f"{sandbox.url}/ada/app.git", cache_key="app", beside=never)
    release = Release(project_id=ProjectId("p"), deployment_id=DeploymentId("d1"))
    working = asyncio.create_task(home.source.checkout(remote, "main", Sha(sha), release, home.lines.append))
    await opened.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    home.is_clean()


async def test_lfs_files_are_fetched_once(home: Home, sandbox: Sandbox) -> None:
    large = {"base64": _base64(LARGE), "lfs": "true"}
    files = {
        ".gitattributes": ATTRIBUTES,
        "a.bin": large,
        "deep/same.bin": large,
        "run.bin": {"text": "#!/bin/sh\n", "lfs": "true"},
        "plain.txt": "plain",
    }
    sha = await push(sandbox, "app", files)
    folder = await home.checkout("app", sha)
    assert (folder / "a.bin").read_bytes() == (folder / "deep/same.bin").read_bytes() == LARGE
    assert (folder / "run.bin").read_text() == "#!/bin/sh\n"
    assert any(line.startswith("Git LFS: 2 files, 1.2 MiB") for line in home.lines), home.lines
    (folder / "a.bin").write_bytes(b"a build wrote over it")
    second = await push(sandbox, "app", {"plain.txt": "more", "run.bin": None})
    assert (await home.checkout("app", second, 2) / "a.bin").read_bytes() == LARGE
    asked = [one["path"] for one in sandbox.state.requests if "lfs" in str(one["path"])]
    assert len([path for path in asked if "/_lfs/" in str(path)]) == 2, "what is here is not asked for again"
    kept = list((home.folder / "mirrors" / "app" / "lfs").iterdir())
    assert [path.name for path in kept] == [hashlib.sha256(LARGE).hexdigest()]


async def test_lfs_files_that_are_missing_or_others(home: Home, sandbox: Sandbox) -> None:
    sha = await push(sandbox, "app", {".gitattributes": ATTRIBUTES, "a.bin": {"text": "large", "lfs": "true"}})
    (stored,) = sandbox.world.lfs.objects.values()
    (oid,) = stored
    stored[oid] = b"other"
    assert "a.bin in Git LFS is missing" in (await home.refused("app", sha)).detail
    stored.clear()
    error = await home.refused("app", sha)
    assert "does not have it (Object does not exist on the server)" in error.detail
    assert "git lfs push" in error.hint


async def test_an_lfs_file_over_the_budget(home: Home, sandbox: Sandbox) -> None:
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'1' * 64}\nsize {40 << 20}\n"
    sha = await push(sandbox, "app", {".gitattributes": ATTRIBUTES, "a.bin": pointer})
    assert (await home.refused("app", sha)).code is Code.SOURCE_TOO_LARGE
    huge = pointer.replace(str(40 << 20), "99999999999")
    sha = await push(sandbox, "app", {"a.bin": huge})
    assert (await home.refused("app", sha)).code is Code.SOURCE_TOO_LARGE


TOKEN = "ghs_" + "Abc123" * 8


@asynccontextmanager
async def lfs_server(tmp_path: Path, href: Callable[[str], str]) -> AsyncIterator[tuple[GitServer, Sha, list[Any]]]:
    """A git server whose LFS answers lead to `href`, made from the address of another server; what that one heard."""
    made = make_repository(tmp_path / "remote", "app")
    content = b"large file"
    oid = hashlib.sha256(content).hexdigest()
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(content)}\n"
    sha = made.commit({".gitattributes": ATTRIBUTES.encode(), "a.bin": pointer.encode()})
    heard: list[Any] = []

    async def other(request: web.Request) -> web.StreamResponse:
        heard.append(request.headers.get("Authorization"))
        return web.Response(body=content)

    async with git_server(tmp_path / "remote") as server, served(other) as elsewhere:
        inner, server.token = server.handle, TOKEN

        async def outer(request: web.Request) -> web.StreamResponse:
            if not request.path.endswith("/objects/batch"):
                return await inner(request)
            told = {"oid": oid, "size": len(content), "actions": {"download": {"href": href(elsewhere)}}}
            return web.Response(text=json.dumps({"objects": [told]}), content_type="application/vnd.git-lfs+json")

        async with served(outer) as url:
            server.url = url
            yield server, sha, heard


@pytest.mark.parametrize(
    "href",
    [
        "{elsewhere}/file",
        "https://127.0.0.1:{port}/file",
        "https://127.1:{port}/file",
        "https://0x7f000001:{port}/file",
        "https://2130706433:{port}/file",
        "https://[::ffff:127.0.0.1]:{port}/file",
        "https://localhost:{port}/file",
        "https://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/file",
        "file:///etc/passwd",
        "ftp://127.0.0.1/file",
        "https://user:pass@example.org/file",
    ],
)
async def test_lfs_addresses_that_are_not_followed(tmp_path: Path, href: str) -> None:
    needs("git")

    def made(elsewhere: str) -> str:
        return href.format(elsewhere=elsewhere, port=elsewhere.rpartition(":")[2])

    async with lfs_server(tmp_path, made) as (server, sha, heard):
        source = GitSource(tmp_path / "mirrors", lambda release: tmp_path / "release", LIMITS)
        remote = Remote(url=server.address("app"), cache_key="k", token=Secret(TOKEN))
        release = Release(project_id=ProjectId("p"), deployment_id=DeploymentId("d1"))
        try:
            with pytest.raises(BoxError) as wrong:
                await source.checkout(remote, "main", sha, release, lambda line: None)
        finally:
            await source.close()
    assert wrong.value.code is Code.SOURCE_REFUSED, wrong.value.detail
    assert "a.bin" in wrong.value.detail
    assert heard == []
    assert not (tmp_path / "release").exists() and not (tmp_path / "release.part").exists()


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()

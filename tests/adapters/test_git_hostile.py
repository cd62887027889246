"""Trees, packs and servers made to do harm: each ends in a sentence, within its limits, and leaves nothing."""

from __future__ import annotations

import asyncio
import itertools
import os
import subprocess
import zlib
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from aiohttp import web

from nanoscale_box.adapters.git import GitSource
from nanoscale_box.adapters.git_limits import GIB, MIB, GitLimits
from nanoscale_box.core.errors import TRIED_AGAIN, BoxError, Code, Fault
from nanoscale_box.core.model import DeploymentId, ProjectId, Release, Sha
from nanoscale_box.engine.ports import Remote
from tests.adapters.git_fixtures import (
    CraftedServer,
    GitServer,
    Handler,
    Node,
    banded,
    commit_text,
    git_server,
    git_snapshot,
    line,
    make_pack,
    make_repository,
    name_of,
    pack_header,
    pack_object,
    raw_commit,
    served,
    snapshot,
    tree_entry,
    varint,
)
from tests.needs import lacking, needs, needs_root

RELEASE = Release(project_id=ProjectId("p"), deployment_id=DeploymentId("d1"))
LIMITS = GitLimits(
    max_files=2_000,
    max_bytes=600 * MIB,
    max_object_bytes=450 * MIB,
    max_pack_bytes=8 * MIB,
    max_refs_bytes=MIB,
    memory=GIB,
    wall_seconds=30.0,
    head_seconds=10.0,
    stall_seconds=10.0,
)
ENDLESS = replace(LIMITS, wall_seconds=600.0, head_seconds=600.0, stall_seconds=600.0)
"""For a test of one limit of time: if it did not hold, nothing else would end the fetch before pytest does."""
FILE, PROGRAM, LINK, FOLDER, SUBMODULE = 0o100644, 0o100755, 0o120000, 0o040000, 0o160000
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"a" * 64 + b"\nsize 12345\n"


class Target:
    """A home that is attacked, in one worker for all cases of a test that have the same limits."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.lines: list[str] = []
        self._sources: dict[GitLimits, GitSource] = {}
        self._mirrors = itertools.count(1)

    def source(self, limits: GitLimits) -> GitSource:
        """The home's source with these limits."""
        if limits not in self._sources:
            self._sources[limits] = GitSource(self.home / "mirrors", lambda release: self.folder, limits)
        return self._sources[limits]

    @property
    def folder(self) -> Path:
        """Where a checkout goes."""
        return self.home / "releases" / "d1"

    async def checkout(self, url: str, sha: Sha, limits: GitLimits = LIMITS) -> Path:
        """Checks out by way of a mirror in which nothing lies yet; gives the folder."""
        remote = Remote(url=url, cache_key=f"k{next(self._mirrors)}")
        await self.source(limits).checkout(remote, "main", sha, RELEASE, self.lines.append)
        return self.folder

    async def close(self) -> None:
        """Ends the workers."""
        for source in self._sources.values():
            await source.close()

    async def refused(self, url: str, sha: Sha, limits: GitLimits = LIMITS) -> BoxError:
        """Checks out, and sees that it ends in a sentence and leaves nothing."""
        with pytest.raises(BoxError) as refused:
            await self.checkout(url, sha, limits)
        error = refused.value
        assert error.code is not Code.INTERNAL, error.detail
        assert error.detail.isprintable() and error.hint
        releases = self.home / "releases"
        assert not releases.exists() or list(releases.iterdir()) == []
        assert list(self.home.rglob("tmp_*")) == []
        assert [path.name for path in self.home.iterdir() if path.name not in {"mirrors", "releases"}] == []
        return error


@pytest.fixture
async def target(tmp_path: Path) -> AsyncIterator[Target]:
    """A home."""
    (tmp_path / "home").mkdir()
    target = Target(tmp_path / "home")
    yield target
    await target.close()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitServer]:
    """A real git server; it serves what is in its repositories, whatever that is."""
    needs("git")
    async with git_server(tmp_path / "remote") as server:
        yield server


async def offer(server: GitServer, tree: Node | bytes) -> tuple[str, Sha]:
    """Puts a crafted tree on the server, as the one branch's next commit."""
    bare = server.root / "bad.git"
    if not bare.exists():
        make_repository(server.root.parent, "bad")
    return server.address("bad"), raw_commit(bare, tree)


async def test_names_that_are_refused(target: Target, server: GitServer, subtests: pytest.Subtests) -> None:
    for mode, name in itertools.product([FILE, FOLDER], [b".git", b"..", b"", b"/etc", b"link/foo", b"n" * 300]):
        with subtests.test(name=name, mode=oct(mode)):
            inside: bytes | Node = b"x" if mode == FILE else {b"config": (FILE, b"x")}
            url, sha = await offer(server, {b"ok": (FILE, b"1"), b"sub": (FOLDER, {name: (mode, inside)})})
            error = await target.refused(url, sha)
            assert error.code is Code.SOURCE_REFUSED


async def test_odd_names_that_are_fine(target: Target, server: GitServer) -> None:
    tree: Node = {
        b"A": (FILE, b"upper"),
        b"a": (FILE, b"lower"),
        b"bad\xff\xfeutf8": (FILE, b"1"),
        b"esc\x1b[2J": (FILE, b"2"),
        b"new\nline": (PROGRAM, b"3"),
        b"n" * 255: (FILE, b"4"),
        b".gitx": (FILE, b"5"),
        b"git~2": (FILE, b"6"),
        b"-rf": (FILE, b"7"),
        b"$(id)": (FILE, b"8"),
        b"old": (0o100664, b"9"),
        b"back\\slash": (FILE, b"10"),
        b"...": (FILE, b"11"),
    }
    url, sha = await offer(server, tree)
    found = snapshot(await target.checkout(url, sha))
    assert {path: content for path, (_, content) in found.items()} == {name: one for name, (_, one) in tree.items()}
    assert found[b"new\nline"][0] == "100755"
    assert all(text.isprintable() for text in target.lines)


async def test_what_a_name_says_is_inert_in_the_sentence(target: Target, server: GitServer) -> None:
    url, sha = await offer(server, {b"\x1b]52;c;x\x07\n[/bold]": (FOLDER, {b"..": (FILE, b"x")})})
    error = await target.refused(url, sha)
    assert "[/bold]" in error.detail
    assert "\x1b" not in error.detail and "\n" not in error.detail


async def test_modes_that_are_refused(target: Target, server: GitServer, subtests: pytest.Subtests) -> None:
    for mode in (0o104755, 0o010644, 0o020666, 0o060000, 0o140000, 0o100600, 0o777, 0, 0o120777):
        with subtests.test(mode=oct(mode)):
            url, sha = await offer(server, {b"odd": (mode, b"x")})
            assert (await target.refused(url, sha)).code is Code.SOURCE_REFUSED


LINKS: list[dict[bytes, bytes]] = [
    {b"l": b"/etc/passwd"},
    {b"l": b"../../../../../../etc/passwd"},
    {b"a": b"sub/deep", b"l": b"a/../../.."},
    {b"round": b"round"},
    {b"l": b"x" * 5000},
]


async def test_links_that_are_refused(target: Target, server: GitServer, subtests: pytest.Subtests) -> None:
    for links in LINKS:
        with subtests.test(links=repr(links)[:80]):
            tree: dict[bytes, tuple[int, bytes | Node]] = {name: (LINK, to) for name, to in links.items()}
            tree[b"sub"] = (FOLDER, {b"deep": (FOLDER, {b"f": (FILE, b"x")})})
            url, sha = await offer(server, tree)
            assert (await target.refused(url, sha)).code is Code.SOURCE_REFUSED


async def test_links_that_are_fine(target: Target, server: GitServer) -> None:
    inner: Node = {b"up": (LINK, b".."), b"file": (LINK, b"../f"), b"via": (LINK, b"up/sub/file"), b"x": (FILE, b"x")}
    tree: Node = {
        b"f": (FILE, b"x"),
        b"here": (LINK, b"."),
        b"nowhere": (LINK, b"not/there"),
        b"sub": (FOLDER, inner),
        b"to-sub": (LINK, b"./sub//x"),
    }
    url, sha = await offer(server, tree)
    folder = await target.checkout(url, sha)
    assert snapshot(folder) == git_snapshot(server.root / "bad.git", sha)


async def test_a_link_and_a_folder_of_one_name(target: Target, server: GitServer) -> None:
    made = make_repository(server.root.parent, "bad")
    outside = target.home.parent / "outside"
    outside.mkdir()
    inner = raw_commit(made.bare, {b"evil": (FILE, b"x")}, branch=b"inner")
    link = raw_commit(made.bare, {b"d": (LINK, os.fsencode(outside))}, branch=b"link")
    tree_of = {sha: _tree(made.bare, sha) for sha in (inner, link)}
    entry = tree_of[link]
    raw = entry + tree_entry(b"d", FOLDER, _hex(made.bare, f"{inner}^{{tree}}"))
    sha = raw_commit(made.bare, raw)
    error = await target.refused(server.address("bad"), sha)
    assert error.code is Code.SOURCE_REFUSED
    assert list(outside.iterdir()) == []


def _hex(bare: Path, what: str) -> bytes:
    from tests.adapters.git_fixtures import git

    return git(bare, "rev-parse", what).encode()


def _tree(bare: Path, sha: str) -> bytes:
    import subprocess

    return subprocess.run(["git", "cat-file", "tree", sha], cwd=bare, capture_output=True, check=True).stdout


async def test_folders_nested_too_deep(target: Target, server: GitServer) -> None:
    url, sha = await offer_deep(server, 1_300)
    error = await target.refused(url, sha)
    assert "deep" in error.detail


async def offer_deep(server: GitServer, depth: int) -> tuple[str, Sha]:
    """A chain of folders, made from the inside out."""
    from dulwich.objects import Blob, ObjectID, ShaFile, Tree
    from dulwich.repo import Repo

    made = make_repository(server.root.parent, "bad")
    with Repo(os.fspath(made.bare)) as repo:
        blob = Blob.from_string(b"x")
        repo.object_store.add_object(blob)
        name, raw = ObjectID(blob.id), tree_entry(b"f", FILE, blob.id)
        for _ in range(depth):
            tree = ShaFile.from_raw_string(Tree.type_num, raw)
            repo.object_store.add_object(tree)
            name, raw = tree.id, tree_entry(b"d", FOLDER, tree.id)
        assert name
    return server.address("bad"), raw_commit(made.bare, raw)


async def test_a_tree_bomb(target: Target, server: GitServer) -> None:
    """Ten folders of ten links to the folder below, ten levels: ten thousand million files in eleven trees."""
    from dulwich.objects import Blob, ShaFile, Tree
    from dulwich.repo import Repo

    made = make_repository(server.root.parent, "bad")
    with Repo(os.fspath(made.bare)) as repo:
        blob = Blob.from_string(b"boom")
        repo.object_store.add_object(blob)
        raw = b"".join(tree_entry(b"f%d" % number, FILE, blob.id) for number in range(10))
        for _ in range(10):
            tree = ShaFile.from_raw_string(Tree.type_num, raw)
            repo.object_store.add_object(tree)
            raw = b"".join(tree_entry(b"d%d" % number, FOLDER, tree.id) for number in range(10))
    sha = raw_commit(made.bare, raw)
    error = await target.refused(server.address("bad"), sha)  # whoever walked them all would never come back
    assert error.code is Code.SOURCE_TOO_LARGE
    assert "2,000 files" in error.detail


async def test_one_blob_in_many_places_counts_each_time(target: Target, server: GitServer) -> None:
    url, sha = await offer(server, {b"f%d" % number: (FILE, bytes(MIB)) for number in range(50)})
    error = await target.refused(url, sha, replace(LIMITS, max_bytes=20 * MIB))
    assert error.code is Code.SOURCE_TOO_LARGE
    assert "20 MiB" in error.detail


async def test_submodules_are_a_sentence(target: Target, server: GitServer) -> None:
    url, sha = await offer(
        server,
        {
            b".gitmodules": (FILE, b'[submodule "x"]\n\tpath = lib\r\n\turl = --upload-pack=touch /tmp/x\n'),
            b"lib": (SUBMODULE, b"1" * 40),
        },
    )
    error = await target.refused(url, sha)
    assert error.code is Code.SOURCE_REFUSED
    assert "the submodule lib cannot be fetched" in error.detail


async def test_lfs_pointers_are_never_deployed(target: Target, server: GitServer) -> None:
    attributes = b"*.bin filter=lfs diff=lfs merge=lfs -text\n"
    assets: Node = {b".gitattributes": (FILE, attributes), b"a.bin": (FILE, POINTER)}
    url, sha = await offer(server, {b"assets": (FOLDER, assets), b"x": (FILE, b"x")})
    error = await target.refused(url, sha)
    assert error.code is Code.SOURCE_REFUSED
    assert "assets/a.bin in Git LFS is missing" in error.detail


async def test_text_that_looks_like_a_pointer_is_text(target: Target, server: GitServer) -> None:
    url, sha = await offer(server, {b"doc.txt": (FILE, POINTER), b".gitattributes": (FILE, b"* text=auto\n")})
    folder = await target.checkout(url, sha)
    assert (folder / "doc.txt").read_bytes() == POINTER


async def test_attributes_change_nothing(target: Target, server: GitServer) -> None:
    attributes = b"*.txt text eol=crlf ident filter=evil export-subst\nsecret export-ignore\n"
    url, sha = await offer(
        server, {b".gitattributes": (FILE, attributes), b"a.txt": (FILE, b"$Id$\n"), b"secret": (FILE, b"s")}
    )
    folder = await target.checkout(url, sha)
    assert snapshot(folder) == git_snapshot(server.root / "bad.git", sha)


async def test_trees_that_are_none(target: Target, subtests: pytest.Subtests) -> None:
    for raw in (b"garbage", b"100644 x\0short", b"100644x\0" + b"1" * 20, b"9 x\0" + b"1" * 20):
        with subtests.test(raw=raw):
            commit = commit_text(name_of(b"tree", raw))
            pack = make_pack(pack_object(1, commit), pack_object(2, raw))
            error = await crafted(target, commit, banded(pack))
            assert error.code is Code.SOURCE_REFUSED


async def crafted(target: Target, commit: bytes, answer: bytes | Handler, limits: GitLimits = LIMITS) -> BoxError:
    """Checks out from a server that gives a crafted answer."""
    sha = name_of(b"commit", commit).decode()
    async with served(CraftedServer(sha, answer).handle) as url:
        return await target.refused(f"{url}/bad.git", Sha(sha), limits)


async def test_zeros_are_written_within_the_memory_limit(target: Target) -> None:
    zeros = _zeros(400)
    blob = name_of_zeros(400 * MIB)
    raw = tree_entry(b"zeros", FILE, blob)
    commit = commit_text(name_of(b"tree", raw))
    pack = make_pack(pack_object(1, commit), pack_object(2, raw), pack_header(3, 400 * MIB) + zeros)
    assert len(pack) < MIB
    sha = Sha(name_of(b"commit", commit).decode())
    async with served(CraftedServer(sha, banded(pack)).handle) as url:
        folder = await target.checkout(f"{url}/bad.git", sha, replace(LIMITS, memory=400 * MIB))
        assert (folder / "zeros").stat().st_size == 400 * MIB


def _zeros(mebibytes: int) -> bytes:
    """Compressed zeros: one piece, squeezed once and repeated (RFC 1950 and 1951)."""
    squeeze = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    piece = squeeze.compress(bytes(MIB)) + squeeze.flush(zlib.Z_FULL_FLUSH)
    adler = (mebibytes * MIB % 65521) << 16 | 1
    return b"\x78\xda" + piece * mebibytes + squeeze.flush() + adler.to_bytes(4, "big")


def name_of_zeros(size: int) -> bytes:
    """The name of a blob of zeros."""
    import hashlib

    naming = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    for _ in range(size // MIB):
        naming.update(bytes(MIB))
    return naming.hexdigest().encode()


async def test_zeros_over_the_budget(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))
    pack = make_pack(pack_object(1, commit), pack_header(3, 400 * MIB) + _zeros(400))
    error = await crafted(target, commit, banded(pack), replace(LIMITS, max_object_bytes=100 * MIB))
    assert error.code is Code.SOURCE_TOO_LARGE
    assert "400 MiB" in error.detail and "100 MiB" in error.detail


async def test_more_than_declared(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))
    for declared in (10, 99_999_999):
        pack = make_pack(pack_object(1, commit), pack_object(3, bytes(1000), size=declared))
        error = await crafted(target, commit, banded(pack))
        assert error.code is Code.SOURCE_REFUSED, declared


async def test_a_delta_that_declares_four_gigabytes(target: Target) -> None:
    base = b"b" * 100
    commit = commit_text(name_of(b"tree", b""))
    delta = varint(len(base)) + varint(4 * GIB) + b"\x90\x64" * 50
    pack = make_pack(
        pack_object(1, commit),
        pack_object(3, base),
        pack_object(7, delta, base=bytes.fromhex(name_of(b"blob", base).decode())),
    )
    error = await crafted(target, commit, banded(pack))
    assert error.code is Code.SOURCE_TOO_LARGE
    assert "4,096 MiB" in error.detail


async def test_deltas_that_grow_without_end(target: Target) -> None:
    """Each object is the one before it, doubled: 60 deltas would be an exabyte."""
    content = b"b" * 1000
    commit = commit_text(name_of(b"tree", b""))
    objects = [pack_object(1, commit), pack_object(3, content)]
    size = len(content)
    before = len(objects[1])
    for _ in range(60):
        copy = bytes([0xFF]) + (0).to_bytes(4, "little") + min(size, 0xFFFFFF).to_bytes(3, "little")
        delta = varint(size) + varint(2 * min(size, 0xFFFFFF)) + copy * 2
        objects.append(pack_object(6, delta, base=_distance(before)))
        before, size = len(objects[-1]), 2 * min(size, 0xFFFFFF)
    error = await crafted(target, commit, banded(make_pack(*objects)), replace(LIMITS, max_bytes=100 * MIB))
    assert error.code is Code.SOURCE_TOO_LARGE


def _distance(distance: int) -> bytes:
    """How an offset delta names its base."""
    raw = bytes([distance & 0x7F])
    while distance := distance >> 7:
        distance -= 1
        raw = bytes([0x80 | distance & 0x7F]) + raw
    return raw


async def test_packs_that_are_none(target: Target, subtests: pytest.Subtests) -> None:
    commit = commit_text(name_of(b"tree", b""))
    good = make_pack(pack_object(1, commit), pack_object(2, b""))
    unknown = b"\x11" * 20
    packs = [
        b"",
        b"not a pack at all, just some text that is long enough",
        good[:-20] + bytes(20),
        good + b"more",
        make_pack(pack_object(1, commit), count=3),
        make_pack(pack_object(1, commit), pack_object(7, b"\x05\x05\x90\x05", base=unknown)),
        make_pack(pack_object(1, commit), pack_object(6, b"\x05\x05\x90\x05", base=_distance(5000))),
        make_pack(pack_object(1, commit), b"\x50abc", pack_object(2, b"")),
        make_pack(pack_object(1, commit), b"\xb0" + b"\xff" * 30),
    ]
    for number, pack in enumerate(packs):
        with subtests.test(number=number):
            error = await crafted(target, commit, banded(pack))
            assert error.code in {Code.SOURCE_REFUSED, Code.SOURCE_UNREACHABLE, Code.SOURCE_TOO_LARGE}


async def test_a_pack_without_what_the_commit_needs(target: Target) -> None:
    raw = tree_entry(b"f", FILE, b"1" * 40)
    commit = commit_text(name_of(b"tree", raw))
    for objects in (
        [pack_object(1, commit), pack_object(2, raw)],
        [pack_object(1, commit)],
        [pack_object(2, raw)],
        [pack_object(1, commit), pack_object(3, raw)],
    ):
        error = await crafted(target, commit, banded(make_pack(*objects)))
        assert error.code is Code.SOURCE_REFUSED
        assert "pack" in error.detail


async def test_a_tree_named_as_a_file(target: Target) -> None:
    inner = tree_entry(b"f", FILE, name_of(b"blob", b"x"))
    raw = tree_entry(b"file", FILE, name_of(b"tree", inner))
    commit = commit_text(name_of(b"tree", raw))
    pack = make_pack(pack_object(1, commit), pack_object(2, raw), pack_object(2, inner), pack_object(3, b"x"))
    assert (await crafted(target, commit, banded(pack))).code is Code.SOURCE_REFUSED


async def test_objects_in_the_order_no_git_sends(target: Target) -> None:
    """Blobs first, deltas before their bases, the commit last."""
    base = b"line\n" * 50
    delta = varint(len(base)) + varint(len(base) + 3) + bytes([0x90, len(base)]) + b"\x03end"
    built = base + b"end"
    raw = tree_entry(b"a", FILE, name_of(b"blob", base)) + tree_entry(b"b", PROGRAM, name_of(b"blob", built))
    commit = commit_text(name_of(b"tree", raw))
    pack = make_pack(
        pack_object(7, delta, base=bytes.fromhex(name_of(b"blob", base).decode())),
        pack_object(3, base),
        pack_object(2, raw),
        pack_object(1, commit),
    )
    sha = Sha(name_of(b"commit", commit).decode())
    async with served(CraftedServer(sha, banded(pack)).handle) as url:
        folder = await target.checkout(f"{url}/bad.git", sha)
    assert snapshot(folder) == {b"a": ("100644", base), b"b": ("100755", built)}


@pytest.mark.parametrize("seed", range(6))
async def test_a_pack_in_any_order_ends_as_the_same_tree(target: Target, seed: int) -> None:
    blobs = {name: os.urandom(50_000) for name in (b"large", b"other")} | {b"small": b"s"}
    hexes = {name: name_of(b"blob", content) for name, content in blobs.items()}
    inner = b"".join(tree_entry(name, FILE, hexes[name]) for name in sorted(hexes))
    middle = tree_entry(b"in", FOLDER, name_of(b"tree", inner)) + tree_entry(b"run", PROGRAM, hexes[b"large"])
    root = b"".join(tree_entry(name, FOLDER, name_of(b"tree", middle)) for name in (b"a", b"b"))
    root += tree_entry(b"c", FOLDER, name_of(b"tree", inner)) + tree_entry(b"large", FILE, hexes[b"large"])
    commit = commit_text(name_of(b"tree", root))
    objects = [pack_object(3, content) for content in blobs.values()]
    objects += [pack_object(2, tree) for tree in (inner, middle, root)] + [pack_object(1, commit)]
    if seed:
        Random(seed).shuffle(objects)
    else:
        objects.reverse()
    sha = Sha(name_of(b"commit", commit).decode())
    async with served(CraftedServer(sha, banded(make_pack(*objects))).handle) as url:
        found = snapshot(await target.checkout(f"{url}/bad.git", sha))
    wanted = {b"/".join([at, name]): ("100644", blobs[name]) for at in (b"a/in", b"b/in", b"c") for name in blobs}
    program = ("100755", blobs[b"large"])
    assert found == wanted | {b"a/run": program, b"b/run": program, b"large": ("100644", blobs[b"large"])}


async def test_files_are_written_while_the_pack_still_comes(target: Target) -> None:
    first, second = os.urandom(600_000), os.urandom(600_000)
    inner = tree_entry(b"second", FILE, name_of(b"blob", second))
    root = tree_entry(b"first", FILE, name_of(b"blob", first)) + tree_entry(b"sub", FOLDER, name_of(b"tree", inner))
    commit = commit_text(name_of(b"tree", root))
    objects = [pack_object(1, commit), pack_object(2, root), pack_object(3, first), pack_object(2, inner)]
    answer = banded(make_pack(*objects, pack_object(3, second)))
    written = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        await response.prepare(request)
        await response.write(answer[:1_000_000])
        await written.wait()
        await response.write(answer[1_000_000:])
        return response

    def size(path: Path) -> int:
        return path.stat().st_size if path.exists() else 0

    sha = Sha(name_of(b"commit", commit).decode())
    async with served(CraftedServer(sha, handler).handle) as url, asyncio.TaskGroup() as tasks:
        working = tasks.create_task(target.checkout(f"{url}/bad.git", sha))
        path = target.home / "releases" / "d1.part" / "first"
        while size(path) < len(first) and not working.done():
            await asyncio.wait([working], timeout=0.01)
        written.set()
    assert snapshot(working.result()) == {b"first": ("100644", first), b"sub/second": ("100644", second)}


async def test_too_many_objects_are_refused_at_the_header(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))
    error = await crafted(target, commit, banded(make_pack(pack_object(1, commit), count=2**32 - 1)))
    assert error.code is Code.SOURCE_TOO_LARGE


async def test_a_pack_over_the_budget(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))
    pack = make_pack(pack_object(1, commit), pack_object(3, os.urandom(9 * MIB)))
    error = await crafted(target, commit, banded(pack))
    assert error.code is Code.SOURCE_TOO_LARGE
    assert "8 MiB" in error.detail


async def test_endless_progress_is_inert_and_ends(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        await response.prepare(request)
        await response.write(line(b"packfile\n"))
        while True:
            await response.write(line(b"\x02" + b"\x1b[2J\x1b]52;c;eA==\x07[/bold] \xff\n" * 500))

    error = await crafted(target, commit, endless)
    assert error.code is Code.SOURCE_TOO_LARGE
    assert 0 < len(target.lines) < 200
    assert all(text.isprintable() and len(text) <= 200 for text in target.lines)


async def test_a_million_refs(target: Target) -> None:
    async def refs(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": ADVERTISEMENT})
        await response.prepare(request)
        await response.write(line(b"# service=git-upload-pack\n") + b"0000")
        for start in range(0, 1_000_000, 1_000):
            lines = [line(b"%040x refs/heads/b%d\n" % (at, at)) for at in range(start, start + 1_000)]
            await response.write(b"".join(lines))
        await response.write(b"0000")
        return response

    error = await at_head(target, refs, replace(LIMITS, head_seconds=20.0))
    assert error.code is Code.SOURCE_TOO_LARGE


async def test_a_million_refs_where_one_was_asked_for(target: Target) -> None:
    async def refs(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": RESULT})
        await response.prepare(request)
        for start in range(0, 1_000_000, 1_000):
            lines = [line(b"%040x refs/heads/b%d\n" % (at, at)) for at in range(start, start + 1_000)]
            await response.write(b"".join(lines))
        await response.write(b"0000")
        return response

    error = await at_head(target, refs, replace(LIMITS, head_seconds=20.0))
    assert error.code is Code.SOURCE_TOO_LARGE


RESULT = "application/x-git-upload-pack-result"


NO_ANSWERS = [
    b"",
    b"zzzz",
    b"0003",
    b"fff9" + b"x" * 70000,
    line(b"ERR \x1b[2Jno\n"),
    line(b"packfile\n"),
    line(b"packfile\n") + b"zzzz",
    line(b"packfile\n") + line(b"\x03fatal: \x1b[2J\n"),
    line(b"packfile\n") + line(b"\x07odd") + b"0000",
    line(b"packfile\n") + b"0004" * 3 + b"0000",
    line(b"shallow-info\n") + b"0000",
    line(b"acknowledgments\n") + line(b"NAK\n") + b"0000",
]


async def test_answers_to_a_fetch_that_are_none(target: Target, subtests: pytest.Subtests) -> None:
    for answer in NO_ANSWERS:
        with subtests.test(answer=answer[:60]):
            error = await crafted(target, commit_text(name_of(b"tree", b"")), answer)
            assert error.code in {Code.SOURCE_REFUSED, Code.SOURCE_UNREACHABLE}, error.detail


async def at_head(target: Target, handler: Handler, limits: GitLimits = LIMITS) -> BoxError:
    """Asks a server for a branch's head and gives the error."""
    async with served(handler) as url:
        with pytest.raises(BoxError) as wrong:
            await target.source(limits).head(Remote(url=f"{url}/a/b.git", cache_key="k"), "main")
    assert wrong.value.detail.isprintable()
    return wrong.value


async def test_a_silent_server(target: Target) -> None:
    async def silent(request: web.Request) -> web.StreamResponse:
        await asyncio.Event().wait()
        raise AssertionError

    short = replace(LIMITS, stall_seconds=0.5)
    error = await at_head(target, silent, short)
    assert (error.code, error.fault) == (Code.SOURCE_TIMEOUT, Fault.NETWORK)
    assert TRIED_AGAIN in error.hint, "true of a plan, too"
    commit = commit_text(name_of(b"tree", b""))
    error = await crafted(target, commit, silent, short)
    assert (error.code, error.fault) == (Code.SOURCE_TIMEOUT, Fault.NETWORK)


async def test_a_trickling_server(target: Target) -> None:
    async def trickle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-advertisement"})
        await response.prepare(request)
        while True:
            await response.write(b"0")
            await asyncio.sleep(0.2)

    error = await at_head(target, trickle, replace(ENDLESS, head_seconds=1.5))
    assert (error.code, error.fault) == (Code.SOURCE_TIMEOUT, Fault.NETWORK)


def answers(
    status: int, body: bytes = b"", kind: str = "text/html", headers: Mapping[str, str] | None = None
) -> Handler:
    """A server that always answers the same."""

    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=body, content_type=kind, headers=headers)

    return handler


ADVERTISEMENT = "application/x-git-upload-pack-advertisement"


NO_HEADS = [
    (answers(200, b"<html>hello"), Code.SOURCE_REFUSED),
    (answers(200, b"1" * 40 + b"\trefs/heads/main\n", "text/plain"), Code.SOURCE_REFUSED),
    (answers(200, b"", ADVERTISEMENT), Code.SOURCE_UNREACHABLE),
    (answers(200, b"zzzz", ADVERTISEMENT), Code.SOURCE_REFUSED),
    (answers(200, b"ffff" + b"x" * 100, ADVERTISEMENT), Code.SOURCE_UNREACHABLE),
    (answers(200, line(b"version 9\n") + b"0000", ADVERTISEMENT), Code.SOURCE_REFUSED),
    (answers(200, line(b"ERR \x1b[2Jno entry\n"), ADVERTISEMENT), Code.SOURCE_REFUSED),
    (answers(401), Code.SOURCE_DENIED),
    (answers(403), Code.SOURCE_DENIED),
    (answers(404), Code.SOURCE_DENIED),
    (answers(418), Code.SOURCE_REFUSED),
    (answers(500), Code.SOURCE_UNREACHABLE),
    (answers(302), Code.SOURCE_REFUSED),
    (answers(302, headers={"Location": "//evil.example/x"}), Code.SOURCE_REFUSED),
]


async def test_answers_that_are_none(target: Target, subtests: pytest.Subtests) -> None:
    for number, (handler, code) in enumerate(NO_HEADS):
        with subtests.test(number=number, code=code):
            assert (await at_head(target, handler)).code is code


async def test_retry_after_is_kept(target: Target) -> None:
    error = await at_head(target, answers(429, headers={"Retry-After": "17"}))
    assert (error.code, error.retry_after, error.may_retry) == (Code.SOURCE_UNREACHABLE, 17.0, True)


async def test_a_truncated_pack_is_the_network(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))
    answer = banded(make_pack(pack_object(1, commit), pack_object(3, os.urandom(100_000))))

    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        response.content_length = len(answer)
        await response.prepare(request)
        await response.write(answer[:70_000])
        assert request.transport is not None
        request.transport.close()
        return response

    error = await crafted(target, commit, cut)
    assert (error.code, error.fault) == (Code.SOURCE_UNREACHABLE, Fault.NETWORK)


async def test_packs_from_elsewhere_are_not_fetched(target: Target) -> None:
    asked: list[str] = []

    async def elsewhere(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.Response(body=b"")

    async with served(elsewhere) as other:
        commit = commit_text(name_of(b"tree", b""))
        uris = line(b"packfile-uris\n") + line(f"{'1' * 40} {other}/pack\n".encode()) + b"0001"
        error = await crafted(target, commit, uris + banded(make_pack(pack_object(1, commit))))
    assert error.code in {Code.SOURCE_REFUSED, Code.SOURCE_UNREACHABLE}
    assert asked == []


async def test_too_little_memory_is_a_sentence(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))
    content = os.urandom(MIB)
    copy = bytes([0xFF]) + (0).to_bytes(4, "little") + MIB.to_bytes(3, "little")
    delta = varint(MIB) + varint(300 * MIB) + copy * 300
    pack = make_pack(
        pack_object(1, commit),
        pack_object(3, content),
        pack_object(7, delta, base=bytes.fromhex(name_of(b"blob", content).decode())),
    )
    error = await crafted(target, commit, banded(pack), replace(LIMITS, memory=250 * MIB))
    assert error.code is Code.SOURCE_TOO_LARGE
    assert "memory" in error.detail


async def test_too_much_computing_is_a_sentence(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))
    bomb = pack_header(3, 400 * MIB) + _zeros(400)
    limits = replace(LIMITS, cpu_seconds=1, max_bytes=100 * GIB)
    error = await crafted(target, commit, banded(make_pack(pack_object(1, commit), *[bomb] * 16)), limits)
    assert error.code is Code.SOURCE_TOO_LARGE
    assert "computing" in error.detail


async def test_the_whole_time_is_limited(target: Target) -> None:
    commit = commit_text(name_of(b"tree", b""))

    async def slow(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/x-git-upload-pack-result"})
        await response.prepare(request)
        await response.write(line(b"packfile\n"))
        while True:
            await response.write(line(b"\x02still counting\n"))
            await asyncio.sleep(0.2)

    error = await crafted(target, commit, slow, replace(ENDLESS, wall_seconds=1.5))
    assert (error.code, error.fault) == (Code.SOURCE_TIMEOUT, Fault.NETWORK)


async def test_a_full_disk_is_the_boxs_fault(target: Target, server: GitServer, small_disk: Path) -> None:
    target.home = small_disk
    url, sha = await offer(server, {b"f%d" % number: (FILE, os.urandom(MIB)) for number in range(4)})
    error = await target.refused(url, sha)
    assert (error.code, error.fault) == (Code.DISK_FULL, Fault.BOX)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MiB."""
    needs_root()
    needs("mount", "umount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "none", disk], capture_output=True, check=False)
    if mounted.returncode != 0:
        lacking("This machine does not let a test mount a file system.")
    yield disk
    subprocess.run(["umount", disk], check=True)

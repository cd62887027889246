"""Files that lie ready for the next checkout end as git's tree when taken; not whole or touched, they are not taken."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nanoscale_box.adapters import git_spare
from nanoscale_box.adapters.git_limits import GIB, GitLimits
from nanoscale_box.core.errors import BoxError
from nanoscale_box.core.model import Sha
from tests.adapters.git_box import Box, children, many, release, remote
from tests.adapters.git_fixtures import GitServer, Repository, git, git_server, git_snapshot, make_repository, snapshot
from tests.needs import needs

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 3\n"
KEY = "app-1"


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitServer]:
    needs("git")
    async with git_server(tmp_path / "remote") as server:
        yield server


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    box = Box(tmp_path / "home", GitLimits(stall_seconds=10.0, wall_seconds=30.0))
    yield box
    await box.source.close()


@pytest.fixture
def repository(tmp_path: Path, server: GitServer) -> Repository:
    made = make_repository(tmp_path / "remote", "app")
    made.commit(many(40) | {"kept": b"from the start to the end"})
    return made


def spare(box: Box) -> Path:
    """Where files lie ready."""
    return box.home / "mirrors" / KEY / "spare"


def which(file: Path) -> tuple[int, int]:
    """Which file on the disk it is; a number is given again soon, but not within the same moment."""
    found = file.stat()
    return found.st_ino, found.st_mtime_ns


async def ready(box: Box) -> tuple[int, int]:
    """Makes files ready; gives which file on the disk one of them is."""
    box.source.prepare(KEY)
    await box.source.prepared()
    return which(spare(box) / "tree" / "kept")


async def taken(box: Box, server: GitServer, repository: Repository, sha: Sha, number: int) -> tuple[int, int]:
    """Checks out, sees that it is git's tree and that nothing lies ready any more; gives which file `kept` is."""
    folder = await box.checkout(remote(server), sha, release=release(number))
    assert snapshot(folder) == git_snapshot(repository.bare, sha)
    folders = {Path(at).relative_to(folder) for at, _, _ in os.walk(folder)}
    named = git(repository.bare, "ls-tree", "-r", "-d", "--name-only", "-z", sha).split("\0")
    assert folders == {Path(one) for one in named if one} | {Path()}
    assert all(Path(at).stat().st_mode & 0o777 == 0o755 for at, _, _ in os.walk(folder))
    assert not spare(box).exists()
    return which(folder / "kept")


async def test_what_lies_ready_ends_as_the_next_commit(box: Box, server: GitServer, repository: Repository) -> None:
    files = {"folder/in/it": b"f", "plain": b"p", "pointer": POINTER, "program": b"#!/bin/sh\n", "twice1": b"twice"}
    files |= {".gitattributes": b"* text\n", "large.bin": b"\0" * (9 << 20), "gone/too": b"g", "link": b"no link yet"}
    (repository.work / "was-link").symlink_to("folder/in")
    await box.checkout(remote(server), repository.commit(files), release=release(1))
    file = await ready(box)
    assert not (spare(box) / "tree" / "was-link").is_symlink(), "no link is made before the commit is known"
    assert not (spare(box) / "tree" / "pointer").exists()
    shutil.rmtree(repository.work / "folder")
    for name in ("plain", "link", "was-link"):
        (repository.work / name).unlink()
    (repository.work / "link").symlink_to("plain")
    (repository.work / "program").chmod(0o755)
    changed: dict[str, bytes | None] = {"folder": b"a file now", "plain/below": b"a folder now", "gone/too": None}
    changed |= {"was-link/in/it": b"a folder now", "twice2": b"twice", ".gitattributes": b"*.py text\n"}
    changed |= {"dir0/file0": b"changed", "dir1/file1": None, "empty": b""}
    second = repository.commit(changed)
    assert await taken(box, server, repository, second, 2) == file
    file = await ready(box)
    third = repository.commit(dict.fromkeys(sorted(many(40))[1:], b"all of them changed"))
    assert await taken(box, server, repository, third, 3) == file, "most of it is of no use, the rest is"
    file = await ready(box)
    assert await taken(box, server, repository, third, 4) == file, "the same commit once more"
    file = await ready(box)
    assert await taken(box, server, repository, second, 5) == file, "a commit before"
    assert box.left() == ["d1", "d2", "d3", "d4", "d5"]


async def test_a_branch_of_its_own_takes_what_lies_ready_for_another(
    box: Box, server: GitServer, repository: Repository
) -> None:
    await box.checkout(remote(server), repository.head(), release=release(1))
    file = await ready(box)
    git(repository.work, "checkout", "-q", "--orphan", "other")
    git(repository.work, "rm", "-r", "-q", "-f", "dir0", "dir1")
    other = repository.commit({"dir0": b"a file", "more": b"m"}, branch="other")
    folder = await box.checkout(remote(server), other, "other", release(2))
    assert snapshot(folder) == git_snapshot(repository.bare, other)
    assert which(folder / "kept") == file


def half(folder: Path) -> None:
    """The box ended in the middle."""
    (folder / "manifest").unlink()


def cut(folder: Path) -> None:
    """The disk was full."""
    raw = (folder / "manifest").read_bytes()
    (folder / "manifest").write_bytes(raw[: len(raw) // 2])


def changed(**values: object) -> Callable[[Path], None]:
    """The manifest says something else."""

    def harm(folder: Path) -> None:
        told: dict[str, Any] = msgspec.msgpack.decode((folder / "manifest").read_bytes())
        (folder / "manifest").write_bytes(msgspec.msgpack.encode(told | values))

    harm.__name__ = "_".join(values)
    return harm


def written_over(folder: Path) -> None:
    """Same size, same time: the kernel knows."""
    kept = folder / "tree" / "kept"
    before = kept.stat()
    kept.write_bytes(b"F" + kept.read_bytes()[1:])
    os.utime(kept, ns=(before.st_atime_ns, before.st_mtime_ns))


def lost(folder: Path) -> None:
    """A file is missing."""
    (folder / "tree" / "dir1" / "file1").unlink()


def added(folder: Path) -> None:
    """A file too many."""
    (folder / "tree" / "dir1" / "more").write_bytes(b"")


def added_at_the_top(folder: Path) -> None:
    """A file too many."""
    (folder / "tree" / "more").write_bytes(b"")


def elsewhere(folder: Path) -> None:
    """A link in the place of the files."""
    (folder / "tree").rename(folder.parent / "tree")
    (folder / "tree").symlink_to(folder.parent / "tree")


def mode(folder: Path) -> None:
    """A program now."""
    (folder / "tree" / "kept").chmod(0o755)


HARMS = [half, cut, changed(boot=b"another\n"), changed(commit=b"1" * 40), changed(seal=b""), changed(wrote=b"x"),
         changed(wrote=b"x" * 28), written_over, lost, added, added_at_the_top, elsewhere, mode]  # fmt: skip


@pytest.mark.parametrize("harm", HARMS, ids=lambda harm: harm.__name__)
async def test_what_is_not_whole_or_was_touched_is_not_taken(
    box: Box, server: GitServer, repository: Repository, harm: Callable[[Path], None]
) -> None:
    await box.checkout(remote(server), repository.head(), release=release(1))
    file = await ready(box)
    harm(spare(box))
    sha = repository.commit({"one": b"more"})
    assert await taken(box, server, repository, sha, 2) != file
    assert await ready(box) != file


async def test_it_is_made_where_there_is_plenty_of_room_only(
    box: Box, server: GitServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    await box.checkout(remote(server), repository.head(), release=release(1))
    mirror = str(box.home / "mirrors" / KEY)
    git_spare.prepare(mirror, 2 * GIB, GitLimits())
    assert not spare(box).exists()
    for free, size, made in ((4 * GIB, 1, False), (6 * GIB, GIB, False), (20 * GIB, GIB, True)):
        usage = shutil.disk_usage(mirror)
        monkeypatch.setattr(shutil, "disk_usage", lambda path, free=free, usage=usage: usage._replace(free=free))
        git_spare.prepare(mirror, size, GitLimits())
        assert spare(box).exists() == made
    before = spare(box).stat().st_ino
    git_spare.prepare(mirror, 1, GitLimits())
    assert spare(box).stat().st_ino == before, "it is there already"
    git_spare.prepare(str(box.home / "mirrors" / "nobody"), 1, GitLimits())
    assert not (box.home / "mirrors" / "nobody").exists()


async def test_what_is_over_a_budget_is_not_made_ready(box: Box, server: GitServer, repository: Repository) -> None:
    await box.checkout(remote(server), repository.head(), release=release(1))
    with pytest.raises(BoxError):
        git_spare.prepare(str(box.home / "mirrors" / KEY), 1, GitLimits(max_bytes=20))
    assert not spare(box).exists()
    sha = repository.commit({"one": b"more"})
    await taken(box, server, repository, sha, 2)


def held(worker: int) -> int:
    """Stops the first process that the worker begins."""
    for _ in range(10_000):
        for pid in children(worker):
            os.kill(pid, signal.SIGSTOP)
            return pid
        time.sleep(0.001)
    raise AssertionError("the worker began nothing")


async def amid(box: Box, server: GitServer, repository: Repository) -> int:
    """Checks many files out and holds the process that makes them ready; gives its id."""
    await box.checkout(remote(server), repository.commit(many(1500)), release=release(1))
    assert box.source.worker_pid is not None
    box.source.prepare(KEY)
    return await asyncio.to_thread(held, box.source.worker_pid)


def unfinished(box: Box) -> list[str]:
    """What lies in the mirror of half a work."""
    return [path.name for path in (box.home / "mirrors").glob("*/spare*") if not (path / "manifest").exists()]


async def test_a_checkout_does_not_wait_for_what_is_being_made_ready(
    box: Box, server: GitServer, repository: Repository
) -> None:
    await amid(box, server, repository)
    sha = repository.commit({"one": b"more"})
    folder = await box.checkout(remote(server), sha, release=release(2))
    assert snapshot(folder) == git_snapshot(repository.bare, sha)
    await box.source.prepared()
    assert unfinished(box) == []
    await ready(box)
    assert await taken(box, server, repository, sha, 3)


async def test_what_is_killed_in_the_middle_leaves_nothing(box: Box, server: GitServer, repository: Repository) -> None:
    os.kill(await amid(box, server, repository), signal.SIGKILL)
    await box.source.prepared()
    assert unfinished(box) == []
    sha = repository.commit({"one": b"more"})
    await taken(box, server, repository, sha, 2)
    await amid(box, server, repository)
    await box.source.close()
    assert unfinished(box) == []


async def test_a_mirror_is_forgotten_with_all_that_lies_ready(
    box: Box, server: GitServer, repository: Repository
) -> None:
    await amid(box, server, repository)
    await box.source.forget(KEY)
    assert list((box.home / "mirrors").iterdir()) == []
    await box.checkout(remote(server), repository.head(), release=release(2))
    await ready(box)
    await box.source.forget(KEY)
    box.source.prepare(KEY)
    await box.source.prepared()
    assert list((box.home / "mirrors").iterdir()) == []

"""The git source against a real git server: heads, checkouts, refusals, cancelling, and where the token goes."""

from __future__ import annotations

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from aiohttp import web

from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.adapters.git_process import shared
from nanoscale_box.adapters.git_scribe import Scribe
from nanoscale_box.adapters.git_write import TreeWriter
from nanoscale_box.core.errors import BoxError, Code, DeployFailed, Fault, Unavailable
from nanoscale_box.core.model import Sha
from nanoscale_box.engine.ports import Remote
from tests.adapters.git_box import RELEASE, Box, children, many, release, remote
from tests.adapters.git_fixtures import (
    GitServer,
    Repository,
    git,
    git_server,
    git_snapshot,
    make_repository,
    served,
    snapshot,
)
from tests.needs import needs

TOKEN = "ghs_" + "Abc123" * 8


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[GitServer]:
    """A git server with nothing on it."""
    needs("git")
    async with git_server(tmp_path / "remote") as server:
        yield server


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """A source over a home of its own."""
    box = Box(tmp_path / "home", GitLimits(stall_seconds=10.0, wall_seconds=30.0))
    await box.source.start()
    yield box
    await box.source.close()


@pytest.fixture
def repository(tmp_path: Path, server: GitServer) -> Repository:
    """A small repository with programs, links, odd names and a binary file."""
    made = make_repository(tmp_path / "remote", "app")
    tree = made.work / "bin"
    tree.mkdir()
    (tree / "run").write_bytes(b"#!/bin/sh\nexit 0\n")
    (tree / "run").chmod(0o755)
    (made.work / "to-run").symlink_to("bin/run")
    (tree / "up").symlink_to("../sub/日本.txt")
    made.commit(
        {
            "A": b"upper",
            "a": b"lower",
            "empty": b"",
            "sub/日本.txt": "こんにちは".encode(),
            "sub/deep/er/x.bin": os.urandom(70_000),
            "with space": b"x",
            "esc\x1b[2J\nname": b"y",
            ".gitignore": b"*.log\n",
            "same1": b"same",
            "same2": b"same",
        }
    )
    return made


async def test_a_checkout_is_what_git_says(box: Box, server: GitServer, repository: Repository) -> None:
    raw_name = os.fsdecode(b"caf\xe9")
    sha = repository.commit({raw_name: b"latin"})
    folder = await box.checkout(remote(server), sha)
    assert snapshot(folder) == git_snapshot(repository.bare, sha)
    assert not (folder / ".git").exists()
    assert box.left() == ["d1"]
    assert any(line.startswith("Checked out") for line in box.lines)


async def test_branches_are_found_by_their_exact_name(box: Box, server: GitServer, repository: Repository) -> None:
    for branch in ("feature/x", "日本", "v1.2", "release-2026.11", "Main", "main-2"):
        sha = repository.commit({"branch": branch.encode()}, branch=branch)
        assert await box.source.head(remote(server), branch) == sha
        assert await box.checkout(remote(server), sha, branch) is not None
        assert (box.folder(RELEASE) / "branch").read_bytes() == branch.encode()
    assert await box.source.head(remote(server), "mai") is None
    assert await box.source.head(remote(server), "feature") is None
    assert await box.source.head(remote(server), "nope") is None


async def test_a_tag_named_like_the_branch_is_not_the_branch(
    box: Box, server: GitServer, repository: Repository
) -> None:
    first = repository.head()
    git(repository.bare, "tag", "main", first)
    git(repository.bare, "tag", "only-a-tag", first)
    second = repository.commit({"new": b"1"})
    assert await box.source.head(remote(server), "main") == second
    assert await box.source.head(remote(server), "only-a-tag") is None


async def test_the_newest_tag_is_found_with_its_commit_annotated_or_not(
    box: Box, server: GitServer, repository: Repository
) -> None:
    assert await box.source.newest_tag(remote(server), "v*") is None
    first = repository.commit({"page": b"1"})
    git(repository.bare, "tag", "v1.9", first)
    second = repository.commit({"page": b"2"})
    git(repository.bare, "-c", "user.name=A", "-c", "user.email=a@b", "tag", "-a", "-m", "x", "v1.10", second)
    git(repository.bare, "tag", "other-99", first)
    assert repository.head("refs/tags/v1.10") != second
    assert await box.source.newest_tag(remote(server), "v*") == ("v1.10", second)
    assert await box.source.newest_tag(remote(server), "v1.9") == ("v1.9", first)
    folder = await box.checkout(remote(server), second)
    assert (folder / "page").read_bytes() == b"2"


async def test_an_empty_repository_has_no_branch(box: Box, server: GitServer, tmp_path: Path) -> None:
    make_repository(tmp_path / "remote", "empty")
    assert await box.source.head(remote(server, "empty"), "main") is None


async def test_a_redeploy_fetches_only_the_difference(box: Box, server: GitServer, repository: Repository) -> None:
    await box.checkout(remote(server), repository.head(), release=release(1))
    for number in range(2, 6):
        sha = repository.commit({"sub/new.txt": b"n%d" % number, "same1": b"same %d" % number})
        box.lines.clear()
        folder = await box.checkout(remote(server), sha, release=release(number))
        assert snapshot(folder) == git_snapshot(repository.bare, sha)
        received = next(line for line in box.lines if line.startswith("Received"))
        assert int(received.split()[-2]) <= 6, received
    sha = repository.commit({"same1": None, "sub/new.txt": None})
    assert snapshot(await box.checkout(remote(server), sha, release=release(6))) == git_snapshot(repository.bare, sha)
    git(box.home / "mirrors" / "app-1", "fsck", "--full")


async def test_small_changes_to_a_large_file_come_as_deltas(
    box: Box, server: GitServer, repository: Repository
) -> None:
    text = b"".join(b"line %d of many\n" % number for number in range(20_000))
    await box.checkout(remote(server), repository.commit({"large.txt": text}), release=release(1))
    sha = repository.commit({"large.txt": text.replace(b"line 777 ", b"line seven ")})
    box.lines.clear()
    folder = await box.checkout(remote(server), sha, release=release(2))
    assert snapshot(folder) == git_snapshot(repository.bare, sha)
    packs = sorted((box.home / "mirrors" / "app-1" / "objects" / "pack").glob("*.pack"), key=os.path.getmtime)
    assert len(packs) == 2
    git(box.home / "mirrors" / "app-1", "fsck", "--full")


async def test_an_earlier_commit_is_checked_out_without_asking_the_server(
    box: Box, server: GitServer, repository: Repository
) -> None:
    first = repository.head()
    await box.checkout(remote(server), first, release=release(1))
    second = repository.commit({"new": b"1"})
    await box.checkout(remote(server), second, release=release(2))
    server.requests.clear()
    folder = await box.checkout(remote(server), first, release=release(3))
    assert snapshot(folder) == git_snapshot(repository.bare, first)
    assert server.requests == []


async def test_a_forced_push_is_followed(box: Box, server: GitServer, repository: Repository) -> None:
    await box.checkout(remote(server), repository.head(), release=release(1))
    git(repository.work, "checkout", "-q", "--orphan", "other")
    git(repository.work, "commit", "-q", "-m", "anew")
    git(repository.work, "branch", "-q", "-M", "other", "main")
    sha = repository.commit({"only": b"this"})
    folder = await box.checkout(remote(server), sha, release=release(2))
    assert snapshot(folder) == git_snapshot(repository.bare, sha)


async def test_a_private_repository_needs_the_token(box: Box, server: GitServer, repository: Repository) -> None:
    server.token = TOKEN
    assert await box.source.head(remote(server, token=TOKEN), "main") == repository.head()
    await box.checkout(remote(server, token=TOKEN), repository.head())
    for asked in (remote(server), remote(server, token="ghs_wrong"), remote(server, "none", token=TOKEN)):
        with pytest.raises(DeployFailed) as refused:
            await box.source.head(asked, "main")
        assert refused.value.code is Code.SOURCE_DENIED
        assert refused.value.hint
        assert TOKEN not in str(refused.value)
        assert "ghs_wrong" not in str(refused.value)


async def test_the_token_is_nowhere_but_on_stdin(
    box: Box, server: GitServer, repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.token = TOKEN
    server.hold = asyncio.Event()
    monkeypatch.setenv("NANOSCALE_TEST_SECRET", "box-own")
    working = asyncio.create_task(box.checkout(remote(server, token=TOKEN), repository.head()))
    await server.holding.wait()
    worker = box.source.worker_pid
    assert worker is not None
    family = [worker, *children(worker)]
    assert len(family) == 2
    for pid in family:
        for part in ("cmdline", "environ"):
            seen = Path(f"/proc/{pid}/{part}").read_bytes()
            assert TOKEN.encode() not in seen
            assert b"NANOSCALE" not in seen
    server.hold.set()
    await working
    for path in [*(tmp_path / "home").rglob("*"), *(tmp_path / "remote" / "served").rglob("*")]:
        if path.is_file():
            assert TOKEN.encode() not in path.read_bytes(), path
    assert TOKEN not in "".join(box.lines)


async def test_cancelling_kills_the_job_and_leaves_nothing(box: Box, server: GitServer, repository: Repository) -> None:
    server.hold = asyncio.Event()
    working = asyncio.create_task(box.checkout(remote(server), repository.head()))
    await server.holding.wait()
    assert box.source.worker_pid is not None
    (job,) = children(box.source.worker_pid)
    working.cancel()
    async with asyncio.timeout(1.0):
        with pytest.raises(asyncio.CancelledError):
            await working
    assert not Path(f"/proc/{job}").exists()
    assert box.left() == []
    assert list((box.home / "mirrors").rglob("tmp_*")) == []
    server.hold.set()
    server.hold = None
    await box.checkout(remote(server), repository.head())
    assert box.left() == ["d1"]


async def test_a_killed_worker_is_begun_again(box: Box, server: GitServer, repository: Repository) -> None:
    server.hold = asyncio.Event()
    working = asyncio.create_task(box.checkout(remote(server), repository.head()))
    await server.holding.wait()
    worker = box.source.worker_pid
    assert worker is not None
    (job,) = children(worker)
    os.kill(worker, signal.SIGKILL)
    with pytest.raises(Unavailable) as gone:
        await working
    assert gone.value.fault is Fault.BOX
    assert box.left() == []
    await ended(job)
    server.hold.set()
    server.hold = None
    await box.checkout(remote(server), repository.head())
    assert box.source.worker_pid not in (None, worker)
    assert box.left() == ["d1"]


async def ended(pid: int) -> None:
    """Waits until a process has ended; gives up loudly."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    readable, _, _ = await asyncio.to_thread(select.select, [descriptor], [], [], 5)
    os.close(descriptor)
    assert readable


async def test_a_job_that_is_killed_says_so(box: Box, server: GitServer, repository: Repository) -> None:
    server.hold = asyncio.Event()
    working = asyncio.create_task(box.checkout(remote(server), repository.head()))
    await server.holding.wait()
    assert box.source.worker_pid is not None
    (job,) = children(box.source.worker_pid)
    os.kill(job, signal.SIGKILL)
    with pytest.raises(DeployFailed) as killed:
        await working
    assert killed.value.code is Code.SOURCE_TOO_LARGE
    assert "ended by the system" in killed.value.detail
    assert box.left() == []
    server.hold.set()


async def test_closing_ends_worker_and_jobs(tmp_path: Path, server: GitServer, repository: Repository) -> None:
    box = Box(tmp_path / "home2", GitLimits())
    server.hold = asyncio.Event()
    working = asyncio.create_task(box.checkout(remote(server), repository.head()))
    await server.holding.wait()
    worker = box.source.worker_pid
    assert worker is not None
    (job,) = children(worker)
    await box.source.close()
    with pytest.raises(Unavailable):
        await working
    await ended(job)
    assert not Path(f"/proc/{worker}").exists()
    assert box.left() == []
    server.hold.set()
    await box.source.close()


async def test_several_at_once_and_one_per_mirror(box: Box, server: GitServer, tmp_path: Path) -> None:
    repositories = {name: make_repository(tmp_path / "remote", name) for name in ("one", "two", "three")}
    shas = {name: made.commit({"f": name.encode(), **many(40)}) for name, made in repositories.items()}
    names = [*shas, *shas]
    await asyncio.gather(
        *(box.checkout(remote(server, name), shas[name], release=release(at)) for at, name in enumerate(names))
    )
    for at, name in enumerate(names):
        assert snapshot(box.folder(release(at))) == git_snapshot(repositories[name].bare, shas[name])
    assert len(server.requests) == 3, "the second checkout of each found the commit in the mirror"


async def test_a_damaged_mirror_is_fetched_again(box: Box, server: GitServer, repository: Repository) -> None:
    await box.checkout(remote(server), repository.head(), release=release(1))
    for number, harm in enumerate((truncate, remove_index, flip_bytes, remove_packs), 2):
        harm(box.home / "mirrors" / "app-1" / "objects" / "pack")
        sha = repository.commit({"n": b"%d" % number})
        box.lines.clear()
        folder = await box.checkout(remote(server), sha, release=release(number))
        assert snapshot(folder) == git_snapshot(repository.bare, sha), harm
        assert any("damaged" in line for line in box.lines), harm


def truncate(packs: Path) -> None:
    """Cuts a pack short."""
    pack = max(packs.glob("*.pack"), key=lambda path: path.stat().st_size)
    os.truncate(pack, pack.stat().st_size // 2)


def remove_index(packs: Path) -> None:
    """Loses an index."""
    max(packs.glob("*.idx"), key=lambda path: path.stat().st_size).unlink()


def flip_bytes(packs: Path) -> None:
    """Overwrites what is inside a pack."""
    pack = max(packs.glob("*.pack"), key=lambda path: path.stat().st_size)
    raw = bytearray(pack.read_bytes())
    raw[40:-40] = bytes(byte ^ 0x55 for byte in raw[40:-40])
    pack.write_bytes(bytes(raw))


def remove_packs(packs: Path) -> None:
    """Loses the packs."""
    for path in packs.iterdir():
        path.unlink()


async def test_a_mirror_with_many_packs_is_made_anew(tmp_path: Path, server: GitServer, repository: Repository) -> None:
    box = Box(tmp_path / "home3", GitLimits(max_packs=3))
    packs = []
    for number in range(6):
        sha = repository.commit({"n": b"%d" % number})
        folder = await box.checkout(remote(server), sha, release=release(number))
        assert snapshot(folder) == git_snapshot(repository.bare, sha)
        packs.append(len(list((box.home / "mirrors" / "app-1" / "objects" / "pack").glob("*.pack"))))
    assert packs == [1, 2, 3, 4, 1, 2]
    await box.source.close()


async def test_what_an_interrupted_fetch_left_is_cleared(box: Box, server: GitServer, repository: Repository) -> None:
    left = box.home / "mirrors" / "app-1" / "objects" / "pack"
    left.mkdir(parents=True)
    (left / "tmp_incoming").write_bytes(b"half")
    (box.home / "releases" / "p" / "d1.part" / "x").mkdir(parents=True)
    (box.home / "releases" / "p" / "d1" / "old").mkdir(parents=True)
    folder = await box.checkout(remote(server), repository.head())
    assert snapshot(folder) == git_snapshot(repository.bare, repository.head())
    assert not (folder / "old").exists()
    assert list(left.glob("tmp_*")) == []
    assert box.left() == ["d1"]


async def test_a_forgotten_mirror_is_gone(box: Box, server: GitServer, repository: Repository) -> None:
    await box.checkout(remote(server), repository.head())
    assert (box.home / "mirrors" / "app-1").is_dir()
    await box.source.forget("app-1")
    await box.source.forget("app-1")
    assert not (box.home / "mirrors" / "app-1").exists()
    for key in ("../app", "", ".hidden", "a/b"):
        with pytest.raises(ValueError, match="cache key"):
            await box.source.forget(key)


async def test_a_commit_that_is_gone_is_a_sentence(box: Box, server: GitServer, repository: Repository) -> None:
    with pytest.raises(DeployFailed) as gone:
        await box.checkout(remote(server), Sha("12345678" * 5))
    assert gone.value.code is Code.SOURCE_REFUSED
    assert "no longer has the commit 1234567812" in gone.value.detail
    with pytest.raises(DeployFailed) as odd:
        await box.checkout(remote(server), Sha("../../etc"))
    assert odd.value.code is Code.SOURCE_REFUSED
    assert box.left() == []


async def test_nobody_there_is_the_network(box: Box) -> None:
    for url in ("http://127.0.0.1:9/a/b.git", "http://no-such-host.invalid/a/b.git"):
        with pytest.raises(Unavailable) as unreachable:
            await box.source.head(Remote(url=url, cache_key="k"), "main")
        assert unreachable.value.code is Code.SOURCE_UNREACHABLE
        assert unreachable.value.fault is Fault.NETWORK


async def test_redirects_stay_within_the_host(box: Box, server: GitServer, repository: Repository) -> None:
    async with git_server(server.root.parent) as elsewhere:
        server.token = TOKEN
        server.redirects["away.git"] = f"{elsewhere.url}/app.git"
        server.redirects["port.git"] = "http://127.0.0.1:1/app.git"
        server.redirects["file.git"] = "file:///etc/passwd"
        server.redirects["user.git"] = server.url.replace("//", "//user@") + "/app.git"
        server.redirects["round.git"] = f"{server.url}/round.git"
        for name in ("away", "port", "file", "user", "round"):
            with pytest.raises(DeployFailed) as refused:
                await box.source.head(remote(server, name, TOKEN), "main")
            assert refused.value.code is Code.SOURCE_REFUSED, name
        assert elsewhere.requests == []
    server.redirects["renamed.git"] = "/app.git"
    assert await box.source.head(remote(server, "renamed", TOKEN), "main") == repository.head()
    await box.checkout(remote(server, "renamed", TOKEN), repository.head())


async def test_credentials_in_the_url_are_refused(box: Box, server: GitServer, repository: Repository) -> None:
    url = server.address("app").replace("http://", f"http://x:{TOKEN}@")
    with pytest.raises(BoxError) as refused:
        await box.source.head(Remote(url=url, cache_key="k"), "main")
    assert refused.value.code is Code.SOURCE_REFUSED
    assert TOKEN not in str(refused.value)
    assert server.requests == []


async def test_proxies_of_the_environment_are_not_used(
    tmp_path: Path, server: GitServer, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    box = Box(tmp_path / "home4", GitLimits())
    assert await box.source.head(remote(server), "main") == repository.head()
    await box.source.close()


def test_the_box_itself_does_not_load_the_git_library() -> None:
    program = "import sys, nanoscale_box.adapters.git; print(sorted({'dulwich', 'urllib3'} & sys.modules.keys()))"
    root = Path(__file__).parents[2]
    told = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def test_a_scribe_writes_what_it_is_given_and_says_when_it_could_not(tmp_path: Path) -> None:
    content = os.urandom(20_000)
    writer = TreeWriter(str(tmp_path / "tree"), GitLimits())
    scribe = Scribe(writer)
    for number in range(200):
        scribe.place([(b"%d" % number, False), (b"run%d" % number, True)], content)
    assert scribe.end()
    assert (writer.files, writer.written) == (400, 400 * len(content))
    found = snapshot(tmp_path / "tree")
    assert len(found) == 400 and found[b"run199"] == ("100755", content)
    scribe = Scribe(writer)
    scribe.place([(b"0", False)], b"there already")
    assert not scribe.end()
    others = set(children(os.getpid()))
    scribe = Scribe(writer)
    (pid,) = set(children(os.getpid())) - others
    os.kill(pid, signal.SIGKILL)
    for number in range(200):
        scribe.place([(b"late%d" % number, False)], content)
    assert not scribe.end()
    scribe.stop()


def test_work_is_shared_and_a_failure_is_seen(tmp_path: Path) -> None:
    def work(run: Sequence[int]) -> bytes:
        if -1 in run:
            os._exit(3)
        return b"%d" % sum(run)

    assert shared(list(range(10)), work, 3) == [b"6", b"22", b"17"]
    assert shared([1, 2, 3, -1], work, 2) is None
    assert shared([], work, 2) == []

    def wrong(run: Sequence[int]) -> bytes:
        if 0 in run:
            raise KeyError
        (tmp_path / "never").write_bytes(b"%d" % signal.sigwait([signal.SIGUSR1]))
        return b""

    with pytest.raises(KeyError):
        shared([0, 1], wrong, 2)
    assert not (tmp_path / "never").exists()


async def test_many_files_are_written_by_several_processes(box: Box, server: GitServer, repository: Repository) -> None:
    await box.checkout(remote(server), repository.commit(many(900)), release=release(1))
    sha = repository.commit({"one.txt": b"more"})
    assert snapshot(await box.checkout(remote(server), sha, release=release(2))) == git_snapshot(repository.bare, sha)
    assert box.left() == ["d1", "d2"]


async def test_what_is_written_ahead_ends_as_the_next_commit(
    box: Box, server: GitServer, repository: Repository
) -> None:
    files = many(900)
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"1" * 64 + b"\nsize 3\n"
    files |= {"folder/in/it": b"f", "plain": b"p", "pointer": pointer, "program": b"#!/bin/sh\n", "twice1": b"twice"}
    files |= {".gitattributes": b"* text\n", "large.bin": b"\0" * (9 << 20), "gone/too": b"g", "link": b"no link yet"}
    await box.checkout(remote(server), repository.commit(files), release=release(1))
    names = sorted(many(900))
    (repository.work / "folder/in/it").unlink()
    (repository.work / "folder/in").rmdir()
    (repository.work / "folder").rmdir()
    (repository.work / "plain").unlink()
    (repository.work / "link").unlink()
    (repository.work / "link").symlink_to("plain")
    (repository.work / "program").chmod(0o755)
    changed: dict[str, bytes | None] = {"folder": b"a file now", "plain/below": b"a folder now", "gone/too": None}
    changed |= {names[0]: b"changed", names[1]: None, "twice2": b"twice", ".gitattributes": b"*.py text\n"}
    second = repository.commit(changed)
    assert snapshot(await box.checkout(remote(server), second, release=release(2))) == git_snapshot(
        repository.bare, second
    )
    third = repository.commit(dict.fromkeys(names[2:], b"all of them changed"))
    assert snapshot(await box.checkout(remote(server), third, release=release(3))) == git_snapshot(
        repository.bare, third
    )
    assert box.left() == ["d1", "d2", "d3"]


async def test_what_was_written_ahead_goes_when_the_fetch_fails(
    box: Box, server: GitServer, repository: Repository
) -> None:
    await box.checkout(remote(server), repository.commit(many(900)), release=release(1))
    with pytest.raises(BoxError):
        await box.checkout(remote(server), Sha("1" * 40), release=release(2))
    assert box.left() == ["d1"]


async def test_looks_share_a_process_that_is_replaced_when_it_dies(
    box: Box, server: GitServer, repository: Repository
) -> None:
    head = repository.head()
    for _ in range(5):
        assert await box.source.head(remote(server), "main") == head
    assert box.source.worker_pid is not None
    (looker,) = children(box.source.worker_pid)
    assert len(server.requests) == 5, "a look is one request"
    os.kill(looker, signal.SIGKILL)
    assert await box.source.head(remote(server), "main") == head
    looks = [box.source.head(remote(server), "main") for _ in range(6)]
    assert await asyncio.gather(*looks) == [head] * 6
    assert looker not in children(box.source.worker_pid)
    peak_kib, _ = box.source.last_cost
    assert peak_kib > 1000


async def test_a_look_that_is_cancelled_ends_and_the_next_one_works(
    box: Box, server: GitServer, repository: Repository
) -> None:
    assert await box.source.head(remote(server), "main") == repository.head()
    silent = [True]

    async def handler(request: web.Request) -> web.StreamResponse:
        if silent[0]:
            await asyncio.Event().wait()
        return await server.handle(request)

    async with served(handler) as url:
        asked = Remote(url=f"{url}/app.git", cache_key="silent")
        looking = asyncio.create_task(box.source.head(asked, "main"))
        await asyncio.wait([looking], timeout=0.3)
        looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking
        silent[0] = False
        assert await box.source.head(asked, "main") == repository.head()

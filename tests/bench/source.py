"""Getting a commit's files, against C git on the same server in the same run: first checkout, redeploy, look at a
head."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from nanoscale_box.adapters.git import GitSource
from nanoscale_box.core.model import DeploymentId, ProjectId, Release, Sha
from nanoscale_box.engine.ports import Remote
from tests.adapters.git_fixtures import GIT_ENV, Repository, git, make_repository, snapshot
from tests.bench.boxes import ROOT, end, wait_for
from tests.bench.peers import run_git
from tests.bench.peers.start import Missing
from tests.bench.report import Line, Peer, middle, size
from tests.ports import free_port

_BUDGETS: Final = {"source.first": 0.75, "source.redeploy": 0.6, "source.check": 0.3}
_MEMORY: Final = 2.0
_BRANCH: Final = "main"
Round = tuple[float, int, int]
"""Seconds, the KiB that the largest process of it held, and milliseconds of computing."""


class Launcher:
    """Runs git from a small process. End it with `end`."""

    def __init__(self) -> None:
        argv = [sys.executable, "-I", "-S", str(Path(run_git.__file__))]
        self.process = subprocess.Popen(argv, env=GIT_ENV, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, commands: Sequence[Sequence[str]], folder: Path) -> Round:
        """One command after the other."""
        told, asked = self.process.stdout, self.process.stdin
        if told is None or asked is None:
            raise RuntimeError("The launcher was started without pipes.")
        asked.write(json.dumps({"commands": commands, "folder": str(folder)}).encode() + b"\n")
        asked.flush()
        answer = json.loads(told.readline())
        if answer["failed"]:
            raise RuntimeError(f"{' '.join(commands[0][:3])} ended with status {answer['failed']}")
        return answer["seconds"], answer["kib"], answer["ms"]


@dataclass(slots=True, kw_only=True)
class _Case:
    """One repository, who serves it, and what was seen."""

    name: str
    folder: Path
    repository: Repository
    url: str
    source: GitSource
    launcher: Launcher
    start_seconds: float
    sha: Sha
    number: int = 0
    ours: list[Round] = field(default_factory=list)
    theirs: list[Round] = field(default_factory=list)

    @property
    def remote(self) -> Remote:
        """The repository as the engine names it."""
        return Remote(url=self.url, cache_key="bench")

    @property
    def release(self) -> Release:
        """The release of this round."""
        return Release(project_id=ProjectId("bench"), deployment_id=DeploymentId(f"d{self.number}"))

    @property
    def tree(self) -> Path:
        """Where our checkout of this round goes."""
        return self.folder / "releases" / f"d{self.number}"

    @property
    def peers(self) -> Path:
        """Where git's goes."""
        return self.folder / "peer" / f"d{self.number}"

    async def check_out(self) -> Round:
        """Ours: fetch what is missing and write the tree."""
        began = time.perf_counter()
        await self.source.checkout(self.remote, _BRANCH, self.sha, self.release, _unread)
        return time.perf_counter() - began, *self.source.last_cost

    async def git(self, folder: Path, *commands: list[str]) -> Round:
        """Git's: commands one after the other."""
        return await asyncio.to_thread(self.launcher.run, commands, folder)

    async def make_ready(self) -> float:
        """What the box does when a deployment is over; gives the milliseconds of computing."""
        self.source.prepare(self.remote.cache_key)
        await self.source.prepared()
        return float(self.source.last_cost[1])

    def differs(self) -> list[bytes]:
        """The paths on which our tree and git's disagree: content, mode, link."""
        ours = snapshot(self.tree)
        theirs = {path: one for path, one in snapshot(self.peers).items() if path.split(b"/")[0] != b".git"}
        return [path for path in sorted(ours.keys() | theirs.keys()) if ours.get(path) != theirs.get(path)]


def first() -> Iterator[Line]:
    """A first checkout against `git clone --depth 1 --single-branch`; neither has anything yet."""

    async def turn(case: _Case) -> None:
        await case.source.forget(case.remote.cache_key)
        clone = ["git", "clone", "-q", "--depth", "1", "--single-branch", "--branch", _BRANCH, case.url]
        case.theirs.append(await _quietly(lambda: case.git(case.folder, [*clone, str(case.peers)])))
        case.ours.append(await _quietly(case.check_out))

    name, peer = "source.first", "git clone --depth 1"
    for case in _cases(turn, size(1, 5, 9)):
        yield _time(case, f"{name}.{case.name}", peer, slice(1, None), _BUDGETS[name], {})
        yield _memory(case, f"{name}.{case.name}", peer)


def redeploy() -> Iterator[Line]:
    """One more commit and a fresh tree of it, against `git fetch` and `git checkout` into a new work tree. Every second
    push comes at once after the one before, when nothing could be made ready for it."""
    computed: list[float] = []

    async def turn(case: _Case) -> None:
        mirror = case.folder / "peer" / "mirror"
        if not mirror.exists():
            clone = ["git", "clone", "-q", "--bare", "--depth", "1", "--branch", _BRANCH, case.url, str(mirror)]
            await case.git(case.folder, clone)
            await case.check_out()
        if case.number % 2:
            computed.append(await case.make_ready())
        case.sha = await asyncio.to_thread(_one_more, case)
        fetch = ["git", "fetch", "-q", "--depth", "1", "origin", _BRANCH]
        tree = ["git", "worktree", "add", "-q", "--detach", str(case.peers), "FETCH_HEAD"]
        case.theirs.append(await _quietly(lambda: case.git(mirror, fetch, tree)))
        case.ours.append(await _quietly(case.check_out))

    name, peer = "source.redeploy", "git fetch + git checkout"
    for case in _cases(turn, 2 * size(1, 7, 11)):
        ready, at_once = slice(1, None, 2), slice(2, None, 2)
        more = {"made_ready_cpu_ms": middle(computed)}
        yield _time(case, f"{name}.{case.name}", peer, ready, _BUDGETS[name], more)
        yield _time(case, f"{name}.{case.name}.at_once", peer, at_once, None, {})
        yield _memory(case, f"{name}.{case.name}", peer)
        computed.clear()


def check() -> Iterator[Line]:
    """A look at a branch's head that finds nothing new, against `git ls-remote`."""

    async def look(case: _Case) -> Round:
        began = time.perf_counter()
        if await case.source.head(case.remote, _BRANCH) != case.sha:
            raise RuntimeError("the head is another than git's")
        return time.perf_counter() - began, *case.source.last_cost

    async def turn(case: _Case) -> None:
        asked = ["git", "ls-remote", case.url, f"refs/heads/{_BRANCH}"]
        case.theirs.append(await case.git(case.folder, asked))
        case.ours.append(await look(case))

    name, peer = "source.check", "git ls-remote"
    for case in _cases(turn, size(2, 15, 31), trees=False):
        yield _time(case, f"{name}.{case.name}", peer, slice(1, None), _BUDGETS[name], {})


def _cases(turn: Callable[[_Case], Awaitable[None]], rounds: int, *, trees: bool = True) -> Iterator[_Case]:
    if shutil.which("git") is None:
        raise Missing("This machine has no git to be measured against.")
    for kind, fill in _REPOSITORIES.items():
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, _served(Path(folder)) as base:
            yield asyncio.run(_measured(kind, fill, Path(folder), base, turn, rounds, trees))


async def _measured(
    kind: str,
    fill: Callable[[], Mapping[str, bytes]],
    folder: Path,
    base: str,
    turn: Callable[[_Case], Awaitable[None]],
    rounds: int,
    trees: bool,
) -> _Case:
    """Ours and git's in turn; a first round warms both up and is where the trees are compared. What they write stays to
    the end: ext4 without a journal makes files at many times the cost for minutes after others were removed."""
    repository = await asyncio.to_thread(make_repository, folder, kind)
    sha = await asyncio.to_thread(_filled, repository, fill())
    source = GitSource(folder / "mirrors", lambda release: folder / "releases" / release.deployment_id)
    began = time.perf_counter()
    await source.start()
    await source.head(Remote(url=f"{base}/{kind}.git", cache_key="bench"), _BRANCH)
    cold = time.perf_counter() - began
    launcher = Launcher()
    case = _Case(name=kind, folder=folder, repository=repository, url=f"{base}/{kind}.git", source=source,
                 launcher=launcher, start_seconds=cold, sha=sha)  # fmt: skip
    try:
        for case.number in range(rounds + 1):
            await turn(case)
            if trees and case.number < 2 and (wrong := case.differs()):
                raise RuntimeError(f"{len(wrong)} paths differ from git's, the first is {wrong[0]!r}")
    finally:
        await source.close()
        end(launcher.process)
    return case


def _time(case: _Case, name: str, peer: str, rounds: slice, budget: float | None, more: Mapping[str, object]) -> Line:
    ours, theirs = case.ours[rounds], case.theirs[rounds]
    return Line(
        name=name,
        unit="ms",
        ours=middle([one[0] for one in ours]) * 1000,
        peer=Peer(name=peer, value=middle([one[0] for one in theirs]) * 1000),
        budget=budget,
        runs=len(ours),
        more={
            "worker_cold_start_ms": round(case.start_seconds * 1000),
            "ours_cpu_ms": middle([one[2] for one in ours]),
            "peer_cpu_ms": middle([one[2] for one in theirs]),
            "load_average": round(os.getloadavg()[0], 1),
            **more,
        },
    )


def _memory(case: _Case, name: str, peer: str) -> Line:
    """The most a process held in any round."""
    return Line(
        name=f"{name}.memory",
        unit="MiB",
        ours=max(one[1] for one in case.ours[1:]) / 1024,
        peer=Peer(name=peer, value=max(one[1] for one in case.theirs[1:]) / 1024),
        budget=_MEMORY,
        runs=len(case.ours) - 1,
    )


async def _quietly(work: Callable[[], Awaitable[Round]]) -> Round:
    """What earlier rounds wrote goes to the disk first, so that nobody pays for it here."""
    await asyncio.to_thread(os.sync)
    return await work()


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """A server process for the repositories below `folder`; gives its address."""
    (folder / "served").mkdir()
    (folder / "peer").mkdir()
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.peers.git_http", str(port), str(folder / "served")]
    process = subprocess.Popen(argv, cwd=ROOT)
    try:
        wait_for(process, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


def _filled(repository: Repository, files: Mapping[str, bytes]) -> Sha:
    sha = repository.commit(files)
    (repository.work / "run.sh").write_bytes(b"#!/bin/sh\n")
    (repository.work / "run.sh").chmod(0o755)
    (repository.work / "link").symlink_to("run.sh")
    sha = repository.commit({})
    git(repository.bare, "repack", "-q", "-a", "-d")
    return sha


def _one_more(case: _Case) -> Sha:
    """A commit that changes a handful of files."""
    random = Random(case.number)
    names = git(case.repository.work, "ls-files", "dir*").splitlines()
    chosen = random.sample(names, 5)
    return case.repository.commit(dict.fromkeys(chosen, b"changed in round %d\n" % case.number))


def _many_files() -> dict[str, bytes]:
    """4,000 files of program text, 3 KiB in the middle; about 5 MB of pack."""
    random = Random(4000)
    words = [bytes(random.choices(b"abcdefghijklmnopqrstuvwxyz_", k=random.randint(2, 12))) for _ in range(4000)]

    def text() -> bytes:
        lines = (b"    " * random.randint(0, 4) + b" ".join(random.choices(words, k=random.randint(1, 9)))
                 for _ in range(int(random.lognormvariate(4.3, 0.8)) + 1))  # fmt: skip
        return b"\n".join(lines) + b"\n"

    return {f"dir{number % 40}/sub{number % 7}/file{number}.py": text() for number in range(size(200, 4000, 4000))}


def _large_pack() -> dict[str, bytes]:
    """90 MB of what cannot be packed any smaller: pictures, archives; beside it some text."""
    random = Random(90)
    left, files = size(1, 90, 90) * 1_000_000, dict[str, bytes]()
    while left > 0:
        length = min(left, int(random.lognormvariate(11, 1.2)) + 1)
        files[f"dir{len(files) % 30}/{len(files)}.bin"] = random.randbytes(length)
        files[f"dir{len(files) % 30}/{len(files)}.txt"] = b"%d\n" % length
        left -= length
    return files


_REPOSITORIES: Final = {"files": _many_files, "pack": _large_pack}


def _unread(line: str) -> None:
    """Nobody reads the log of a bench."""

"""Gets commits with git: hands each job to the git worker, and turns what became of it into an answer or an error."""

from __future__ import annotations

import asyncio
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Final
from weakref import WeakValueDictionary

from nanoscale_box.adapters.git_child import GitChild, JobReport, WorkerGone
from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.adapters.git_messages import Checkout, Failed, Found, Head, Remove, Settle, git_stage
from nanoscale_box.adapters.git_preparing import Preparing
from nanoscale_box.adapters.git_submodules import Part, Submodules
from nanoscale_box.core.errors import BoxError, Code, DeployFailed, Fault, Unavailable
from nanoscale_box.core.github_model import Commit
from nanoscale_box.core.model import Release, Sha
from nanoscale_box.core.text import inert
from nanoscale_box.engine.ports import Progress, Remote

_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_SHA: Final = re.compile(r"[0-9a-f]{40}")
_CHECKOUTS: Final = 4
_HEADS: Final = 8
_MEMORY_SIGNALS: Final = {-signal.SIGKILL, -signal.SIGABRT, -signal.SIGSEGV, -signal.SIGBUS}
_DEFAULT: Final = GitLimits()


class GitSource:
    """The `Source` for git servers over HTTP. Mirrors lie in `mirrors`, a checkout goes where `release_folder` says;
    the folder appears by one rename."""

    def __init__(self, mirrors: Path, release_folder: Callable[[Release], Path], limits: GitLimits = _DEFAULT) -> None:
        self._mirrors = mirrors
        self._release_folder = release_folder
        self._limits = limits
        self._child = GitChild()
        self._preparing = Preparing(self._child, limits)
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._checkouts = asyncio.Semaphore(_CHECKOUTS)
        self._heads = asyncio.Semaphore(_HEADS)

    async def start(self) -> None:
        """Begin the worker, so that the first job need not wait for it."""
        await self._child.start()

    async def close(self) -> None:
        """End the worker; jobs that run are killed and undone."""
        self._preparing.close()
        await self._child.close()
        await self._preparing.settled()

    @property
    def worker_pid(self) -> int | None:
        """The worker's process id while it runs."""
        return self._child.pid

    @property
    def last_cost(self) -> tuple[int, int]:
        """What the last job cost: the most memory that a process of it held (KiB), and its computing (ms)."""
        last = self._child.last
        return (last.peak_kib, last.cpu_ms) if last is not None else (0, 0)

    async def head(self, remote: Remote, branch: str) -> Sha | None:
        """The branch's head now, or None. Raises `DeployFailed` or `Unavailable` (`source_*`)."""
        found = await self._find(remote, branch, None)
        return Sha(found.sha) if found.sha is not None else None

    async def newest_tag(self, remote: Remote, pattern: str) -> tuple[str, Sha] | None:
        """The matching tag of the highest version and its commit, or None. Raises as `head` does."""
        found = await self._find(remote, "", pattern)
        return (found.tag, Sha(found.sha)) if found.tag is not None and found.sha is not None else None

    async def _find(self, remote: Remote, branch: str, tags: str | None) -> Found:
        async with self._heads:
            report = await self._child.run(
                Head(
                    job=self._child.number(),
                    url=remote.url,
                    branch=branch,
                    token=remote.token.reveal() if remote.token else None,
                    limits=self._limits,
                    tags=tags,
                )
            )
        self._judge(report, self._limits.head_seconds)
        if report.found is None:
            raise _ended_oddly(None)
        return report.found

    async def checkout(self, remote: Remote, branch: str, sha: Sha, release: Release, progress: Progress) -> Commit:
        """Put the tree of `sha` into the release's folder, whole or not at all; cancelling undoes it within a second.

        Raises `DeployFailed` (`source_denied`, `source_refused`, `source_too_large`) or `Unavailable`."""
        if not _SHA.fullmatch(sha):
            raise DeployFailed(Code.SOURCE_REFUSED, "the commit has no SHA-1 name", hint="deploy the branch again")
        folder = str(self._release_folder(release).absolute())
        top = str(self._mirror(remote.cache_key))
        stage = git_stage(folder)

        def say(text: str) -> None:
            progress(inert(text, limit=200))

        part = Part(remote=remote, mirror=top, sha=sha, stage=stage, limits=self._limits)
        report = await self._write(part, say, branch=branch, folder=folder)
        if report.submodules:
            submodules = Submodules(top=top, write=self._write, limits=self._limits, say=say)
            try:
                await submodules.add(remote, stage, report.submodules, report.placed)
                self._judge(await self._child.run(Settle(job=self._child.number(), stage=stage, folder=folder)), 0)
            except (BoxError, asyncio.CancelledError):
                await asyncio.shield(self._remove([stage]))
                raise
        placed = report.placed
        return Commit(sha=sha, subject=placed.subject if placed else None, author=placed.author if placed else None)

    async def _write(
        self, part: Part, say: Progress, *, branch: str | None = None, folder: str | None = None
    ) -> JobReport:
        """Write one repository's tree, and rename it to `folder` if it is whole. Raises `BoxError`."""
        async with self._lock(part.mirror), self._checkouts:
            self._preparing.came(part.mirror)
            request = Checkout(
                job=self._child.number(),
                url=part.remote.url,
                branch=branch,
                sha=part.sha,
                token=part.remote.token.reveal() if part.remote.token else None,
                mirror=part.mirror,
                stage=part.stage,
                folder=folder,
                limits=part.limits,
            )
            try:
                report = await self._child.run(request, say)
            except WorkerGone:
                await self._remove([part.stage])  # the worker could not do it itself any more
                raise
        self._judge(report, self._limits.wall_seconds)
        self._preparing.wrote(part.mirror, report)
        return report

    def prepare(self, cache_key: str) -> None:
        """Write the files of what was checked out last once more, in the background, for the next checkout to take."""
        self._preparing.begin(str(self._mirror(cache_key)))

    async def prepared(self) -> None:
        """Return when all that was to be made ready is, or never will be."""
        await self._preparing.settled()

    async def forget(self, cache_key: str) -> None:
        """Drop the mirror, those of its submodules too; nothing happens when there is none."""
        mirror = self._mirror(cache_key)
        await self._preparing.forget(str(mirror))
        async with self._lock(str(mirror)):
            await self._remove([str(mirror), *map(str, self._mirrors.absolute().glob(f"{cache_key}.sub-*"))])

    async def _remove(self, paths: list[str]) -> None:
        report = await self._child.run(Remove(job=self._child.number(), paths=paths))
        self._judge(report, self._limits.wall_seconds)

    def _mirror(self, cache_key: str) -> Path:
        if not _KEY.fullmatch(cache_key):
            raise ValueError("a cache key is a plain file name")
        return self._mirrors.absolute() / cache_key

    def _lock(self, mirror: str) -> asyncio.Lock:
        return self._locks.setdefault(mirror, asyncio.Lock())

    def _judge(self, report: JobReport, seconds: float) -> None:
        """Return if the job did its work, raise what became of it otherwise."""
        ended = report.ended.result()
        if report.failed is not None:
            raise _as_error(report.failed)
        if ended.late:
            raise Unavailable(
                Code.SOURCE_TIMEOUT,
                f"fetching was stopped: it took longer than {seconds:g} seconds",
                hint="try again when the connection is better, or make the repository smaller",
                fault=Fault.NETWORK,
            )
        match ended.exit_code:
            case 0:
                return
            case code if code == -signal.SIGXCPU:
                detail = f"unpacking it took more than {self._limits.cpu_seconds} seconds of computing"
            case code if code in _MEMORY_SIGNALS:
                detail = "unpacking it was ended by the system, most likely for its use of memory"
            case code:
                raise _ended_oddly(code)
        raise DeployFailed(
            Code.SOURCE_TOO_LARGE,
            f"the repository was refused: {detail}",
            hint="keep large files out of the repository",
        )


def _as_error(failed: Failed) -> BoxError:
    kind = Unavailable if failed.unavailable else DeployFailed
    return kind(failed.code, failed.detail, hint=failed.hint, fault=failed.fault, retry_after=failed.retry_after)


def _ended_oddly(code: int | None) -> Unavailable:
    return Unavailable(
        Code.INTERNAL,
        f"the git worker's job ended without an answer (exit code {code})",
        hint="deploy again; if it stays, report it",
        fault=Fault.BOX,
    )

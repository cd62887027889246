"""Adds submodules to a checkout: each is a checkout of its own, with its own mirror, token and limits."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from nanoscale_box.adapters.git_child import JobReport
from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.adapters.git_messages import Placed, Submodule
from nanoscale_box.core.errors import BoxError, Code, DeployFailed, Invalid, Unavailable
from nanoscale_box.core.text import inert
from nanoscale_box.core.urls import submodule_url
from nanoscale_box.engine.ports import Progress, Remote

_MAX_DEPTH: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One submodule to be written: where it comes from, and what is left of the budget for it."""

    remote: Remote
    mirror: str
    sha: str
    stage: str
    limits: GitLimits


class Submodules:
    """Writes the submodules of one checkout, those of submodules too, down to a depth of five."""

    def __init__(
        self, *, top: str, write: Callable[[Part, Progress], Awaitable[JobReport]], limits: GitLimits, say: Progress
    ) -> None:
        self._top = top
        self._write = write
        self._limits = limits
        self._say = say

    async def add(self, remote: Remote, stage: str, found: Sequence[Submodule], placed: Placed | None) -> None:
        """Write all of them below `stage`. Raises `BoxError` with the sentence that names the one that failed."""
        self._spend(placed)
        await self._add(remote, stage, "", found, 1)

    async def _add(self, parent: Remote, stage: str, at: str, found: Sequence[Submodule], depth: int) -> None:
        for one in found:
            path = f"{at}{one.path}"
            if depth > _MAX_DEPTH:
                raise _refused(path, f"is nested more than {_MAX_DEPTH} submodules deep")
            self._say(f"Submodule {inert(path, limit=120)} at {one.sha[:10]}.")
            try:
                url = submodule_url(parent.url, one.url)
                await self._one(parent, url, stage, path, one.sha, depth)
            except Invalid as wrong:
                raise _refused(path, f"cannot be fetched: {wrong.detail}") from wrong

    async def _one(self, parent: Remote, url: str, stage: str, path: str, sha: str, depth: int) -> None:
        if parent.beside is None:
            raise _refused(path, "cannot be fetched from here")
        async with parent.beside(url) as remote:
            try:
                report = await self._write(
                    Part(
                        remote=remote,
                        mirror=f"{self._top}.sub-{hashlib.sha256(remote.cache_key.encode()).hexdigest()[:24]}",
                        sha=sha,
                        stage=f"{stage}/{path}",
                        limits=self._limits,
                    ),
                    self._say,
                )
            except BoxError as wrong:
                raise _named(wrong, path, url) from wrong
            self._spend(report.placed)
            await self._add(remote, stage, f"{path}/", report.submodules, depth + 1)

    def _spend(self, placed: Placed | None) -> None:
        """What is left for the others."""
        if placed is not None:
            left = self._limits
            self._limits = replace(
                left,
                max_files=max(0, left.max_files - placed.files),
                max_bytes=max(0, left.max_bytes - placed.size),
            )


def _named(wrong: BoxError, path: str, url: str) -> BoxError:
    """The same refusal, saying whose it is and, where a right is missing, which."""
    detail = f"the submodule {inert(path, limit=120)} ({inert(url, limit=200)}): {wrong.detail}"
    hint = wrong.hint
    if wrong.code is Code.SOURCE_DENIED:
        hint = "give the GitHub App access to that repository (Contents: read), or make it public; then deploy again"
    kind = Unavailable if isinstance(wrong, Unavailable) else DeployFailed
    return kind(wrong.code, detail, hint=hint, fault=wrong.fault, retry_after=wrong.retry_after)


def _refused(path: str, flaw: str) -> DeployFailed:
    return DeployFailed(
        Code.SOURCE_REFUSED,
        f"the submodule {inert(path, limit=120)} {flaw}",
        hint="correct its url in .gitmodules, or copy its files into the repository",
    )

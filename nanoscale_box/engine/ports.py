"""What the engine asks of the world around it; adapters and the store answer, each in its own way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from nanoscale_box.core.github_model import (
    Commit,
)
from nanoscale_box.core.model import (
    UNLIMITED,
    Address,
    DataFolder,
    DeploymentId,
    EnvVar,
    Instance,
    Limits,
    ProjectId,
    Release,
    Sha,
)
from nanoscale_box.core.plan import Command, Health, Plan, Tree
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.github_port import Github

__all__ = [
    "Alarms",
    "Beside",
    "Builder",
    "Clock",
    "Environment",
    "Errand",
    "Github",
    "Ids",
    "Ingress",
    "Isolation",
    "Logs",
    "Place",
    "Progress",
    "Remote",
    "Runner",
    "Source",
    "Spent",
    "Vault",
]


class Clock(Protocol):
    """The time of day."""

    def now(self) -> datetime:
        """Now, aware, in UTC."""


class Ids(Protocol):
    """New ids."""

    def new(self, kind: str) -> str:
        """An id nobody had before: `kind`, an underscore and text that sorts by age (`dep_01...`)."""


class Alarms(Protocol):
    """Wakes the engine; holds no truth, so losing every alarm loses nothing."""

    def at(self, when: datetime, name: str, wake: Callable[[], None]) -> None:
        """Call `wake` in the event loop at `when` (at once if that is past); a second alarm of one name replaces the
        first."""

    def once(self, when: datetime, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` at `when` (at once if that is past); a second one of the same name before that replaces the
        first."""

    def every(self, seconds: float, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` every `seconds`, never twice at once, and never skip for being late."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a sealed text rests. It is part of the seal: a text that was moved does not open."""

    table: str
    row: str
    column: str


class Vault(Protocol):
    """Seals secrets for the disk."""

    def seal(self, secret: Secret, place: Place) -> str:
        """The sealed text; it names its key."""

    def open(self, sealed: str, place: Place) -> Secret:
        """The secret; `BoxError` `key_unknown` or `seal_broken` when it does not open there."""

    def ids(self) -> Sequence[str]:
        """The ids of all keys that are here, the one that seals first."""

    def renew(self) -> str:
        """A new key that seals from now on, on disk before it does; give its id. `Conflict` when the keys rest where
        the box may not write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A repository to fetch from. `cache_key` names its mirror; the token goes over standard input and nowhere else."""

    url: str
    cache_key: str
    token: Secret | None = None
    beside: Beside | None = None
    """Opens another repository that this one needs, by its address; None: there is no way to any."""


class Beside(Protocol):
    """Opens the repositories of submodules, each with a token of its own where the installation covers it."""

    def __call__(self, url: str) -> AbstractAsyncContextManager[Remote]:
        """The remote behind an address. Raises `Invalid` (`invalid_url`) for a host that may not be asked."""


Progress = Callable[[str], None]
"""Takes one line for the build log."""


class Source(Protocol):
    """Gets commits."""

    async def head(self, remote: Remote, branch: str) -> Sha | None:
        """The branch's head now, or None if there is no such branch. `Unavailable`/`DeployFailed` `source_*`
        otherwise."""

    async def newest_tag(self, remote: Remote, pattern: str) -> tuple[str, Sha] | None:
        """The matching tag of the highest version and its commit; None when no tag matches."""

    async def checkout(self, remote: Remote, branch: str, sha: Sha, release: Release, progress: Progress) -> Commit:
        """Put the tree of `sha` into the release's folder, whole or not at all; give the commit as it was fetched."""

    def prepare(self, cache_key: str) -> None:
        """Nothing is to be done for a project of this mirror now: make ready for the next checkout, quietly. Returns at
        once, and never fails."""

    async def forget(self, cache_key: str) -> None:
        """Drop the mirror."""


class Builder(Protocol):
    """Turns a checkout into a release."""

    async def check_room(self) -> None:
        """`Unavailable` `disk_full` when the disk has less room than a deployment should begin with."""

    async def inspect(self, release: Release, root_directory: str | None) -> Tree:
        """What lies in the checkout, as far as planning needs it."""

    async def build(
        self,
        release: Release,
        root_directory: str | None,
        plan: Plan,
        env: Sequence[EnvVar],
        progress: Progress,
        limits: Limits = UNLIMITED,
    ) -> None:
        """Run the plan's install and build commands, then keep what is released. `DeployFailed` on failure."""

    async def discard(self, release: Release) -> None:
        """Remove the release's folder; nothing happens when there is none."""

    async def kept(self, project_id: ProjectId) -> set[DeploymentId]:
        """The deployments of a project whose release folder is there and whole."""

    async def discard_project(self, project_id: ProjectId) -> None:
        """Remove everything a project has on disk: releases, data, caches, logs."""

    async def clear_cache(self, project_id: ProjectId) -> None:
        """Drop the project's build caches."""

    async def data(self, project_id: ProjectId) -> DataFolder:
        """What the project's apps keep across releases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """A command of the owner's that runs once for a release; `name` is what people call it: `preflight` or
    `release`."""

    name: str
    command: Command
    plan: Plan
    root_directory: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """How apps and builds are kept from the rest of the machine."""

    by: str | None
    """What does it; None: nothing does."""
    why_not: str = ""
    fix: str = ""
    gaps: tuple[str, ...] = ()
    """Which of a project's limits it cannot hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a running release takes of the machine, all its processes together."""

    cpu_seconds: float
    """Of all cores since it began; less than before where a process took what it had counted along."""
    memory_bytes: int | None
    """What it holds now; None where the kernel does not count it."""


class Runner(Protocol):
    """Runs releases. It speaks of releases, instances and addresses, never of paths or process ids."""

    @property
    def isolation(self) -> Isolation:
        """How what it runs is kept from the rest of the machine."""

    async def start(
        self,
        release: Release,
        plan: Plan,
        root_directory: str | None,
        env: Sequence[EnvVar],
        limits: Limits = UNLIMITED,
    ) -> Instance:
        """Start the release on a port of its own; a running one is given back as it is."""

    async def run_once(
        self, release: Release, errand: Errand, env: Sequence[EnvVar], progress: Progress, limits: Limits = UNLIMITED
    ) -> None:
        """Run a command to its end as the app would run, without a port: in the release's folder, with its environment
        and `DATA_DIR`. `DeployFailed` `preflight_failed` or `release_failed` when it fails or takes too long. However
        it ends, nothing it started is alive afterwards; cancelled, that takes at most 2 s."""

    async def gate(self, instance: Instance, health: Health) -> None:
        """Return when the instance answers its health path; `DeployFailed` when it exits, stays silent or answers
        wrongly."""

    async def find(self, release: Release) -> Instance | None:
        """The running instance of a release, also one started before this process was."""

    async def stop(self, release: Release) -> None:
        """SIGTERM, the limits' `stop_seconds` (30 s), SIGKILL, children included; nothing happens when it does not
        run. Who wants requests to end first waits for `Ingress.drain`."""

    async def running(self) -> list[Release]:
        """Every release that runs, known to the store or not."""

    async def watch(self, died: Callable[[Release], Awaitable[None]]) -> None:
        """Call `died` for each running release that ends by itself, from now on."""

    async def spent(self) -> Mapping[Release, Spent]:
        """What each release that is looked after has taken so far. Sites have no process and are left out, and so is
        what the kernel tells nothing of. The disk and the event loop are left alone."""


class Ingress(Protocol):
    """Leads hosts to instances."""

    async def start(self, hosts: Sequence[str]) -> None:
        """See that the ingress runs and knows exactly these hosts; adopt one that runs already."""

    async def switch(self, host: str, address: Address) -> None:
        """Lead the host to the address, at once and whole."""

    async def current(self, host: str) -> Address | None:
        """Where the host leads now."""

    async def remove(self, host: str) -> None:
        """Forget the host."""

    async def drain(self, address: Address, seconds: float) -> None:
        """Return once no request is under way to an address, or after so many seconds. Who wants no new ones leads
        its hosts elsewhere first."""

    async def stop(self) -> None:
        """End the ingress process (the `down` command); a daemon that merely stops leaves it running."""

    def url(self, host: str) -> str:
        """The address people type, with scheme and port."""


class Logs(Protocol):
    """Keeps what builds and apps print. Lines are redacted and inert before they come here."""

    def build_line(self, release: Release, line: str) -> None:
        """Append one line to the deployment's build log."""

    def close(self, release: Release) -> None:
        """The build log is complete."""


Environment = Mapping[str, Secret]
"""What an app is given; values are revealed only to the kernel."""

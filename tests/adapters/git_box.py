"""A git source over a home of its own, as tests drive it."""

from __future__ import annotations

from pathlib import Path

from nanoscale_box.adapters.git import GitSource
from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.core.model import DeploymentId, ProjectId, Release, Sha
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Remote
from tests.adapters.git_fixtures import GitServer

RELEASE = Release(project_id=ProjectId("p"), deployment_id=DeploymentId("d1"))


class Box:
    """A git source over a home folder, and what it said."""

    def __init__(self, home: Path, limits: GitLimits) -> None:
        self.home = home
        self.lines: list[str] = []
        self.source = GitSource(home / "mirrors", self.folder, limits)

    def folder(self, release: Release) -> Path:
        """Where a release's checkout goes."""
        return self.home / "releases" / release.project_id / release.deployment_id

    async def checkout(self, remote: Remote, sha: Sha, branch: str = "main", release: Release = RELEASE) -> Path:
        """Checks out and gives the folder."""
        await self.source.checkout(remote, branch, sha, release, self.lines.append)
        return self.folder(release)

    def left(self) -> list[str]:
        """What lies in the home apart from mirrors."""
        releases = self.home / "releases" / "p"
        return sorted(path.name for path in releases.iterdir()) if releases.is_dir() else []


def release(number: int) -> Release:
    """One of several releases."""
    return Release(project_id=ProjectId("p"), deployment_id=DeploymentId(f"d{number}"))


def remote(server: GitServer, name: str = "app", token: str | None = None) -> Remote:
    """The repository as the engine names it."""
    return Remote(url=server.address(name), cache_key=f"{name}-1", token=Secret(token) if token else None)


def many(count: int) -> dict[str, bytes]:
    """Some files."""
    return {f"dir{number % 7}/file{number}": b"%d" % number for number in range(count)}


def children(pid: int) -> list[int]:
    """The child processes of a process."""
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

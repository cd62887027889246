"""Where things lie below the home, and the two ways they are written there: private, and whole."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from nanoscale_box.core.errors import Code, Fault, Invalid, Unavailable
from nanoscale_box.core.model import DeploymentId, ProjectId, Release

_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}")
_PLAIN_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
_WHOLE: Final = ".whole"


class Folders:
    """The map of the home. Every id that becomes part of a path is a plain name, or `Invalid` is raised."""

    def __init__(self, home: Path) -> None:
        self.home = Path(os.path.abspath(home))

    def release(self, release: Release) -> Path:
        """The folder of one release: the checkout, built in place."""
        return self.releases_of(release.project_id) / _plain(release.deployment_id)

    def unfinished(self, release: Release) -> Path:
        """Where the checkout of a release is written until it is whole; a killed box may leave it behind."""
        folder = self.release(release)
        return folder.with_name(f"{folder.name}.part")

    def whole_mark(self, release: Release) -> Path:
        """The file that says the release was built to its end; it lies outside of what is built and served."""
        return self.releases_of(release.project_id) / (_plain(release.deployment_id) + _WHOLE)

    def whole_releases(self, project_id: ProjectId) -> set[DeploymentId]:
        """The deployments whose release was built to its end and is still there."""
        folder = self.releases_of(project_id)
        if not folder.is_dir():
            return set()
        names = (entry.name.removesuffix(_WHOLE) for entry in folder.iterdir() if entry.name.endswith(_WHOLE))
        return {DeploymentId(name) for name in names if (folder / name).is_dir()}

    @property
    def releases(self) -> Path:
        """All releases, a folder for each project."""
        return self.home / "releases"

    def releases_of(self, project_id: ProjectId) -> Path:
        """All releases of a project."""
        return self.releases / _plain(project_id)

    def data(self, project_id: ProjectId) -> Path:
        """What the app keeps for itself; it outlives releases."""
        return self.home / "data" / _plain(project_id)

    def cache(self, project_id: ProjectId) -> Path:
        """What builds keep to be faster next time."""
        return self.home / "cache" / _plain(project_id)

    @property
    def logs(self) -> Path:
        """What builds and apps said, a folder for each project."""
        return self.home / "logs"

    def logs_of(self, project_id: ProjectId) -> Path:
        """All logs of a project."""
        return self.logs / _plain(project_id)

    def build_log(self, release: Release) -> Path:
        """What the build said."""
        return self.logs_of(release.project_id) / f"{_plain(release.deployment_id)}.build.log"

    def build_log_end(self, release: Release) -> Path:
        """The file that says the build log is complete."""
        return self.logs_of(release.project_id) / f"{_plain(release.deployment_id)}.build.end"

    def run_log(self, release: Release) -> Path:
        """What the app says, written by the app itself."""
        return self.logs_of(release.project_id) / f"{_plain(release.deployment_id)}.run.log"

    @property
    def mirrors(self) -> Path:
        """Bare repositories that make the next fetch small."""
        return self.home / "mirrors"

    @property
    def trash(self) -> Path:
        """Where folders go to be removed; what lies here after a crash is nobody's."""
        return self.home / "trash"

    @property
    def instances(self) -> Path:
        """One record for each running release."""
        return self.home / "instances"

    def instance(self, deployment_id: DeploymentId) -> Path:
        """The record of one running release."""
        return self.instances / f"{_plain(deployment_id)}.json"

    @property
    def units(self) -> Path:
        """What each unit of systemd is shown: a link for each."""
        return self.home / "units"

    @property
    def ingress(self) -> Path:
        """The ingress process's own folder: configuration, log, admin socket."""
        return self.home / "ingress"

    @property
    def routes(self) -> Path:
        """One file for each host that leads somewhere."""
        return self.home / "routes"

    def route(self, host: str) -> Path:
        """The file that says where a host leads."""
        if not _PLAIN_HOST.fullmatch(host) or ".." in host:
            raise Invalid(
                Code.INVALID_NAME,
                f"{host[:100]!r} cannot be the name of a host",
                hint="use letters, digits, dots and hyphens",
            )
        return self.routes / host


def private_folder(folder: Path) -> Path:
    """The folder, made with its parents if missing; only its owner may enter the ones made here."""
    missing = []
    at = folder
    while not at.is_dir():
        missing.append(at)
        at = at.parent
    for each in reversed(missing):
        try:
            each.mkdir(mode=0o700)
        except FileExistsError:
            continue
        each.chmod(0o700)  # whatever the umask
    return folder


def write_whole(path: Path, text: str) -> None:
    """Put the text in place by one rename: a reader sees the old text or the new one, and so does who comes after a
    power cut."""
    with saying_disk_full():
        _write_whole(private_folder(path.parent), path, text)


def open_log(path: Path) -> int:
    """A descriptor that appends to a private log file, made if missing. The caller closes it."""
    with saying_disk_full():
        private_folder(path.parent)
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)


@contextmanager
def saying_disk_full() -> Iterator[None]:
    """What fails inside for want of space becomes `Unavailable` `disk_full`."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise disk_full() from error
        raise


def check_room(folder: Path, megabytes: int) -> None:
    """`Unavailable` `disk_full` unless so many MiB are free where the folder lies, and names for 16 files each: a
    disk with room but no inodes takes nothing either. Zero asks for nothing."""
    seen = os.statvfs(folder)
    free = seen.f_bavail * seen.f_frsize // 2**20
    if free < megabytes:
        raise disk_full(f"has {free} MB free; a deployment begins with {megabytes} MB or more")
    if seen.f_files and seen.f_favail < 16 * megabytes:
        raise disk_full(f"takes {seen.f_favail} more files; a deployment begins with room for {16 * megabytes}")


def disk_full(how: str = "is full") -> Unavailable:
    """The sentence for a disk without room."""
    hint = "free some space, then deploy again; what runs is not touched"
    return Unavailable(Code.DISK_FULL, f"the disk that holds the box {how}", hint=hint, fault=Fault.BOX)


def _write_whole(folder: Path, path: Path, text: str) -> None:
    temporary = folder / (f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fdatasync(file.fileno())
        os.rename(temporary, path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _plain(name: str) -> str:
    """The name if it is one plain path component and no more."""
    if not _PLAIN_NAME.fullmatch(name):
        raise Invalid(Code.INVALID, f"{name[:100]!r} is not an id", hint="use an id as the box lists them")
    return name

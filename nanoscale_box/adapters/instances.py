"""The records of running releases: what a later box needs to find them again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from nanoscale_box.adapters.folders import Folders, private_folder, write_whole
from nanoscale_box.adapters.processes import ProcessId
from nanoscale_box.core.model import Address, DeploymentId, Instance, ProjectId, Release

STATIC: Final = "file:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A release that was started, where it answers, and by what its processes are known. A static site has no
    process."""

    project_id: ProjectId
    deployment_id: DeploymentId
    address: Address
    marks: tuple[str, ...] = ()
    process: ProcessId | None = None
    unit: str | None = None
    """The unit of systemd that it runs as."""
    stop_seconds: float | None = None
    """How long it may take to end, as its project says."""

    @property
    def release(self) -> Release:
        """The release."""
        return Release(project_id=self.project_id, deployment_id=self.deployment_id)

    @property
    def instance(self) -> Instance:
        """What the record stands for."""
        return Instance(release=self.release, address=self.address)

    @property
    def port(self) -> int:
        """Where its process listens; a static site has none."""
        return port_of(self.address)

    @property
    def site(self) -> Path:
        """The folder of a static site."""
        return site_of(self.address)


def port_of(address: Address) -> int:
    """The port of an address that is no folder's."""
    return int(address.rpartition(":")[2])


def site_of(address: Address) -> Path:
    """The folder that an address names."""
    return Path(address.removeprefix(STATIC))


class Records:
    """One private file for each record, replaced whole."""

    def __init__(self, folders: Folders) -> None:
        self._folders = folders

    def prepare(self, record: Record) -> Path:
        """Lay the record out for the launcher, which completes it in the name of the process; gives the place it will
        have."""
        path = self._folders.instance(record.deployment_id)
        known = msgspec.to_builtins(record)
        del known["process"]
        write_whole(_prepared(path), msgspec.json.encode(known).decode())
        return path

    def keep(self, record: Record) -> None:
        """Write a record that is complete."""
        write_whole(self._folders.instance(record.deployment_id), msgspec.json.encode(record).decode())

    def keep_static(self, release: Release, site: Path) -> Record:
        """Write the record of a release that is a folder."""
        address = Address(f"{STATIC}{os.path.normpath(site)}")
        record = Record(project_id=release.project_id, deployment_id=release.deployment_id, address=address)
        self.keep(record)
        return record

    def drop(self, release: Release) -> None:
        """Forget a release."""
        path = self._folders.instance(release.deployment_id)
        path.unlink(missing_ok=True)
        _prepared(path).unlink(missing_ok=True)

    def of(self, release: Release) -> Record | None:
        """The record of a release."""
        record = _read(self._folders.instance(release.deployment_id))
        return record if record is not None and record.release == release else None

    def all(self) -> list[Record]:
        """Every record there is, by deployment."""
        paths = sorted(private_folder(self._folders.instances).glob("*.json"))
        return [record for record in map(_read, paths) if record is not None]


def _prepared(path: Path) -> Path:
    return path.with_name(f"{path.name}.new")


def _read(path: Path) -> Record | None:
    """The record in the file; one that was torn by a power cut is none: its process ended with the machine."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Record)
    except (FileNotFoundError, msgspec.DecodeError):
        return None

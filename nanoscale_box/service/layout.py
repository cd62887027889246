"""Where the service lies on the machine, and the few texts that are made and not copied: pure."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

USER: Final = "nanoscale-box"
UNITS: Final = (
    "nanoscale-box.service",
    "nanoscale-ingress.service",
    "nanoscale-app@.service",
    "nanoscale-build@.service",
)
APP_COPIES: Final = ("nanoscale-app-2@.service", "nanoscale-app-3@.service")
"""The app template under further names: each project may have as many releases at once as there are."""
KEY_NAME: Final = "encryption-keys"
KEPT_VERSIONS: Final = 2

SETTINGS: Final = """\
# Settings of nanoscale-box: lines of NAME=value, without quotes. See docs/configuration.md.
# They are read at its start: systemctl restart nanoscale-box
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """All the places, below one root."""

    root: Path = Path("/")

    @property
    def opt(self) -> Path:
        """The program, a folder for each version."""
        return self.root / "opt/nanoscale-box"

    @property
    def versions(self) -> Path:
        """The versions that are there."""
        return self.opt / "versions"

    @property
    def current(self) -> Path:
        """A link to the version in use."""
        return self.opt / "current"

    @property
    def state(self) -> Path:
        """The box's home."""
        return self.root / "var/lib/nanoscale-box"

    @property
    def backups(self) -> Path:
        """Copies of the database as it was before an upgrade."""
        return self.state / "backups"

    @property
    def etc(self) -> Path:
        """Settings and keys."""
        return self.root / "etc/nanoscale-box"

    @property
    def settings(self) -> Path:
        """The settings."""
        return self.etc / "settings.env"

    @property
    def sealed_key(self) -> Path:
        """The keys, encrypted for this machine alone."""
        return self.etc / f"{KEY_NAME}.cred"

    @property
    def plain_key(self) -> Path:
        """The keys, where the machine cannot encrypt: readable by root alone."""
        return self.etc / KEY_NAME

    @property
    def units(self) -> Path:
        """Unit files."""
        return self.root / "etc/systemd/system"

    @property
    def key_setting(self) -> Path:
        """What tells the box's unit where its keys are."""
        return self.units / "nanoscale-box.service.d/keys.conf"

    @property
    def command(self) -> Path:
        """The command that people type."""
        return self.root / "usr/local/bin/nanoscale-box"

    def others(self) -> dict[str, Path]:
        """Files for other parts of the machine, by their names in `systemd/`."""
        etc = self.root / "etc"
        return {
            "nanoscale-box.rules": etc / "polkit-1/rules.d/50-nanoscale-box.rules",
            "nanoscale-box.dbus.conf": etc / "dbus-1/system.d/nanoscale-box.conf",
            "nanoscale-box.journald.conf": etc / "systemd/journald@nanoscale-box.conf",
            "nanoscale-box.tmpfiles.conf": etc / "tmpfiles.d/nanoscale-box.conf",
        }

    def files(self, source: Path) -> dict[Path, str]:
        """Every file of the machine's that belongs to the service, with its text, from a folder like `systemd/`."""
        texts = {self.units / name: (source / name).read_text(encoding="utf-8") for name in UNITS}
        app = (source / "nanoscale-app@.service").read_text(encoding="utf-8")
        texts |= {self.units / name: app for name in APP_COPIES}
        return texts | {path: (source / name).read_text(encoding="utf-8") for name, path in self.others().items()}

    def limits(self) -> list[Path]:
        """Where systemd keeps the limits that were set for units, until the next boot."""
        return sorted((self.root / "run/systemd/system.control").glob("nanoscale-*"))

    def journals(self, machine_id: str) -> list[Path]:
        """Where the journal of apps and builds lies."""
        return [self.root / folder / f"{machine_id}.{USER}" for folder in ("run/log/journal", "var/log/journal")]

    def leftovers(self) -> list[Path]:
        """What outlives an uninstall that does not purge."""
        return [
            self.state,
            self.root / "var/lib/private/nanoscale-app",
            self.root / "var/cache/private/nanoscale-build",
            self.etc,
        ]


def key_setting(layout: Layout, *, sealed: bool) -> str:
    """The text of `Layout.key_setting`."""
    if sealed:
        return f"[Service]\nLoadCredentialEncrypted={KEY_NAME}:{layout.sealed_key}\n"
    return f"[Service]\nLoadCredential={KEY_NAME}:{layout.plain_key}\n"


def command_text(version: Path) -> str:
    """The text of the command that starts a version: isolated from the environment and the folder it is called in."""
    return f'#!/bin/sh\nexec {version}/bin/python -I -B -m nanoscale_box "$@"\n'

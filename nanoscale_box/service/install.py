"""Installs, upgrades and removes the service; each step looks first, so that it may be run again at any time."""

from __future__ import annotations

import base64
import grp
import json
import os
import pwd
import shutil
import time
from pathlib import Path
from typing import Final

from nanoscale_box.service import copying, machine
from nanoscale_box.service.layout import APP_COPIES, KEPT_VERSIONS, KEY_NAME, SETTINGS, UNITS, USER, Layout, key_setting
from nanoscale_box.service.machine import Trouble, say

BOX: Final = "nanoscale-box.service"
INGRESS: Final = "nanoscale-ingress.service"
DATABASE: Final = ("box.db", "box.db-wal", "box.db-shm")
_STEADY_SECONDS: Final = 3.0
"""How long a box that said it is ready must stay so."""
_TEMPLATES: Final = ("nanoscale-app", "nanoscale-app-2", "nanoscale-app-3", "nanoscale-build")


def install(layout: Layout) -> None:
    """Install this version, or bring an installed one to it; what serves goes on serving."""
    check_machine()
    make_user()
    version = make_version(layout)
    before = layout.current.resolve() if layout.current.is_symlink() else None
    make_settings(layout)
    if before == version and machine.state_of(BOX) == "active" and not changes(layout, version):
        say(f"nanoscale-box {version.name} is installed and runs.")
        return
    if before is None or before == version:
        use(layout, version)
        start(layout)
    else:
        upgrade(layout, before, version)
    prune(layout, keep={version, before} if before else {version})
    tell(layout, version)


def upgrade(layout: Layout, before: Path, version: Path) -> None:
    """Go over to another version; when it does not come up, go back to the one before, with the database as it was."""
    say(f"going over from {before.name} to {version.name}; apps and ingress go on serving")
    machine.attempt("systemctl", "stop", BOX)
    backup = back_up(layout, before)
    try:
        use(layout, version)
        start(layout)
    except (Trouble, OSError) as trouble:
        say(f"{version.name} does not come up: {trouble}")
        machine.attempt("systemctl", "stop", BOX)
        put_back(layout, backup)
        use(layout, before)
        start(layout)
        raise Trouble(
            f"{before.name} runs again, with the database as it was; {version.name} was not kept"
        ) from trouble


def uninstall(layout: Layout, *, purge: bool) -> None:
    """Stop everything and remove the service; the box's state, keys and settings only when asked."""
    machine.attempt("systemctl", "disable", "--now", BOX, INGRESS)
    machine.attempt("systemctl", "stop", *(f"{template}@*.service" for template in _TEMPLATES))
    for path in [
        *layout.others().values(),
        *(layout.units / name for name in (*UNITS, *APP_COPIES)),
        layout.key_setting,
    ]:
        path.unlink(missing_ok=True)
    if layout.key_setting.parent.is_dir():
        layout.key_setting.parent.rmdir()
    layout.command.unlink(missing_ok=True)
    shutil.rmtree(layout.opt, ignore_errors=True)
    machine.attempt("systemctl", "daemon-reload")
    machine.attempt("systemctl", "reset-failed", BOX, INGRESS)
    machine.attempt(
        "systemctl", "stop", "systemd-journald@nanoscale-box.service", "systemd-journald@nanoscale-box.socket"
    )
    for path in layout.limits():
        shutil.rmtree(path, ignore_errors=True)
    for path in layout.journals(Path("/etc/machine-id").read_text(encoding="ascii").strip()):
        shutil.rmtree(path, ignore_errors=True)
    if not purge:
        kept = " ".join(str(path) for path in layout.leftovers() if path.exists())
        say(f"nanoscale-box is no service any more. What it kept is still there: {kept}")
        return
    for path in layout.leftovers():
        shutil.rmtree(path, ignore_errors=True)
    for link in (layout.root / "var/lib/nanoscale-app", layout.root / "var/cache/nanoscale-build"):
        shutil.rmtree(link, ignore_errors=True)
    machine.attempt("userdel", USER)
    machine.attempt("groupdel", USER)
    say("nanoscale-box is gone, with all it kept.")


def check_machine() -> None:
    """Root, a systemd at work, and polkit, which lets the box ask it for a few things."""
    if os.geteuid() != 0:
        raise Trouble("this needs root: sudo ./scripts/install-service")
    if not Path("/run/systemd/system").is_dir():
        raise Trouble("this machine is not run by systemd; keep the box running by other means: nanoscale-box serve")
    if not any(Path(folder).is_dir() for folder in ("/usr/share/polkit-1/rules.d", "/etc/polkit-1/rules.d")):
        raise Trouble(
            "polkit is missing, without which the box could start no app (on Debian or Ubuntu: apt install polkitd)"
        )


def make_user() -> None:
    """The user that the box runs as, and the group of the people who use it without sudo."""
    try:
        pwd.getpwnam(USER)
    except KeyError:
        options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/var/lib/nanoscale-box"]
        machine.run("useradd", *options, "--shell", "/usr/sbin/nologin", USER)
    owner = os.environ.get("SUDO_USER", "")
    if owner and owner != "root" and owner not in grp.getgrnam(USER).gr_mem:
        machine.run("usermod", "--append", "--groups", USER, owner)
        say(f"{owner} may use the box without sudo after logging in anew (group {USER})")


def make_version(layout: Layout) -> Path:
    """The folder of this version, whole or not at all."""
    needed = copying.needed_distributions()
    version = layout.versions / copying.version_name(needed)
    if not version.is_dir():
        say(f"copying nanoscale-box and {len(needed)} packages to {version}")
        fresh = version.with_name(f"{version.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.parent.mkdir(parents=True, exist_ok=True)
        copying.copy_into(fresh, needed)
        fresh.rename(version)
    return version


def make_settings(layout: Layout) -> None:
    """Settings, and keys outside of the database: encrypted for this machine if it can, else for root's eyes only."""
    group = grp.getgrnam(USER).gr_gid
    layout.etc.mkdir(parents=True, exist_ok=True)
    os.chown(layout.etc, 0, group)
    layout.etc.chmod(0o750)
    if not layout.settings.exists():
        machine.write(layout.settings, SETTINGS, mode=0o640, owner=(0, group))
    if not layout.sealed_key.exists() and not layout.plain_key.exists():
        write_keys(layout, [fresh_key()])
    machine.write(layout.key_setting, key_setting(layout, sealed=layout.sealed_key.exists()))


def new_key(layout: Layout) -> None:
    """Put a new key before the others and restart the box; what the old ones sealed follows by `keys rotate`."""
    write_keys(layout, [fresh_key(), *read_keys(layout)])
    start(layout)
    say("the new key seals from now on; seal what there is anew with it: nanoscale-box keys rotate")


def drop_old_keys(layout: Layout) -> None:
    """Keep the newest key alone, once nothing is sealed with another one."""
    told = json.loads(machine.run(str(layout.current / "bin/nanoscale-box"), "keys", "list", "--json"))
    used = [key["id"] for key in told["items"] if key["uses"] and not key["newest"]]
    if used:
        raise Trouble(f"something is still sealed with {' and '.join(used)}; first run: nanoscale-box keys rotate")
    write_keys(layout, read_keys(layout)[:1])
    start(layout)
    say("the box has its newest key alone; older backups of the database need the keys that they were made with")


def fresh_key() -> bytes:
    """A line of a file of keys."""
    return base64.b64encode(os.urandom(32)) + b"\n"


def read_keys(layout: Layout) -> list[bytes]:
    """The lines of the keys, newest first."""
    if layout.sealed_key.exists():
        text = machine.run("systemd-creds", "decrypt", f"--name={KEY_NAME}", str(layout.sealed_key), "-")
    else:
        text = layout.plain_key.read_bytes()
    return [line + b"\n" for line in text.split()]


def write_keys(layout: Layout, keys: list[bytes]) -> None:
    """Keep keys: encrypted for this machine if it can, else for root's eyes only."""
    sealed = sealed_for_this_machine(b"".join(keys))
    if sealed is not None:
        machine.write(layout.sealed_key, sealed, mode=0o600)
        layout.plain_key.unlink(missing_ok=True)
    else:
        machine.write(layout.plain_key, b"".join(keys), mode=0o600)
    machine.write(layout.key_setting, key_setting(layout, sealed=sealed is not None))
    machine.run("systemctl", "daemon-reload")


def sealed_for_this_machine(key: bytes) -> bytes | None:
    """The key as a credential that only this machine opens; None where that does not work: systemd-creds(1)."""
    status, sealed, _ = machine.attempt("systemd-creds", "encrypt", f"--name={KEY_NAME}", "-", "-", stdin=key)
    if status != 0:
        return None
    status, opened, _ = machine.attempt("systemd-creds", "decrypt", f"--name={KEY_NAME}", "-", "-", stdin=sealed)
    return sealed if status == 0 and opened == key else None


def changes(layout: Layout, version: Path) -> bool:
    """Whether a file of the service is missing or another than this version's."""
    texts = layout.files(version / "systemd")
    return any(not path.is_file() or path.read_text(encoding="utf-8") != text for path, text in texts.items())


def use(layout: Layout, version: Path) -> None:
    """Put a version in use, with its unit files."""
    for path, text in layout.files(version / "systemd").items():
        machine.write(path, text)
    machine.point(layout.current, version)
    machine.point(layout.command, layout.current / "bin/nanoscale-box")
    machine.run("systemctl", "daemon-reload")
    machine.attempt("systemd-tmpfiles", "--create", str(layout.others()["nanoscale-box.tmpfiles.conf"]))
    reload = ("org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus", "ReloadConfig")
    machine.attempt("busctl", "call", *reload)
    machine.run("systemctl", "enable", BOX, INGRESS)


def start(layout: Layout) -> None:
    """Start the box and see that it stays; `Trouble` with its last words if it does not."""
    status, _, _ = machine.attempt("systemctl", "restart", BOX)
    deadline = time.monotonic() + _STEADY_SECONDS
    while status == 0 and time.monotonic() < deadline:
        if machine.state_of(BOX) != "active":
            status = 1
        time.sleep(0.2)
    asked, _, errors = machine.attempt(str(layout.current / "bin/nanoscale-box"), "status", "--json")
    if status != 0 or asked != 0:
        said = machine.last_words(BOX) or errors.decode(errors="replace").strip()
        raise Trouble(f"the box does not start: {said or 'see journalctl -u nanoscale-box'}")


def back_up(layout: Layout, before: Path) -> Path:
    """A copy of the database, which nobody writes to now."""
    folder = layout.backups / f"before-upgrade-from-{before.name}"
    as_the_box("rm", "--recursive", "--force", str(folder))
    as_the_box("mkdir", "--parents", "--mode=0700", str(folder))
    copy(layout.state, folder)
    return folder


def put_back(layout: Layout, backup: Path) -> None:
    """The database as it was."""
    as_the_box("rm", "--force", *(str(layout.state / name) for name in DATABASE))
    copy(backup, layout.state)


def copy(source: Path, target: Path) -> None:
    """Copy the files of a database."""
    there = [str(source / name) for name in DATABASE if (source / name).is_file()]
    if there:
        as_the_box("cp", "--preserve=mode,timestamps", *there, str(target))


def as_the_box(*argv: str) -> None:
    """Work in the box's home as its user alone: root would follow whatever link lies there."""
    machine.run("setpriv", f"--reuid={USER}", f"--regid={USER}", "--init-groups", *argv)


def prune(layout: Layout, keep: set[Path]) -> None:
    """Remove versions that are neither in use nor the one before."""
    others = sorted(
        (path for path in layout.versions.iterdir() if path not in keep), key=lambda path: path.stat().st_mtime
    )
    for path in others[: max(0, len(others) + len(keep) - KEPT_VERSIONS)]:
        shutil.rmtree(path, ignore_errors=True)


def tell(layout: Layout, version: Path) -> None:
    """What is now, and what to do next."""
    sealed = "encrypted for this machine" if layout.sealed_key.exists() else "readable by root alone"
    say(f"nanoscale-box {version.name} runs as a service; its keys are in {layout.etc}, {sealed}: keep a copy of them")
    say(f"settings: {layout.settings}; log: journalctl -u nanoscale-box; open it: nanoscale-box")

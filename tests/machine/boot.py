"""Becomes a systemd: run as the first process of fresh mount, process, cgroup, IPC and host name namespaces.

What the machine in there writes goes to memory and ends with it: `/run`, `/tmp` and `/var/tmp` are its own, and `/etc`,
`/var`, `/opt` and `/usr/local` lie over the real ones. Everything else is the real machine's, to be read. The network
is shared.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

OVERLAID = ("etc", "var", "opt", "usr/local")
# These would touch the real machine's devices, clock or folders, or have nothing to do here.
MASKED = (
    "systemd-tmpfiles-setup.service", "systemd-tmpfiles-setup-dev.service", "systemd-tmpfiles-clean.timer",
    "systemd-udevd.service", "systemd-udev-trigger.service", "systemd-update-utmp.service", "systemd-logind.service",
    "systemd-sysctl.service", "systemd-modules-load.service", "systemd-random-seed.service",
    "systemd-timesyncd.service",
    "systemd-binfmt.service", "apt-daily.timer", "apt-daily-upgrade.timer", "getty.target", "network-online.target",
)  # fmt: skip
TARGET = """\
[Unit]
Requires=basic.target dbus.socket
After=basic.target dbus.socket
AllowIsolate=yes
"""


def mount(*words: str) -> None:
    """mount(8), or the end."""
    subprocess.run(["mount", *words], check=True)


def main(systemd: str) -> None:
    """Prepare the file systems, then become the system's first process."""
    mount("--make-rprivate", "/")
    mount("-t", "proc", "proc", "/proc")
    for folder in ("/run", "/tmp", "/dev/shm"):
        mount("-t", "tmpfs", "tmpfs", folder)
    for name in OVERLAID:
        upper, work = Path("/run/over", name, "upper"), Path("/run/over", name, "work")
        upper.mkdir(parents=True)
        work.mkdir()
        mount("-t", "overlay", "overlay", "-o", f"lowerdir=/{name},upperdir={upper},workdir={work}", f"/{name}")
    for folder in ("/var/tmp", "/etc/systemd/system"):
        mount("-t", "tmpfs", "tmpfs", folder)
    subprocess.run(["umount", "--recursive", "/sys/fs/cgroup"], check=True)
    mount("-t", "cgroup2", "cgroup2", "/sys/fs/cgroup")
    mount("--make-rshared", "/")  # as on a real machine: systemd hands units their credentials by mounts
    units = Path("/etc/systemd/system")
    for name in MASKED:
        (units / name).symlink_to("/dev/null")
    (units / "machine.target").write_text(TARGET)
    options = ["--system", "--unit=machine.target", "--log-target=journal", "--log-level=info", "--show-status=no"]
    os.execve(systemd, [systemd, *options], {"PATH": os.environ["PATH"], "container": "nanoscale-box-test"})


if __name__ == "__main__":
    main(sys.argv[1])

"""One machine for all tests of this room: booting it and installing into it are the dear part."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dealing import once_a_run
from tests.machine.installing import CHECKOUT, Service
from tests.machine.machine import GROUP, machine, needs_systemd
from tests.needs import lacking, needs_caddy
from tests.ports import free_port

INSTALLED = [Path("/opt/nanoscale-box"), Path("/var/lib/nanoscale-box"), Path("/etc/nanoscale-box")]


@pytest.fixture(scope="session")
def github(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a simulated GitHub, which machine and tests both reach."""
    needs_systemd()
    home = tmp_path_factory.mktemp("github")
    argv = [sys.executable, "-m", "nanoscale_box.sandbox", f"--home={home}", "--die-with-parent"]
    process = subprocess.Popen(argv, cwd=CHECKOUT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
    assert process.stdout is not None
    url = json.loads(process.stdout.readline())["url"]
    yield url
    process.terminate()
    process.wait(timeout=20)
    process.stdout.close()


@pytest.fixture(scope="session")
def service(github: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The box as a service of a machine of its own."""
    needs_caddy()
    once_a_run("machine", tmp_path_factory)
    if any(path.exists() for path in INSTALLED):
        lacking("This machine has the service itself, and the tests would see it.")
    settings = {
        "NANOSCALE_ENV": "development",
        "NANOSCALE_LISTEN": f"127.0.0.1:{free_port()}",
        "NANOSCALE_INGRESS_LISTEN": f"127.0.0.1:{free_port()}",
        "NANOSCALE_MANUAL_HOSTS": github.removeprefix("http://"),
        "NANOSCALE_DEBOUNCE_SECONDS": "0",
        "NANOSCALE_POLL_SECONDS": "86400",
        "NANOSCALE_DRAIN_SECONDS": "1",
    }
    with machine() as booted:
        made = Service(machine=booted, settings=settings, github=github)
        made.configure()
        done = made.setup("install")
        assert "runs as a service" in done.stdout
        yield made
    assert list(Path("/sys/fs/cgroup").glob(f"**/*{GROUP}*")) == []
    assert not any(path.exists() for path in INSTALLED)

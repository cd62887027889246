"""The service in a real systemd: its walls, its rights, its runtime by the contract, its upgrades and its end."""

from __future__ import annotations

import json
import re
import shutil
import threading
import urllib.error
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.harness import app_files
from tests.machine.installing import CHECKOUT, Service
from tests.machine.machine import BOX

pytestmark = pytest.mark.timeout(280)
UNITS = ("nanoscale-box.service", "nanoscale-ingress.service", "nanoscale-app@.service", "nanoscale-build@.service")
INSTANCE = "0" * 26
WALLS = """
import os, pathlib
def attempt(work):
    try:
        return work()
    except OSError as error:
        return type(error).__name__
print("uid", os.getuid() >= 61184)
print("home", attempt(lambda: sorted(os.listdir("/var/lib/nanoscale-box"))))
print("keys", attempt(lambda: os.listdir("/etc/nanoscale-box")))
print("socket", attempt(lambda: sorted(os.listdir("/run/nanoscale-box"))))
print("release", attempt(lambda: pathlib.Path("by-the-app").write_text("x")))
print("tasks", pathlib.Path("/sys/fs/cgroup").is_dir(), flush=True)
"""


@pytest.fixture(scope="session")
def app(service: Service) -> str:
    """A deployed app that has a build, looks at its walls and serves a page."""
    files = app_files("one", walls__py=WALLS, build__sh="echo built > built.txt\n")
    files["nanoscale.toml"] = 'build_command = "sh build.sh"\nrun_command = "python3 walls.py; exec python3 app.py"\n'
    service.deploy("site", files)
    return "site"


def test_the_units_are_right_and_tight(service: Service) -> None:
    names = [*UNITS, "nanoscale-app-2@.service", "nanoscale-app-3@.service"]
    paths = [f"/etc/systemd/system/{name.replace('@.', f'@{INSTANCE}.')}" for name in names]
    done = service.machine.run("systemd-analyze", "verify", "--man=no", *paths, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    for name, most in zip(UNITS, (1.5, 1.5, 3.0, 3.0), strict=True):
        assert exposure(service, str(CHECKOUT / "systemd" / name)) <= most, name
    copies = {
        service.machine.says("cat", f"/etc/systemd/system/nanoscale-{one}@.service")
        for one in ("app", "app-2", "app-3")
    }
    assert len(copies) == 1


def exposure(service: Service, path: str) -> float:
    """What systemd says of a unit's walls: 0 is none, 10 is everything."""
    said = service.machine.says("systemd-analyze", "security", "--offline=true", "--no-pager", path)
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert found, said
    return float(found[1])


def test_the_runtime_keeps_its_contract(service: Service) -> None:
    service.machine.run("systemctl", "stop", "nanoscale-box")
    service.machine.run("install", "-d", f"--owner={BOX}", f"--group={BOX}", "--mode=0750", "/run/nanoscale-box")
    try:
        done = service.suite("tests/contract/test_runtime.py", RUNTIME_UNDER_TEST="systemd")
    finally:
        service.machine.run("systemctl", "start", "nanoscale-box")
    assert done.returncode == 0, (
        done.stdout[-6000:] + done.stderr[-2000:] + service.machine.says("journalctl", "-n60", "--no-pager")
    )
    assert "skipped" not in done.stdout


def test_the_box_may_do_nothing_else(service: Service) -> None:
    own = f"nanoscale-app@{INSTANCE}.service"
    refused = [
        ("stop", "nanoscale-box.service"),
        ("start", "dbus.service"),
        ("restart", "polkit.service"),
        ("stop", own),
        ("start", "nanoscale-app@Evil.service"),
        ("start", f"nanoscale-app@{INSTANCE}{INSTANCE}.service"),
        ("kill", "systemd-journald.service"),
        ("set-property", "--runtime", "dbus.service", "TasksMax=1"),
        ("clean", "--what=cache", "polkit.service"),
        ("enable", own),
        ("daemon-reload",),
        ("isolate", "rescue.target"),
    ]
    for words in refused:
        done = service.machine.run("systemctl", "--no-ask-password", *words, user=BOX, check=False)
        assert done.returncode != 0, words
        assert re.search(r"denied|authentication required|not permitted|Refusing", done.stderr), (words, done.stderr)
    allowed = ("set-property", "--runtime", own, "TasksMax=99")
    service.machine.run("systemctl", "--no-ask-password", *allowed, user=BOX)
    journal = service.machine.run("journalctl", "--no-pager", "-n1", user=BOX, check=False)
    assert "insufficient permissions" in journal.stdout + journal.stderr


def test_an_app_is_deployed_and_walled_in(service: Service, app: str) -> None:
    assert service.page(app) == "one"
    # The box copies what the journal gets, a moment later.
    service.machine.until(lambda: "tasks" in service.box("logs", app).stdout, "the app's words")
    said = service.box("logs", app).stdout
    seen = dict(line.split(" ", 1) for line in said.splitlines() if " " in line)
    assert seen["uid"] == "True"
    assert seen["home"] == "['cache', 'release']"
    assert seen["keys"] == "PermissionError"
    assert seen["socket"] in {"[]", "['order.json']", "['order.json', 'out.sock']"}
    assert seen["release"] in {"OSError", "PermissionError"}
    assert "builds and apps are set apart by systemd" in service.box("doctor", check=False).stdout
    release = next((service.home / "releases").glob("prj_*/dep_*/built.txt"))
    assert release.stat().st_uid == (service.home / "box.db").stat().st_uid
    orders = list((service.machine.root / "run/nanoscale-box/orders").rglob("order.json"))
    assert orders == []
    peer = service.machine.run(
        "/usr/local/bin/nanoscale-box", "status", user="nobody", check=False, HOME="/nonexistent"
    )
    assert peer.returncode != 0


def test_an_app_that_ends_before_systemd_calls_it_started_is_told_by_its_end(service: Service) -> None:
    """Here more comes after the app's start, so that it is gone before that is over, however quick the machine is."""
    slow = service.machine.root / "run/systemd/system/nanoscale-app@.service.d/slow.conf"
    slow.parent.mkdir(parents=True)
    slow.write_text("[Service]\nExecStartPost=/bin/sleep 1\n")
    service.machine.run("systemctl", "daemon-reload")
    try:
        ended = 'run_command = "echo all is said; exit 3"\n'
        service.ask_github("repos", {"name": "brief", "private": False, "files": {"nanoscale.toml": ended}})
        service.box("projects", "create", "--url", f"{service.github}/ada/brief", "--branch", "main", check=False)
    finally:
        shutil.rmtree(slow.parent)
        service.machine.run("systemctl", "daemon-reload")
    error = service.newest("brief").error
    assert error is not None
    assert (error.code, error.detail) == ("exited_early", "the app ended right after its start, with exit status 3")
    assert "all is said" in str(error.hint)


def test_limits_of_a_project_are_the_units(service: Service, app: str) -> None:
    service.box("projects", "set", app, "--memory-mb", "256", "--cpu-percent", "150", "--tasks-max", "200")
    assert service.push(app, {"page.txt": "one"}).state == "live"
    unit = service.machine.says("systemctl", "list-units", "--plain", "--no-legend", "nanoscale-app*@*").split()[0]
    told = service.machine.says("systemctl", "show", "--property=MemoryMax,CPUQuotaPerSecUSec,TasksMax", unit)
    assert set(told.splitlines()) == {"CPUQuotaPerSecUSec=1.500000s", f"MemoryMax={256 * 1024 * 1024}", "TasksMax=200"}


def test_what_a_limit_of_memory_means_here(service: Service, app: str) -> None:
    """Where control groups of version 2 have no memory controller, the limit is taken and not held, and the doctor
    says so."""
    there = service.machine.says("cat", "/sys/fs/cgroup/cgroup.controllers").split()
    doctor = service.box("doctor", check=False).stdout
    assert ("not limited in" in doctor) == (not {"memory", "cpu", "pids"} <= set(there))
    assert ("memory" in doctor.partition("not limited in")[2].partition("\n")[0]) == ("memory" not in there)
    hungry = {"build.sh": "python3 -c 'x = bytes(10**9); print(len(x))'\n"}
    service.box("projects", "set", app, "--build-memory-mb", "100")
    ended = service.push(app, hungry).state
    assert ended == ("failed" if "memory" in there else "live")
    service.box("projects", "set", app, "--build-memory-mb", "1000")
    assert service.push(app, {"build.sh": "echo built > built.txt\n"}).state == "live"


def test_keys_are_changed(service: Service, app: str) -> None:
    service.box("env", "set", app, "WORD=a-secret-word")
    assert "the new key seals from now on" in service.setup("new-key").stdout
    refused = service.setup("drop-old-keys", check=False)
    assert "still sealed with" in refused.stdout
    service.box("keys", "rotate")
    assert "newest key alone" in service.setup("drop-old-keys").stdout
    keys = json.loads(service.box("keys", "list", "--json").stdout)["items"]
    assert [(key["newest"], key["here"]) for key in keys] == [(True, True)]
    assert service.push(app, {"page.txt": "one"}).state == "live"


def test_a_killed_box_drops_nothing_and_comes_back(service: Service, app: str) -> None:
    before = service.main_pid("nanoscale-box")
    with visited(service, app) as failures:
        service.machine.run("kill", "-9", str(before))
        service.machine.until(lambda: service.main_pid("nanoscale-box") not in {0, before}, "the box is started again")
        service.machine.until(lambda: service.box("status", check=False).returncode == 0, "the box answers")
        assert service.push(app, {"page.txt": "two"}).state == "live"
    assert failures == []
    assert service.page(app) == "two"


def test_an_upgrade_keeps_apps_and_ingress_serving(service: Service, app: str) -> None:
    ingress, version = service.main_pid("nanoscale-ingress"), current(service)
    newer = checkout(service, "newer", "core/text.py", "\n# another version\n")
    with visited(service, app) as failures:
        done = service.setup("upgrade", program=newer)
    assert "going over from" in done.stdout
    assert failures == []
    assert current(service) != version
    assert service.main_pid("nanoscale-ingress") == ingress
    assert list((service.home / "backups").glob("*/box.db"))
    assert service.push(app, {"page.txt": "three"}).state == "live"
    again = service.setup("upgrade", program=newer)
    assert "is installed and runs" in again.stdout


def test_an_upgrade_that_does_not_come_up_goes_back(service: Service, app: str) -> None:
    version, ingress = current(service), service.main_pid("nanoscale-ingress")
    breaking = (
        "\nimport sqlite3\nsqlite3.connect('/var/lib/nanoscale-box/box.db').execute('PRAGMA user_version = 999')\n"
    )
    broken = checkout(service, "broken", "daemon.py", f"{breaking}raise SystemExit('broken on purpose')\n")
    with visited(service, app) as failures:
        done = service.setup("upgrade", program=broken, check=False)
    assert done.returncode == 1
    assert "runs again, with the database as it was" in done.stdout
    assert "broken on purpose" in done.stdout
    assert failures == []
    assert (current(service), service.main_pid("nanoscale-ingress")) == (version, ingress)
    assert service.newest(app).state == "live"


def test_an_uninstall_leaves_nothing_but_what_was_kept(service: Service, app: str) -> None:
    assert service.page(app)
    done = service.setup("uninstall")
    assert "is no service any more" in done.stdout
    with pytest.raises(urllib.error.URLError):
        service.page(app)
    assert service.machine.says("systemctl", "list-units", "--plain", "--no-legend", "--all", "nanoscale-*") == ""
    assert not (service.machine.root / "opt/nanoscale-box").exists()
    assert (service.home / "box.db").exists()
    service.setup("install")
    service.machine.until(lambda: service.page(app), "what was kept is served again")
    service.setup("uninstall", "--purge")
    left = service.machine.says(
        "find", "/etc", "/var", "/opt", "/usr/local", "-name", "*nanoscale*", "-not", "-type", "c"
    )
    assert left.splitlines() == []
    assert service.machine.run("id", BOX, check=False).returncode != 0


def current(service: Service) -> str:
    """The version in use."""
    return service.machine.says("readlink", "/opt/nanoscale-box/current")


def checkout(service: Service, name: str, file: str, more: str) -> Path:
    """A checkout in the machine that differs in one file."""
    folder = service.machine.root / "tmp" / name
    shutil.copytree(CHECKOUT / "nanoscale_box", folder / "nanoscale_box", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(CHECKOUT / "systemd", folder / "systemd")
    shutil.copy(CHECKOUT / "pyproject.toml", folder)
    changed = folder / "nanoscale_box" / file
    changed.write_text(changed.read_text() + more)
    return Path("/tmp", name)


@contextmanager
def visited(service: Service, name: str) -> Iterator[list[str]]:
    """Visit an app without a pause; what went wrong."""
    failures: list[str] = []
    stop = threading.Event()

    def visit() -> None:
        while not stop.wait(0.05):
            try:
                service.page(name)
            except OSError as error:
                failures.append(str(error))

    visitor = threading.Thread(target=visit)
    visitor.start()
    try:
        yield failures
    finally:
        stop.set()
        visitor.join()

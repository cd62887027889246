"""A real box for a bench: a home seeded through the store, and the daemon as a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from nanoscale_box.core.model import InstallationId, Link, Project, ProjectId, RepoId, SourceProvider
from nanoscale_box.engine.records import Records
from nanoscale_box.store.database import Database
from tests.bench.deliveries import REPO_ID, SECRET
from tests.ports import free_port

INSTALLATION = InstallationId(42424242)
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A daemon at work."""

    process: subprocess.Popen[bytes]
    port: int
    home: Path
    ready_seconds: float
    """From the start of the process to its first answer on the public door."""

    def url(self, path: str) -> str:
        """An address on the public door."""
        return f"http://127.0.0.1:{self.port}{path}"


def project(number: int = 1, repo_id: int = REPO_ID) -> Project:
    """A project that deploys `main` of the repository the pushes go to."""
    now = datetime.now(UTC)
    name = f"app-{number:05d}"
    project_id = ProjectId(f"prj_{number:026d}")
    link = Link(
        project_id=project_id,
        installation_id=INSTALLATION,
        repo_id=RepoId(repo_id),
        repo_node_id="R_kgDOCyNfyg",
        owner_login="ada-lovelace",
        repo_name="analytical-engine",
        full_name="ada-lovelace/analytical-engine",
        default_branch="main",
        selected_branch="main",
        is_private=True,
    )
    return Project(
        id=project_id,
        name=name,
        hosts=(f"{name}.localhost",),
        source_provider=SourceProvider.GITHUB,
        branch="main",
        created_at=now,
        updated_at=now,
        link=link,
    )


def seed(home: Path, projects: Sequence[Project]) -> None:
    """Make a home with these projects."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def add(records: Records) -> None:
        for one in projects:
            records.projects.add(one)

    async def write() -> None:
        database = await Database.open(home / "box.db")
        await database.write(add)
        await database.close()

    asyncio.run(write())


def pinned(core: int | None, argv: Sequence[str]) -> list[str]:
    """The command on one core, so that a receiver and the sender never share one."""
    return list(argv) if core is None else ["taskset", "-c", str(core), *argv]


def wait_for(process: subprocess.Popen[bytes], port: int, path: str = "/healthz", seconds: float = 60) -> float:
    """Wait until somebody answers there; give the seconds it took."""
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args!r} ended at its start with status {process.returncode}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5):
                return time.perf_counter() - began
        except urllib.error.HTTPError:
            return time.perf_counter() - began
        except OSError:
            time.sleep(0.005)
    raise RuntimeError(f"{process.args!r} did not answer within {seconds} s")


def environment(home: Path, port: int, **more: str) -> dict[str, str]:
    """The settings of a box with an App of its own, and of a GitHub that is not there."""
    key = home / "app.pem"
    if not key.exists():
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        plain = serialization.NoEncryption()
        key.write_bytes(
            made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, plain)
        )
    nowhere = "http://127.0.0.1:9"
    given = {
        "NANOSCALE_ENV": "development",
        "NANOSCALE_HOME": str(home),
        "NANOSCALE_SOCKET": str(home / "box.sock"),
        "NANOSCALE_LISTEN": f"127.0.0.1:{port}",
        "NANOSCALE_INGRESS_LISTEN": f"127.0.0.1:{free_port()}",
        "NANOSCALE_PUBLIC_BASE_URL": f"http://127.0.0.1:{port}",
        "NANOSCALE_GITHUB_URL": nowhere,
        "NANOSCALE_GITHUB_API_URL": nowhere,
        "NANOSCALE_GITHUB_APP_ID": "901234",
        "NANOSCALE_GITHUB_APP_CLIENT_ID": "Iv1.bench",
        "NANOSCALE_GITHUB_APP_CLIENT_SECRET": "not used here",
        "NANOSCALE_GITHUB_APP_PRIVATE_KEY_PATH": str(key),
        "NANOSCALE_GITHUB_WEBHOOK_SECRET": SECRET,
        "NANOSCALE_POLL_SECONDS": "86400",
        "NANOSCALE_SYNC_SECONDS": "86400",
        **more,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NANOSCALE_")}
    return {**kept, **given}


@contextmanager
def running(home: Path, *, core: int | None = None, **settings: str) -> Iterator[Box]:
    """The daemon within a block; killed for good at its end if it does not go by itself."""
    port = free_port()
    argv = pinned(core, [sys.executable, "-m", "nanoscale_box", "serve"])
    given = environment(home, port, **settings)
    with (home / "daemon.log").open("ab") as log:
        process = subprocess.Popen(argv, cwd=ROOT, env=given, stdout=log, stderr=log, start_new_session=True)
    try:
        yield Box(process=process, port=port, home=home, ready_seconds=wait_for(process, port))
    finally:
        end(process)
        _end_ingress(home)


def _end_ingress(home: Path) -> None:
    """The ingress outlives its box on purpose, and must not outlive the bench."""
    with suppress(FileNotFoundError, ProcessLookupError):
        pid = int(json.loads((home / "ingress" / "caddy.json").read_bytes())["process"]["pid"])
        if str(home).encode() in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask it to go, and make it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()

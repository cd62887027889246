"""A box as a process of its own with a throw-away home, driven through its doors; nothing of it outlives the test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import msgspec

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.client.errors import Unreachable
from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire import requests, shapes
from tests.e2e.processes import SECONDS, at_work_in, described, end_all_in, is_running, until
from tests.ports import free_port

T = TypeVar("T")

CHECKOUT = Path(__file__).resolve().parents[2]
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR")
ENDED = frozenset({"live", "failed", "superseded", "cancelled", "retired"})
PIP = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
"""How this machine's pip is told to reach an index; builds see nothing of it unless a project says so."""

SERVER = """
import http.server, os, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = open("page.txt", "rb").read()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((os.environ["HOST"], int(os.environ["PORT"])), Page).serve_forever()
"""
"""An app of the standard library that serves page.txt."""


def app_files(page: str, **more: str) -> dict[str, str]:
    """A small app; `more` are other files, with `__` for a dot in their names."""
    others = {name.replace("__", "."): text for name, text in more.items()}
    return {"app.py": SERVER, "page.txt": page, "nanoscale.toml": 'run_command = "python3 app.py"\n', **others}


@dataclass(slots=True, kw_only=True)
class Box:
    """One box. `start` and `kill` as often as a test likes; `settings` are its environment."""

    folder: Path
    settings: dict[str, str]
    python: str = sys.executable
    prefix: tuple[str, ...] = ()
    """The words before its command line: a program that becomes the box, and does something else besides."""
    process: subprocess.Popen[bytes] | None = None
    said: bytes = b""
    _http: aiohttp.ClientSession | None = field(default=None, init=False)

    @property
    def home(self) -> Path:
        return Path(self.settings["NANOSCALE_HOME"])

    @property
    def socket(self) -> Path:
        return Path(self.settings["NANOSCALE_SOCKET"])

    @property
    def log(self) -> str:
        return (self.folder / "box.log").read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    @property
    def http(self) -> aiohttp.ClientSession:
        if self._http is None:
            connector = aiohttp.TCPConnector(force_close=True)
            self._http = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=15))
        return self._http

    def spawn(self, **settings: str) -> subprocess.Popen[bytes]:
        """Start it and wait for nothing; `settings` go before those it has, this once."""
        with (self.folder / "box.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, self.python, "-m", "nanoscale_box", "serve"],
                env={**self.settings, **settings},
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    async def start(self, **settings: str) -> None:
        """Start it and wait until its socket answers; `settings` go before those it has, this once."""
        process = self.spawn(**settings)
        deadline = asyncio.get_running_loop().time() + SECONDS
        while True:
            assert process.poll() is None, f"the box ended:\n{self.log}"
            assert asyncio.get_running_loop().time() < deadline, f"the box does not answer:\n{self.log}"
            try:
                async with self.client() as client:
                    await client.session()
                return
            except Unreachable:
                await asyncio.sleep(0.02)

    def refused(self, **settings: str) -> subprocess.CompletedProcess[str]:
        """Start one that is expected to end by itself."""
        return subprocess.run(
            [self.python, "-m", "nanoscale_box", "serve"],
            env={**self.settings, **settings}, cwd=CHECKOUT, capture_output=True, text=True, timeout=20, check=False,
        )  # fmt: skip

    def cli(self, *words: str, seconds: float = 40) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line. It blocks the loop: where the sandbox has to answer meanwhile, use
        `command`."""
        return subprocess.run(
            [sys.executable, "-m", "nanoscale_box", *words],
            env=self.settings, cwd=CHECKOUT, capture_output=True, text=True, timeout=seconds, check=False,
        )  # fmt: skip

    async def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line while the loop goes on."""
        return await asyncio.to_thread(self.cli, *words)

    def kill(self) -> None:
        """kill -9."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    async def ended(self, seconds: float = SECONDS) -> int:
        """Wait until it has ended by itself."""
        process = self.process
        assert process is not None
        return await asyncio.to_thread(process.wait, seconds)

    async def stop(self) -> int:
        """SIGTERM; its exit status within the 30 s it may take."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return await self.ended(30)

    def client(self) -> BoxClient:
        return BoxClient.dial(self.socket)

    async def page(self, host: str, path: str = "/") -> tuple[int, str]:
        """What a visitor is answered."""
        address = self.settings["NANOSCALE_INGRESS_LISTEN"]
        async with self.http.get(f"http://{address}{path}", headers={"Host": host}) as answer:
            return answer.status, (await answer.text()).strip()

    async def create(self, url: str, **fields: Any) -> shapes.Deployment:  # noqa: ANN401 - fields of CreateProject
        """Create a project from a public URL and wait for the end of its first deployment."""
        seconds = fields.pop("seconds", SECONDS)
        asked = requests.CreateProject(repo_url=url, branch=fields.pop("branch", "main"), **fields)
        async with self.client() as client:
            created = await client.create_project(asked)
        return await self.in_state(created.deployment.id, *ENDED, seconds=seconds)

    async def redeploy(self, project: str) -> shapes.Deployment:
        """Deploy and wait for the end."""
        async with self.client() as client:
            queued = await client.redeploy(project)
        assert queued is not None
        return await self.end_of(queued.id)

    async def end_of(self, deployment_id: str) -> shapes.Deployment:
        """The deployment once it has ended."""
        return await self.in_state(deployment_id, *ENDED)

    async def in_state(self, deployment_id: str, *states: str, seconds: float = SECONDS) -> shapes.Deployment:
        """The deployment once it is in one of these states."""

        async def look(client: BoxClient) -> shapes.Deployment | None:
            found = await client.deployment(deployment_id)
            return found if found.state in states else None

        return await self.seen(look, f"{deployment_id} {'/'.join(states)}", seconds)

    async def numbered(self, project: str, number: int) -> shapes.Deployment:
        """A project's deployment by its number, once there is one and it has ended."""

        async def look(client: BoxClient) -> shapes.Deployment | None:
            there = (await client.deployments(project)).items
            return next((one for one in there if one.number == number and one.state in ENDED), None)

        return await self.seen(look, f"the end of #{number} of {project}")

    async def seen(self, look: Callable[[BoxClient], Awaitable[T | None]], what: str, seconds: float = SECONDS) -> T:
        """What `look` gives, once it gives something. Streams would tell sooner, but not across a box that dies."""
        deadline = asyncio.get_running_loop().time() + seconds
        async with self.client() as client:
            while (found := await look(client)) is None:
                assert asyncio.get_running_loop().time() < deadline, f"not seen: {what}\n{self.log}"
                await asyncio.sleep(0.02)
        return found

    async def build_log(self, deployment_id: str) -> str:
        async with self.client() as client:
            lines = client.deployment_log(deployment_id, follow=False)
            return "\n".join([line.text async for line in lines if isinstance(line, shapes.LogLine)])

    def apps(self) -> dict[str, int]:
        """The running apps: deployment id -> process id."""
        found = {}
        for record in (self.home / "instances").glob("*.json"):
            try:
                process = json.loads(record.read_text()).get("process")
            except FileNotFoundError:  # it was ended between the two looks
                continue
            if process and is_running(process["pid"]):
                found[record.stem] = int(process["pid"])
        return found

    def caddy(self) -> int:
        """The ingress' process id, 0 when none runs."""
        record = self.home / "ingress" / "caddy.json"
        pid = int(msgspec.json.decode(record.read_bytes())["process"]["pid"]) if record.exists() else 0
        return pid if pid and is_running(pid) else 0

    async def close(self) -> None:
        if self._http is not None:
            await self._http.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()
        end_all_in(self.folder)


@asynccontextmanager
async def box_in(folder: Path, sandbox: Sandbox | None = None, **settings: str) -> AsyncIterator[Box]:
    """A box that is not started yet; at the end nothing of it runs."""
    folder.mkdir(parents=True, exist_ok=True)
    box = Box(folder=folder, settings=settings_for(folder, sandbox) | settings)
    try:
        yield box
    finally:
        await box.close()
        assert at_work_in(folder) == [], described(at_work_in(folder))


def settings_for(folder: Path, sandbox: Sandbox | None) -> dict[str, str]:
    """The whole environment of a box for a test."""
    listen, ingress = free_port(), free_port()
    there = {
        "NANOSCALE_GITHUB_URL": sandbox.url,
        "NANOSCALE_GITHUB_API_URL": sandbox.api_url,
        "NANOSCALE_MANUAL_HOSTS": sandbox.url.removeprefix("http://"),
    } if sandbox else {}  # fmt: skip
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "HOME": str(folder),
        "PYTHONPATH": str(CHECKOUT),
        "NANOSCALE_ENV": "development",
        "NANOSCALE_HOME": str(folder / "home"),
        "NANOSCALE_SOCKET": str(folder / "box.sock"),
        "NANOSCALE_LISTEN": f"127.0.0.1:{listen}",
        "NANOSCALE_INGRESS_LISTEN": f"127.0.0.1:{ingress}",
        "NANOSCALE_DEBOUNCE_SECONDS": "0",
        **there,
    }


async def repository(sandbox: Sandbox, name: str, files: Mapping[str, str], *, private: bool = False) -> str:
    """A repository with these files; its clone URL."""
    order = {"name": name, "private": private, "files": dict(files)}
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{sandbox.url}/_sandbox/repos", json=order) as answer,
    ):
        assert answer.status == 201, await answer.text()
    return f"{sandbox.url}/ada/{name}"


__all__ = ["Box", "app_files", "box_in", "repository", "settings_for", "until"]

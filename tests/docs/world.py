"""Where the documents' commands are typed: a home of its own, a box in it, a simulated GitHub, and the person."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Final

from nanoscale_box.demo.browser import Browser
from tests.docs.quick import write_command
from tests.e2e.harness import CHECKOUT, PIP, app_files
from tests.e2e.processes import at_work_in, described, end_all_in
from tests.needs import needs, needs_caddy
from tests.ports import free_port

PERSON: Final = "ada"
APP: Final = "hello"
SECONDS: Final = 30.0
KEPT: Final = ("PATH", "LANG", "LC_ALL")
_DOORS: Final = ("listen", "api", "apps")
PASSPHRASE: Final = "correct horse battery staple"


@dataclass(slots=True, kw_only=True)
class World:
    """Everything there is. `said` is what commands printed, newest last."""

    folder: Path
    github: str
    ports: dict[str, int]
    environ: dict[str, str]
    box: subprocess.Popen[bytes] | None = None
    said: list[str] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The person's home folder."""
        return self.folder / "home"

    def start(self) -> None:
        """Start the box, and wait until it answers."""
        with (self.folder / "box.log").open("ab") as log:
            self.box = subprocess.Popen(
                [sys.executable, "-m", "nanoscale_box", "serve"], env=self.environ, cwd=self.home,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.until(lambda: self.run("nanoscale-box status").returncode == 0, "the box answers")

    def stop(self) -> None:
        """Stop the box; apps go on."""
        if self.box is not None and self.box.poll() is None:
            self.box.terminate()
            self.box.wait(timeout=40)
        self.box = None

    def run(self, line: str, folder: Path | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        """Type a line into a shell; what it printed, as it would stand in a terminal."""
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", line], env={**self.environ, **environ}, cwd=folder or self.home,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=SECONDS,
            check=False,
        )  # fmt: skip

    def ask(self, line: str) -> str:
        """What a command prints, which must succeed."""
        done = self.run(line)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{self.log}"
        return done.stdout

    def told(self, line: str) -> Any:  # noqa: ANN401 - JSON of a command
        """The same with `--json`."""
        return json.loads(self.ask(f"{line} --json"))

    def order(self, what: str, body: dict[str, object] | None = None) -> Any:  # noqa: ANN401 - JSON of another system
        """Have something happen at GitHub, or without a body look at it."""
        data = json.dumps(body).encode() if body is not None else None
        asked = urllib.request.Request(f"{self.github}/_sandbox/{what}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            return json.loads(answer.read() or b"null")

    def until(self, holds: Callable[[], object], what: str) -> None:
        """Wait until something holds."""
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert self.box is None or self.box.poll() is None, f"the box ended:\n{self.log}"
            assert time.monotonic() < deadline, f"not seen: {what}\n{self.log}"
            time.sleep(0.05)

    @property
    def log(self) -> str:
        """The end of the box's log."""
        there = self.folder / "box.log"
        return there.read_text(errors="replace")[-4000:] if there.exists() else ""

    # what may be taken for granted

    def given(self) -> None:
        """A box that runs, is connected, and serves the app, whatever was typed before."""
        if self.box is None or self.box.poll() is not None:
            self.settle()
            self.start()
        told = self.told("nanoscale-box status")
        if not told["github"]["connected"]:
            self.connect()
        projects = {one["name"]: one for one in told["projects"]}
        if APP not in projects:
            self.ask(f"nanoscale-box projects create --repo {PERSON}/{APP} --branch main --name {APP}")
        elif projects[APP]["state"] != "live":
            self.ask(f"nanoscale-box resume {APP}")
            self.ask(f"nanoscale-box deploy {APP}")

    def settle(self) -> None:
        """The settings file, and what a person has at hand."""
        listen = self.ports["listen"]
        settings = {
            "NANOSCALE_ENV": "development",
            "NANOSCALE_LISTEN": f"127.0.0.1:{listen}",
            "NANOSCALE_PUBLIC_BASE_URL": f"http://127.0.0.1:{listen}",
            "NANOSCALE_API_LISTEN": f"127.0.0.1:{self.ports['api']}",
            "NANOSCALE_INGRESS_LISTEN": f"127.0.0.1:{self.ports['apps']}",
            "NANOSCALE_GITHUB_URL": self.github,
            "NANOSCALE_GITHUB_API_URL": f"{self.github}/api/v3",
            "NANOSCALE_MANUAL_HOSTS": self.github.removeprefix("http://"),
            "NANOSCALE_DEBOUNCE_SECONDS": "0",
            "NANOSCALE_DRAIN_SECONDS": "1",
        }
        file = self.home / ".config" / "nanoscale-box" / "settings.env"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))

    def connect(self, line: str = "nanoscale-box github connect") -> str:
        """Type it, and click through the pages in a browser; what was printed."""
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", line], env=self.environ, cwd=self.home, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        assert process.stdout is not None
        said = ""
        for said_line in process.stdout:
            said += said_line
            if said_line.startswith("http"):
                asyncio.run(_click_through(said_line.strip()))
        process.stdout.close()
        assert process.wait(timeout=SECONDS) == 0, said
        return said

    def free_name(self, name: str) -> None:
        """Delete a project, if there is one by this name."""
        if any(one["name"] == name for one in self.told("nanoscale-box projects list")["items"]):
            self.ask(f"nanoscale-box projects delete {name} --confirm {name}")


async def _click_through(url: str) -> None:
    """Say yes on every page that a browser is led through."""
    async with Browser() as browser:
        page = await browser.open(url)
        for _ in range(6):
            names = [form.id for form in page.forms]
            if "install" in names:
                page = await browser.send(page, "install", account=PERSON)
            elif names:
                page = await browser.send(page, next((one for one in ("create", "authorize") if one in names), None))
        assert page.status == 200, page.text


@contextmanager
def world() -> Iterator[World]:
    """A world for a while; at the end nothing of it is left."""
    needs_caddy()
    needs("git", "curl", "bash", "zsh", "fish")
    with ExitStack() as stack:
        folder = Path(mkdtemp(prefix="docs-"))
        stack.callback(_put_away, folder)
        (folder / "home").mkdir()
        (folder / "run").mkdir(mode=0o700)
        (folder / "bin").mkdir()
        github = _started(stack, folder, "nanoscale_box.sandbox", f"--home={folder / 'github'}", "--die-with-parent")
        write_command(folder / "bin" / "nanoscale-box", folder / "door")
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        environ = {
            **kept, **PIP, "PATH": f"{folder / 'bin'}:{kept['PATH']}", "HOME": str(folder / "home"), "USER": PERSON,
            "XDG_RUNTIME_DIR": str(folder / "run"), "PYTHONPATH": str(CHECKOUT), "NO_COLOR": "1", "TERM": "xterm",
            "COLUMNS": "120", "TMPDIR": str(folder),
        }  # fmt: skip
        _started(stack, folder, "tests.docs.quick", str(folder / "door"))
        ports = {door: free_port() for door in _DOORS}
        made = World(folder=folder, github=json.loads(github)["url"], ports=ports, environ=environ)
        _furnish(made)
        stack.callback(made.stop)
        yield made


def _furnish(made: World) -> None:
    """The repositories that the documents speak of, and what the person keeps at home."""
    site = {"index.html": "<h1>site</h1>\n", "web/index.html": "<h1>web</h1>\n"}
    made.order("repos", {"name": "site", "private": False, "files": site})
    made.order("repos", {"name": "first-page", "private": True})
    made.order("repos", {"name": "service", "private": True, "files": app_files("one")})
    accounts = {one["login"]: one["personal_token"] for one in made.order("state")["accounts"]}
    (made.home / ".gitconfig").write_text(
        f"[user]\n\tname = Ada\n\temail = ada@example.org\n[init]\n\tdefaultBranch = main\n"
        f"[credential]\n\thelper = \"!printf 'username={PERSON}\\npassword={accounts[PERSON]}\\n'; :\"\n"
    )
    (made.home / ".env").write_text("GREETING=hello\n")
    (made.home / "scripts").symlink_to(CHECKOUT / "scripts")


def _started(stack: ExitStack, folder: Path, module: str, *words: str) -> str:
    """A helper until the end; its first line."""
    log = stack.enter_context((folder / "helpers.log").open("ab"))
    process = subprocess.Popen(
        [sys.executable, "-m", module, *words], cwd=CHECKOUT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=log,
    )  # fmt: skip
    stack.callback(process.wait, 20)
    stack.callback(process.send_signal, signal.SIGTERM)
    assert process.stdout is not None
    stack.callback(process.stdout.close)
    return process.stdout.readline().decode()


def _put_away(folder: Path) -> None:
    """End what outlives a box, and see that nothing is at work any more."""
    end_all_in(folder)
    left = at_work_in(folder)
    assert left == [], described(left)
    subprocess.run(["rm", "-rf", str(folder)], check=True)

"""The service as an owner installs it, in the machine, from this checkout."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.places import SERVICE_SOCKET
from nanoscale_box.wire import shapes
from tests.machine.machine import BOX, Machine
from tests.needs import needs_python_for_everybody

CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS = 240.0
ENDED = {"live", "failed", "superseded", "cancelled", "retired"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The machine with the box in it."""

    machine: Machine
    settings: dict[str, str]
    github: str

    @property
    def home(self) -> Path:
        """The box's home, as seen from here."""
        return self.machine.root / "var/lib/nanoscale-box"

    @property
    def port(self) -> str:
        """Where apps are served."""
        return self.settings["NANOSCALE_INGRESS_LISTEN"].rpartition(":")[2]

    def setup(self, *words: str, program: Path = CHECKOUT, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Install, upgrade or uninstall, from a checkout's own environment."""
        argv = [sys.executable, "-Bm", "nanoscale_box.service", *words]
        return self.machine.run(*argv, check=check, seconds=SECONDS, PYTHONPATH=str(program))

    def box(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of the box's, as root."""
        return self.machine.run("/usr/local/bin/nanoscale-box", *words, check=check, HOME="/nonexistent")

    def deploy(self, name: str, files: Mapping[str, str], *words: str) -> None:
        """A repository on GitHub, a project of it, and its first deployment to the end."""
        self.ask_github("repos", {"name": name, "private": False, "files": dict(files)})
        self.box("projects", "create", "--url", f"{self.github}/ada/{name}", "--branch", "main", "--name", name, *words)
        self.machine.until(lambda: self.newest(name).state in ENDED, f"the first deployment of {name} ends")

    def push(self, name: str, files: Mapping[str, str]) -> shapes.Deployment:
        """Push files and deploy them; the deployment once it has ended."""
        self.ask_github("push", {"repo": f"ada/{name}", "branch": "main", "files": dict(files), "message": "change"})
        number = self.newest(name).number
        self.box("deploy", name)
        self.machine.until(lambda: self.newest(name).number > number, f"{name} is deployed again")
        self.machine.until(lambda: self.newest(name).state in ENDED, f"the deployment of {name} ends")
        return self.newest(name)

    def newest(self, name: str) -> shapes.Deployment:
        """The newest deployment of a project, asked from here: commands that start in the machine take their time."""

        async def asked() -> shapes.Deployment:
            async with BoxClient.dial(self.machine.root / SERVICE_SOCKET.relative_to("/")) as client:
                return (await client.deployments(name)).items[0]

        return asyncio.run(asked())

    def page(self, name: str) -> str:
        """What a visitor is shown."""
        asked = urllib.request.Request(f"http://127.0.0.1:{self.port}/", headers={"Host": f"{name}.localhost"})
        with urllib.request.urlopen(asked, timeout=20) as answer:
            text: str = answer.read().decode()
        return text.strip()

    def ask_github(self, what: str, order: dict[str, object]) -> None:
        """Tell the simulated GitHub what happens there."""
        headers = {"Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.github}/_sandbox/{what}", json.dumps(order).encode(), headers)
        with urllib.request.urlopen(asked, timeout=20) as answer:
            assert answer.status < 300

    def main_pid(self, unit: str) -> int:
        """The main process of a unit, as the machine numbers it; 0 when it does not run."""
        return int(self.machine.says("systemctl", "show", "--property=MainPID", "--value", unit))

    def configure(self) -> None:
        """Write the settings, before or after the installation."""
        text = "".join(f"{name}={value}\n" for name, value in self.settings.items())
        self.machine.run("mkdir", "-p", "/etc/nanoscale-box")
        (self.machine.root / "etc/nanoscale-box/settings.env").write_text(text)

    def suite(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """Run tests of this checkout within the machine, as the box's own user."""
        python = needs_python_for_everybody()
        path = os.pathsep.join([str(CHECKOUT), *(one for one in sys.path if one.endswith("site-packages"))])
        options = ["-q", "-x", "-p", "no:cacheprovider", "--basetemp=/tmp/contract", "--rootdir", str(CHECKOUT)]
        argv = [python, "-B", "-m", "pytest", "-c", str(CHECKOUT / "pyproject.toml"), *options]
        targets = [str(CHECKOUT / word) if word.startswith("tests/") else word for word in words]
        return self.machine.run(
            *argv,
            *targets,
            user=BOX,
            check=False,
            seconds=SECONDS,
            PYTHONPATH=path,
            HOME="/var/lib/nanoscale-box",
            **environ,
        )

"""Starts the receivers that ours is held against, or says in a sentence why one cannot be started."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.bench.boxes import ROOT, end, pinned, wait_for
from tests.bench.deliveries import PATH, SECRET
from tests.ports import free_port

OCTOKIT: Final = "@octokit/webhooks@14.2.0"
_HERE: Final = Path(__file__).parent


class Missing(Exception):
    """A peer that this machine cannot have, told in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """Somebody who takes deliveries."""

    name: str
    process: subprocess.Popen[bytes]
    port: int


@contextmanager
def octokit(folder: Path, core: int | None) -> Iterator[Receiver]:
    """Octokit's Node receiver, installed into a folder that is thrown away."""
    if not (shutil.which("node") and shutil.which("npm")):
        raise Missing("This machine has no node and npm for Octokit's receiver.")
    (folder / "package.json").write_text(json.dumps({"name": "bench", "version": "1.0.0", "private": True}))
    shutil.copy(_HERE / "octokit.mjs", folder / "octokit.mjs")
    install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", OCTOKIT]
    try:
        subprocess.run(install, cwd=folder, check=True, capture_output=True, timeout=180)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        raise Missing(f"npm could not install {OCTOKIT}; is there a network?") from None
    port = free_port()
    with _started(f"{OCTOKIT} (stores nothing)", ["node", "octokit.mjs"], port, core, folder) as receiver:
        yield receiver


@contextmanager
def debian_webhook(folder: Path, core: int | None) -> Iterator[Receiver]:
    """Debian's `webhook`, which starts a command that does nothing for each delivery."""
    if shutil.which("webhook") is None:
        raise Missing("This machine has no `webhook`; on Debian: apt install webhook.")
    signed = {
        "type": "payload-hmac-sha256",
        "secret": SECRET,
        "parameter": {"source": "header", "name": "X-Hub-Signature-256"},
    }
    hook = {"id": "hook", "execute-command": "/bin/true", "trigger-rule": {"match": signed}}
    (folder / "hooks.json").write_text(json.dumps([hook]))
    prefix, _, last = PATH.strip("/").rpartition("/")
    hook["id"] = last
    (folder / "hooks.json").write_text(json.dumps([hook]))
    port = free_port()
    argv = ["webhook", "-hooks", "hooks.json", "-ip", "127.0.0.1", "-port", str(port), "-urlprefix", prefix]
    with _started("Debian's webhook (starts /bin/true)", argv, port, core, folder) as receiver:
        yield receiver


@contextmanager
def bare_aiohttp(folder: Path, core: int | None) -> Iterator[Receiver]:
    """aiohttp that checks the signature alone."""
    port = free_port()
    argv = [sys.executable, "-m", "tests.bench.peers.bare_aiohttp", str(port), SECRET]
    with _started("aiohttp with HMAC alone", argv, port, core, ROOT) as receiver:
        yield receiver


@contextmanager
def _started(name: str, argv: list[str], port: int, core: int | None, folder: Path) -> Iterator[Receiver]:
    environ = {**os.environ, "PORT": str(port), "SECRET": SECRET}
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(
        pinned(core, argv), cwd=folder, env=environ, stdout=quiet, stderr=quiet, start_new_session=True
    )
    try:
        wait_for(process, port)
        yield Receiver(name=name, process=process, port=port)
    finally:
        end(process)

"""A real local door before a fake engine, and commands that are typed at it."""

from __future__ import annotations

import json
import os
import sys
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientSession, UnixConnector

from nanoscale_box.cli import main as cli
from nanoscale_box.web.server import build_local, open_local
from tests.house.tree import ROOT
from tests.web.fake_engine import FakeEngine


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a command gave and said."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:  # noqa: ANN401 - JSON
        """What it gave, as JSON."""
        return json.loads(self.out)

    @property
    def problem(self) -> dict[str, Any]:
        """What it said, as a problem document."""
        problem: dict[str, Any] = json.loads(self.err)
        return problem


Type = Callable[..., Coroutine[Any, Any, Told]]


@pytest.fixture
async def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def socket(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[Path]:
    """A door that is open."""
    door = await open_local(build_local(engine.services(), ping_seconds=0.2), tmp_path / "run" / "box.sock")
    yield Path(door.name)
    await door.close()


@pytest.fixture
async def api(socket: Path) -> AsyncIterator[ClientSession]:
    """The same door, without the command line before it."""
    async with ClientSession(base_url="http://box", connector=UnixConnector(path=str(socket))) as session:
        yield session


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No box is running where commands look for one."""
    path = tmp_path / "nobody.sock"
    monkeypatch.setenv("NANOSCALE_SOCKET", str(path))
    return path


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Type:
    """Carries out a command line in this process."""

    async def carry_out(*words: str) -> Told:
        capfd.readouterr()
        try:
            status = await cli.run(cli.parse(words))
        except SystemExit as ended:
            status = int(ended.code or 0)
        sys.stdout.flush()
        out, err = capfd.readouterr()
        return Told(status=status, out=out, err=err)

    monkeypatch.setenv("TERM", "xterm")
    return carry_out


@pytest.fixture
def box(typed: Type, socket: Path, monkeypatch: pytest.MonkeyPatch) -> Type:
    """Carries out a command line at the open door."""
    monkeypatch.setenv("NANOSCALE_SOCKET", str(socket))
    return typed


async def process(*words: str, **environ: str) -> Told:
    """Carry out a command line as a process of its own, its output a pipe."""
    ended = await create_subprocess_exec(
        sys.executable,
        "-m",
        "nanoscale_box",
        *words,
        stdout=PIPE,
        stderr=PIPE,
        cwd=ROOT,
        env={**os.environ, "PYTHONWARNINGS": "", **environ},
    )
    out, err = await ended.communicate()
    return Told(status=ended.returncode or 0, out=out.decode(), err=err.decode())

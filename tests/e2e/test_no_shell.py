"""Bad branches, addresses and trees never start a program: every execve(2) of the box is looked at meanwhile."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from nanoscale_box.client.errors import ApiError
from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire import requests
from tests.core.bad_sources import BAD_BRANCHES, BAD_URLS, SECRET
from tests.e2e.harness import Box, app_files, repository
from tests.e2e.processes import family_of, until
from tests.needs import lacking, needs

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]


@asynccontextmanager
async def watched(box: Box, log: Path) -> AsyncIterator[None]:
    """Everything the box and its processes execute is written to the log meanwhile."""
    needs("strace")
    box_and_children = [word for pid in family_of(box.pid) for word in ("-p", str(pid))]
    argv = ["strace", "-f", "-e", "trace=execve,execveat", "-s", "10000", "-o", str(log), *box_and_children]
    said = log.with_suffix(".said")
    with said.open("wb") as told:
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=told, stderr=told)
    try:
        wanted = len(box_and_children) // 2
        await until(lambda: process.poll() is not None or said.read_bytes().count(b" attached") >= wanted, "strace")
        if process.poll() is not None:
            lacking(f"This machine's kernel refuses strace: {said.read_text()[:200]!r}.")
        yield
    finally:
        if process.poll() is None:
            process.terminate()
        await asyncio.to_thread(process.wait, 20)


def executed(log: Path) -> list[str]:
    """The lines that tell of a program, but for the ingress: it is asked for its version as the box begins, and begun
    itself with the first deployment."""
    lines = log.read_text(errors="replace").splitlines()
    own = ("/ingress/config.json", '/caddy", "version"]')
    return [line for line in lines if "exec" in line and not any(word in line for word in own)]


async def refused(box: Box, asked: requests.CreateProject) -> str | None:
    """The code of the refusal, or None if it was taken."""
    async with box.client() as client:
        try:
            await client.create_project(asked)
        except ApiError as error:
            return error.problem.code
        except UnicodeEncodeError:
            return "no JSON"
    return None


async def test_nothing_is_executed_for_bad_sources(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    url = await repository(sandbox, "app", app_files("one"))
    evil = "ext::sh -c touch% " + str(tmp_path / "touched")
    tree = {
        ".gitmodules": f'[submodule "x"]\n\tpath = lib\n\turl = {evil}\n',
        ".gitattributes": "*.txt filter=evil\n",
        "page.txt": "x",
    }
    await repository(sandbox, "evil", tree)
    await sandbox.push("ada/evil", files={"lib": {"commit": "1" * 40}})
    await box.start()
    async with watched(box, tmp_path / "trace"):
        for branch in BAD_BRANCHES:
            asked = requests.CreateProject(repo_url=url, branch=branch, name="bad")
            assert await refused(box, asked) is not None, branch[:80]
        for bad in BAD_URLS:
            asked = requests.CreateProject(repo_url=bad, branch="main", name="bad")
            assert await refused(box, asked) is not None, bad[:80]
        failed = await box.create(url.replace("/app", "/evil"), name="evil")
        assert failed.error is not None and failed.error.code == "source_refused", failed
        missing = await box.create(url, name="missing", branch="feature/not-there")
        assert missing.error is not None and missing.error.code == "branch_missing"
    assert executed(tmp_path / "trace") == [], "the box started a program"
    assert not (tmp_path / "touched").exists()
    for file in [*box.home.rglob("*"), box.folder / "box.log"]:
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file


async def test_a_good_deployment_executes_the_owners_commands_alone(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The same watch sees what it should, so that its silence above means something."""
    url = await repository(sandbox, "app", app_files("one"))
    await box.start()
    async with watched(box, tmp_path / "trace"):
        done = await box.create(url, name="app")
        assert done.state == "live", done.error
    lines = executed(tmp_path / "trace")
    assert any("app.py" in line for line in lines)
    words = [json.dumps(url), "refs/heads", "--upload-pack"]
    assert not [line for line in lines if any(word in line for word in words)]
    assert not [line for line in lines if '/git"' in line or '"git"' in line], "C git is not used"

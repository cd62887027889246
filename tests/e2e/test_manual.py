"""The manual path: a public repository by its URL, with no GitHub connection at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire import requests
from tests.e2e.harness import Box, app_files, repository, until
from tests.e2e.processes import family_of

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def test_created_by_command_and_redeployed_by_polling(box: Box, sandbox: Sandbox) -> None:
    url = await repository(sandbox, "site", app_files("one"))
    await box.start(NANOSCALE_POLL_SECONDS="1")
    done = await box.command("projects", "create", "--url", url, "--branch", "main", "--name", "site")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == f"http://site.localhost:{box.settings['NANOSCALE_INGRESS_LISTEN'].split(':')[1]}"
    assert await box.page("site.localhost") == (200, "one")
    await sandbox.push("ada/site", files={"page.txt": "two"})
    second = await box.numbered("site", 2)
    assert (second.state, second.trigger) == ("live", "poll")
    assert await box.page("site.localhost") == (200, "two")
    assert all(
        one["path"].startswith("/ada/site") for one in sandbox.state.requests if "git-upload-pack" in one["path"]
    )
    assert not any(one["path"].startswith("/api/") for one in sandbox.state.requests), "GitHub's API was asked"


async def test_created_over_the_api_and_deleted(box: Box, sandbox: Sandbox) -> None:
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    first = await box.create(url + ".git", name="first")
    assert first.state == "live", first.error
    assert await box.page("first.localhost") == (200, "one")
    shown = json.loads((await box.command("projects", "show", "first", "--json")).stdout)
    assert (shown["source_provider"], shown["github"], shown["state"]) == ("manual", None, "live")
    refused = await box.command("projects", "create", "--url", "https://example.org/a/b", "--branch", "main")
    assert refused.returncode == 1
    assert "example.org is not among the hosts that may be cloned from" in refused.stderr
    gone = await box.command("projects", "delete", "first", "--confirm", "first")
    assert gone.returncode == 0, gone.stderr
    assert (await box.page("first.localhost"))[0] == 404
    assert box.apps() == {}
    assert not list((box.home / "releases").glob("*/*"))


async def test_a_plan_that_nobody_waits_for_any_more_is_given_up(box: Box, sandbox: Sandbox) -> None:
    url = await repository(sandbox, "large", app_files("one"))
    await box.start()
    async with box.client() as client:
        asked = requests.CreateProject(repo_url=url, branch="main")
        heard: list[str] = []
        assert (await client.plan_anew(asked, heard.append)).commands
        assert any(line.startswith("Received ") for line in heard), heard
        resting = len(family_of(box.pid))
        slow = {"kind": "delay", "match": {"method": "POST", "path": "git-upload-pack$"}, "seconds": 600, "skip": 1}
        held = sandbox.world.faults.add(slow)
        looking = asyncio.create_task(client.plan_anew(asked, heard.append))
        await until(lambda: held.hits == 2 and len(family_of(box.pid)) > resting, "a job fetches")
        looking.cancel()
        await until(lambda: len(family_of(box.pid)) <= resting, "the job is ended", 10)
        await until(lambda: not left_in(box.home), "nothing of it is left", 10)
        sandbox.world.faults.clear()
        assert (await client.plan_anew(asked)).commands


def left_in(home: Path) -> list[Path]:
    """What checkouts have left."""
    return [*(home / "releases").glob("*/*"), *(home / "mirrors").glob("*")]

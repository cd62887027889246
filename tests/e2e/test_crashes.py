"""A box killed at any stage of a deployment ends it live once, and the old release serves all the time."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from nanoscale_box.engine.crashpoints import OF_A_DEPLOYMENT
from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire.requests import CreateProject
from tests.e2e.harness import Box, app_files, repository
from tests.e2e.processes import at_work_in, family_of, is_running, told_of, until
from tests.size import LARGE

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]

IN_A_ROW = ("fetch begun", "build begun", "start begun", "switch begun", "switch done")
HELD = "import pathlib, time\nwhile not (pathlib.Path.home() / 'gate').exists(): time.sleep(0.01)\n"
"""A build that waits for a file in its home, since it sees no other folder that a test could put one into."""
HELD_TOML = 'build_command = "python3 build.py"\nrun_command = "python3 app.py"\n'


async def visits(box: Box, seen: Counter[tuple[int, str]]) -> None:
    """Fetch the page again and again until cancelled, counting the answers."""
    while True:
        seen[await box.page("site.localhost")] += 1
        await asyncio.sleep(0.01)


async def test_killed_in_each_stage_of_one_deployment(box: Box, sandbox: Sandbox) -> None:
    """Again and again, a stage further each time, until nothing is left to interrupt."""
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    first = await box.create(url, name="site")
    app, caddy = box.apps()[first.id], box.caddy()
    await box.stop()
    await sandbox.push("ada/site", files={"page.txt": "two"})
    seen: Counter[tuple[int, str]] = Counter()
    visiting = asyncio.create_task(visits(box, seen))
    for point in IN_A_ROW:
        await box.start(NANOSCALE_CRASH_AT=point)
        assert await box.ended() == -9, point
        assert (box.apps()[first.id], box.caddy()) == (app, caddy), point
    await box.start()
    second = await box.numbered("site", 2)
    visiting.cancel()
    await asyncio.gather(visiting, return_exceptions=True)
    assert second.state == "live", second.error
    assert await box.page("site.localhost") == (200, "two")
    assert (200, "one") in seen and set(seen) <= {(200, "one"), (200, "two")}, seen
    await until(lambda: list(box.apps()) == [second.id], "the old app has ended and the new one runs")
    async with box.client() as client:
        assert [one.state for one in (await client.deployments("site")).items] == ["live", "retired"]


@pytest.mark.parametrize("point", OF_A_DEPLOYMENT if LARGE else ["live"])
async def test_killed_at_every_named_moment(box: Box, sandbox: Sandbox, point: str) -> None:
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    first = await box.create(url, name="site")
    app, caddy = box.apps()[first.id], box.caddy()
    await box.stop()
    await sandbox.push("ada/site", files={"page.txt": "two"})
    await box.start(NANOSCALE_CRASH_AT=point, NANOSCALE_POLL_SECONDS="86400")  # the first poll finds the push
    seen: Counter[tuple[int, str]] = Counter()
    visiting = asyncio.create_task(visits(box, seen))
    assert await box.ended() == -9
    assert box.apps()[first.id] == app, "the old release was stopped before the new one was recorded"
    assert box.caddy() == caddy
    await box.start()
    second = await box.numbered("site", 2)
    assert second.state == "live", second.error
    assert await box.page("site.localhost") == (200, "two")
    visiting.cancel()
    await asyncio.gather(visiting, return_exceptions=True)
    assert (200, "one") in seen and set(seen) <= {(200, "one"), (200, "two")}, seen
    assert box.caddy() == caddy
    await until(lambda: list(box.apps()) == [second.id], "the old app has ended and the new one runs")
    async with box.client() as client:
        everything = (await client.deployments("site")).items
        assert [one.state for one in everything] == ["live", "retired"]


async def test_killed_while_a_build_runs_and_others_wait(box: Box, sandbox: Sandbox) -> None:
    """What is queued behind is not lost, builds do not outlive the box, and what runs keeps its process."""
    one = await repository(sandbox, "one", app_files("one"))
    two = await repository(sandbox, "two", app_files("two", build__py=HELD, nanoscale__toml=HELD_TOML))
    await box.start()
    first = await box.create(one, name="one")
    app = box.apps()[first.id]
    async with box.client() as client:
        building = (await client.create_project(CreateProject(repo_url=two, branch="main", name="two"))).deployment
        await box.in_state(building.id, "building")
        waiting = await client.redeploy("one")
        assert waiting is not None
    builds = await until(lambda: running_builds(box), "the build runs")
    box.kill()
    await until(lambda: not running_builds(box), "the build ended with the box", 5)
    assert builds
    assert await box.page("one.localhost") == (200, "one")
    open_the_gate(box)
    await box.start()
    assert (await box.end_of(building.id)).state == "live"
    assert (await box.end_of(waiting.id)).state == "live"
    assert await box.page("two.localhost") == (200, "two")
    await until(lambda: app not in box.apps().values(), "the release before it ended")


def open_the_gate(box: Box) -> None:
    """Let every build go that is held."""
    for home in (box.home / "cache").glob("*/home"):
        (home / "gate").touch()


async def test_killed_while_it_fetches(box: Box, sandbox: Sandbox) -> None:
    """The child that fetches ends with the box, and the deployment is taken up again."""
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    slow = {"kind": "delay", "match": {"path": "git-upload-pack$"}, "seconds": 5}
    sandbox.world.faults.add(slow)
    async with box.client() as client:
        asked = CreateProject(repo_url=url, branch="main", name="site")
        created = (await client.create_project(asked)).deployment
    await box.in_state(created.id, "fetching")
    children = [pid for pid in family_of(box.pid) if pid != box.pid and pid != box.caddy()]
    assert children
    box.kill()
    await until(lambda: not [pid for pid in children if is_running(pid)], "the git worker ended with the box", 5)
    await box.start()
    assert (await box.end_of(created.id)).state == "live"
    assert await box.page("site.localhost") == (200, "one")


async def test_a_box_that_ends_takes_nothing_with_it(box: Box, sandbox: Sandbox) -> None:
    """Neither by kill -9 nor by SIGTERM; the next one finds the same app and the same ingress and deploys nothing."""
    url = await repository(sandbox, "site", app_files("one"))
    await box.start()
    await box.create(url, name="site")
    before = (box.apps(), box.caddy())
    box.kill()
    assert await box.page("site.localhost") == (200, "one")
    await box.start()
    assert (box.apps(), box.caddy()) == before
    assert await box.stop() == 0
    assert not box.socket.exists()
    assert await box.page("site.localhost") == (200, "one")
    await box.start()
    assert (box.apps(), box.caddy()) == before
    assert await box.page("site.localhost") == (200, "one")
    async with box.client() as client:
        assert len((await client.deployments("site")).items) == 1


async def test_sigterm_while_a_build_runs(box: Box, sandbox: Sandbox) -> None:
    """The deployment goes back into the queue and is taken up again, without a try counted against it."""
    url = await repository(sandbox, "site", app_files("one", build__py=HELD, nanoscale__toml=HELD_TOML))
    await box.start()
    async with box.client() as client:
        created = await client.create_project(CreateProject(repo_url=url, branch="main", name="site"))
    await box.in_state(created.deployment.id, "building")
    await until(lambda: running_builds(box), "the build runs")
    assert await box.stop() == 0
    assert running_builds(box) == []
    open_the_gate(box)
    await box.start()
    assert (await box.end_of(created.deployment.id)).state == "live"


def running_builds(box: Box) -> list[int]:
    """Processes of `build.py` in the box's releases."""
    return [pid for pid in at_work_in(box.home / "releases") if b"build.py" in told_of(pid, "cmdline")]

"""Boot: whatever a crash left is ended or begun again, what should run runs, and nothing that runs is restarted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nanoscale_box.core.errors import Code, DeployFailed, Fault, Unavailable
from nanoscale_box.core.lifecycle import DeploymentState
from nanoscale_box.core.model import Address, DeploymentId, Instance, Outcome, ProjectId, Release
from nanoscale_box.engine.reconcile import MAX_TRIES
from nanoscale_box.engine.views import ProjectChanges
from tests.engine.house import House, S, open_house, sha


async def leave_in(house: House, state: DeploymentState, number: int = 2, **changes: object) -> Release:
    """What a box killed in this state leaves: a row under way, a folder, and an instance once it was started."""
    await house.push(number)
    row = replace(await house.newest(), state=state, attempt=1, **changes)  # type: ignore[arg-type]
    await house.kill()
    await house.start(boot=False)
    await house.database.write(lambda records: records.deployments.update(row))
    release = Release(project_id=row.project_id, deployment_id=row.id)
    house.world.folders[release] = sha(number)
    if state in (S.STARTING, S.SWITCHING):
        house.world.built.add(release)
        house.world.running[release] = Instance(release=release, address=Address("127.0.0.1:30000"))
    return release


async def boot(house: House) -> None:
    await house.engine.reconciler.boot()
    house.run()


@pytest.mark.parametrize("state", [S.FETCHING, S.BUILDING, S.STARTING, S.SWITCHING])
async def test_what_was_under_way_is_queued_again_and_deployed_once(house: House, state: DeploymentState) -> None:
    await house.live(1)
    old = house.world.starts[-1]
    release = await leave_in(house, state)
    await house.engine.reconciler.boot()
    assert house.serves() == sha(1)
    assert release not in house.world.folders and release not in house.world.running
    assert (await house.newest()).state is S.QUEUED
    house.run()
    await house.idle()
    assert await house.states() == ["retired", "live"]
    assert house.serves() == sha(2)
    assert house.world.starts == [old, release]
    await house.check_clean()


async def test_past_the_switch_the_route_says_what_is_true(house: House) -> None:
    await house.live(1)
    release = await leave_in(house, S.SWITCHING)
    house.world.routes["hello.localhost"] = Address("127.0.0.1:30000")
    await boot(house)
    assert await house.states() == ["retired", "live"]
    assert (await house.verdicts())[-1].outcome is Outcome.DEPLOYED
    assert list(house.world.running) == [release]
    await house.idle()
    assert house.world.starts.count(release) == 0
    await house.check_clean()


async def test_half_a_switch_is_undone_and_begun_again(house: House) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={"domains": ["hello.example.org"]}))
    await leave_in(house, S.SWITCHING)
    house.world.routes["hello.localhost"] = Address("127.0.0.1:30000")
    await boot(house)
    assert house.serves() == house.world.serves("hello.example.org") == sha(1)
    house.world.outages.clear()
    await house.idle()
    assert house.serves() == house.world.serves("hello.example.org") == sha(2)
    await house.check_clean()


async def test_a_route_to_an_instance_that_died_is_no_proof(house: House) -> None:
    await house.live(1)
    release = await leave_in(house, S.SWITCHING)
    house.world.routes["hello.localhost"] = house.world.running.pop(release).address
    await boot(house)
    assert house.serves() == sha(1)
    await house.idle()
    assert house.serves() == sha(2)
    await house.check_clean()


async def test_a_live_release_that_does_not_run_is_started(house: House) -> None:
    await house.live(1)
    await house.kill()
    house.world.running.clear()
    house.world.routes.clear()
    await house.start()
    assert house.serves() == sha(1)
    assert len(house.world.starts) == 2
    await house.check_clean()


async def test_nothing_that_runs_is_restarted_or_routed_anew(house: House) -> None:
    await house.live(1)
    starts, switches = list(house.world.starts), list(house.world.switches)
    house.world.calls.clear()
    await house.restart()
    await house.idle()
    assert (house.world.starts, house.world.switches) == (starts, switches)
    assert "runner.stop" not in house.world.calls.names
    await house.check_clean()


async def test_strays_are_stopped(house: House) -> None:
    await house.live(1)
    stray = Release(project_id=ProjectId("prj_gone"), deployment_id=DeploymentId("dep_gone"))
    house.world.running[stray] = Instance(release=stray, address=Address("127.0.0.1:30001"))
    await house.restart()
    await house.check_clean()


async def test_a_cancelled_deployment_is_not_begun_again(house: House) -> None:
    await house.live(1)
    await leave_in(house, S.BUILDING, cancel_requested=True)
    await boot(house)
    await house.idle()
    assert await house.states() == ["live", "cancelled"]
    await house.check_clean()


async def test_a_newer_one_that_waits_takes_the_place_of_the_interrupted(house: House) -> None:
    await house.live(1)
    await leave_in(house, S.BUILDING)
    await house.push(3)
    await house.engine.reconciler.boot()
    assert await house.states() == ["live", "superseded", "queued"]
    house.run()
    await house.idle()
    assert house.serves() == sha(3)
    await house.check_clean()


async def test_what_brings_the_box_down_again_and_again_is_given_up(house: House) -> None:
    await house.live(1)
    await house.push(2)
    for _ in range(MAX_TRIES):
        await house.crash_at(10)
        await house.kill()
        await house.start()
    row = await house.newest()
    assert row.state is S.FAILED and row.failure and "8 times" in row.failure.detail
    await house.idle()
    assert house.serves() == sha(1)
    await house.check_clean()


async def test_an_app_that_ends_by_itself_is_started_again_after_a_growing_pause(house: House) -> None:
    await house.live(1)
    release = house.world.starts[-1]
    for pause in (0, 1, 2, 5, 15, 60, 60):
        await house.world.end(release)
        assert house.serves() is None
        if pause:
            await house.wait(pause - 0.5)
            assert house.serves() is None
        await house.wait(0.5 if pause else 0)
        assert house.serves() == sha(1)


async def test_an_app_that_does_not_come_up_is_a_problem_and_is_tried_again(house: House) -> None:
    await house.live(1)
    await house.kill()
    house.world.running.clear()
    house.world.calls.fail("runner.start", DeployFailed(Code.NO_FREE_PORT, "no port is free", fault=Fault.BOX))
    await house.start()
    assert [(about, error.detail) for about, error in house.engine.reconciler.problems.items()] == [
        ("hello", "no port is free")
    ]
    assert [f.code for f in await house.engine.doctor.look() if f.status == "fail"] == ["app"]
    await house.idle()
    assert house.serves() == sha(1)
    assert house.engine.reconciler.problems == {}


async def test_an_app_that_keeps_ending_is_reported_and_keeps_its_route(house: House) -> None:
    await house.live(1)
    route = house.world.routes["hello.localhost"]
    for number in range(1, 4):
        (release,) = house.world.running
        await house.world.end(release)
        assert house.world.routes["hello.localhost"] == route or number > 1
        assert ("hello" in house.engine.reconciler.problems) is (number == 3)
        await house.wait(2)
        assert house.serves() == sha(1)
    problem = house.engine.reconciler.problems["hello"]
    assert problem.code is Code.APP_CRASHING and "3 times" in problem.detail and "logs hello" in problem.hint
    assert [f.title for f in await house.engine.doctor.look() if f.status == "fail"] == [f"hello: {problem.detail}"]
    told = await house.database.read(lambda records: records.events.after(0, 1000))
    assert [one.data.get("reason") for one in told if one.data.get("change") == "state"][-1] == problem.detail
    await house.check_machine()
    await house.wait(601)
    assert house.engine.reconciler.problems == {}
    assert house.serves() == sha(1)


async def test_a_new_release_is_not_blamed_for_the_one_before(house: House) -> None:
    await house.live(1)
    for _ in range(3):
        (release,) = house.world.running
        await house.world.end(release)
        await house.wait(2)
    assert "hello" in house.engine.reconciler.problems
    await house.push(2)
    await house.wait(3)
    assert house.serves() == sha(2)
    assert house.engine.reconciler.problems == {}
    await house.idle()
    assert house.engine.reconciler.problems == {}
    await house.check_clean()


async def test_a_project_that_was_taken_down_stays_down_until_its_next_deployment(house: House) -> None:
    await house.live(1)
    await house.engine.projects.down()
    assert (house.world.running, house.world.hosts) == ({}, set())
    assert (await house.engine.projects.get("hello")).state == "down"
    await house.restart()
    assert house.world.running == {}
    await house.push(2)
    await house.idle()
    assert house.serves() == sha(2)
    assert (await house.engine.projects.get("hello")).state == "live"


async def test_an_old_release_that_is_revived_during_a_switch_does_not_take_the_route_back(house: House) -> None:
    project = await house.live(1)
    old = await house.newest()
    await house.push(2)
    await house.idle()
    await house.engine.reconciler.tend(project, old)
    assert house.serves() == sha(2)
    await house.check_clean()


async def test_without_an_ingress_the_box_starts_and_says_so(tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        await house.live(1)
        await house.kill()
        house.world.calls.fail("ingress.start", Unavailable(Code.INGRESS_MISSING, "there is no Caddy", fault=Fault.BOX))
        await house.start()
        assert house.engine.reconciler.problems["ingress"].code is Code.INGRESS_MISSING
        assert "ingress" in [f.code for f in await house.engine.doctor.look() if f.status == "fail"]

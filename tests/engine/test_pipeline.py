"""The pipeline: one deployment from head to route, failed, cancelled, stopped and killed at every call it makes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from nanoscale_box.core.errors import BoxError, Code, Conflict, DeployFailed, Fault, Unavailable
from nanoscale_box.core.model import Outcome
from nanoscale_box.core.plan import Health, Tree
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.queue import release_of
from nanoscale_box.engine.retiring import AGAIN_SECONDS, MOST
from nanoscale_box.engine.views import ProjectChanges
from tests.engine.house import House, S, sha
from tests.fakes import seconds

SYNCHRONOUS = {"ledger.write", "ledger.written", "logs.build_line", "logs.close"}
BESIDE = {"github.revoke_token"}
"""What nobody waits for: it holds no deployment up and cannot be cancelled with one."""


def owners() -> DeployFailed:
    return DeployFailed(Code.BUILD_FAILED, "it does not work", hint="mend it")


def networks() -> Unavailable:
    return Unavailable(Code.SOURCE_UNREACHABLE, "nobody answers", fault=Fault.NETWORK)


def stores() -> Unavailable:
    return Unavailable(Code.STORE_UNAVAILABLE, "the database is locked", fault=Fault.BOX)


async def calls_of_a_deployment(house: House) -> list[str]:
    """Deploy once without a fault, and give the calls of it from the claim on."""
    await house.push(100)
    await house.alarms.ring()
    house.world.calls.clear()
    await house.idle()
    assert house.serves() == sha(100)
    return list(house.world.calls.names)


async def test_a_deployment_goes_live_and_the_old_one_is_retired(house: House) -> None:
    await house.live(1)
    assert house.serves() == sha(1)
    await house.push(2)
    await house.idle()
    assert house.serves() == sha(2)
    assert await house.states() == ["retired", "live"]
    newest = await house.newest()
    assert (newest.subject, newest.author) == ("subject of 0002", "Ada")
    assert [(step.name, step.state) for step in newest.steps] == [
        ("fetch", "done"),
        ("build", "done"),
        ("start", "done"),
        ("switch", "done"),
    ]
    assert newest.started_at and newest.finished_at
    await house.check_clean()


COMMANDS = {"preflight_command": "migrate", "release_command": "warm up"}


async def pushed(house: House, number: int) -> None:
    """Push a commit, and see it go live."""
    await house.push(number)
    await house.idle()
    assert house.serves() == sha(number)


async def test_the_owners_commands_run_once_around_the_start_and_not_for_a_rollback(house: House) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={**COMMANDS, "memory_mb": 256}))
    await pushed(house, 2)
    newest = await house.newest()
    assert [step.name for step in newest.steps] == ["fetch", "build", "preflight", "start", "release", "switch"]
    assert house.world.errands == [("preflight", "migrate"), ("release", "warm up")]
    assert house.world.limits[release_of(newest)].memory_mb == 256
    await house.engine.projects.rollback("hello", None)
    await house.idle()
    assert house.serves() == sha(1)
    assert len(house.world.errands) == 2


@pytest.mark.parametrize("name", ["preflight", "release"])
async def test_a_command_that_fails_ends_the_deployment_and_the_old_release_serves(house: House, name: str) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields=COMMANDS))
    house.world.calls.fail(f"runner.{name}", owners())
    await house.push(2)
    await house.idle()
    newest = await house.newest()
    assert newest.state is S.FAILED and newest.failure and newest.failure.detail == "it does not work"
    assert [(one.name, one.state) for one in newest.steps][-1] == (name, "failed")
    assert house.serves() == sha(1)
    await house.check_clean()


async def test_the_next_checkout_is_made_ready_when_a_deployment_is_over_however_it_ended(house: House) -> None:
    await house.live(1)
    assert house.world.prepared == ["github-1001"]
    house.world.broken.add(sha(2))
    await house.push(2)
    await house.idle()
    assert (await house.newest()).state is S.FAILED
    assert house.world.prepared == ["github-1001"] * 2
    await house.engine.projects.plan("hello")
    assert house.world.prepared == ["github-1001"] * 3


@pytest.mark.parametrize("name", ["preflight", "release"])
async def test_a_command_can_be_cancelled(house: House, name: str) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields=COMMANDS))
    came, _ = house.world.calls.block(f"runner.{name}")
    await house.push(2)
    passing = asyncio.create_task(house.idle())
    await came.wait()
    assert (await house.engine.projects.cancel((await house.newest()).id)).state is S.CANCELLED
    house.world.calls.release()
    await passing
    assert house.serves() == sha(1)
    await house.check_clean()


async def test_health_settings_reach_the_gate(house: House) -> None:
    asked = {"health_path": "/up", "health_status": "200-204", "health_timeout_seconds": 5, "health_grace_seconds": 0}
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields=asked))
    await pushed(house, 2)
    gated = Health(path="/up", lowest=200, highest=204, timeout_seconds=5, grace_seconds=0)
    assert house.world.gated[-1] == gated
    await house.engine.projects.change("hello", ProjectChanges(fields=dict.fromkeys(asked)))
    await pushed(house, 3)
    assert house.world.gated[-1] == Health()


async def test_a_failure_at_any_call_leaves_the_old_release_serving_and_nothing_behind(house: House) -> None:
    await house.live(1)
    names = await calls_of_a_deployment(house)
    live_at = len(names) - names[::-1].index("ledger.written")
    forgiving = BESIDE
    for number, name in enumerate(names, 1):
        if name.startswith("ledger."):
            continue
        before, serving = 200 + number, house.serves()
        await house.push(before)
        house.world.calls.clear()
        house.world.calls.fail_at(number, owners())
        await house.idle()
        newest = await house.newest()
        if number > live_at or name in forgiving:
            assert newest.state is S.LIVE, (number, name)
            assert house.serves() == sha(before)
        else:
            assert newest.state is S.FAILED, (number, name)
            assert newest.failure and newest.failure.detail == "it does not work"
            assert (await house.verdicts())[-1].outcome is Outcome.FAILED
            assert house.serves() == serving, (number, name)
        await house.check_clean()


@pytest.mark.parametrize("fault", [networks, stores])
async def test_a_fault_of_nobody_is_tried_again_until_it_works(house: House, fault: Callable[[], BoxError]) -> None:
    await house.live(1)
    names = await calls_of_a_deployment(house)
    for number, name in enumerate(names, 1):
        if name == "ledger.written" or (fault is networks and name == "ledger.write"):
            continue
        serving, target = house.serves(), 200 + number
        await house.push(target)
        house.world.calls.clear()
        house.world.calls.fail_at(number, fault())
        await house.wait(3)
        if (await house.newest()).state is S.QUEUED:
            await house.check_machine()
            assert house.serves() == serving, (number, name)
            assert (await house.verdicts())[-1].outcome is Outcome.QUEUED
        await house.idle()
        assert (await house.newest()).state is S.LIVE, (number, name)
        assert house.serves() == sha(target)
        await house.check_clean()
    assert len(await house.deployments()) == 2 + len(
        [name for name in names if name != "ledger.written" and (fault is stores or name != "ledger.write")]
    )


async def test_a_cancel_at_any_call_before_the_switch_leaves_nothing_behind(house: House) -> None:
    await house.live(1)
    names = await calls_of_a_deployment(house)
    for number, name in enumerate(names[: names.index("ingress.current")], 1):
        if name in SYNCHRONOUS | BESIDE:
            continue
        serving = house.serves()
        await house.push(200 + number)
        house.world.calls.clear()
        reached = house.world.calls.block_at(number)
        passing = asyncio.create_task(house.idle())
        await reached.wait()
        newest = await house.newest()
        cancelled = await house.engine.projects.cancel(newest.id)
        await passing
        assert cancelled.state is S.CANCELLED, (number, name)
        assert house.serves() == serving
        assert (await house.verdicts())[-1].outcome is Outcome.CANCELLED
        await house.check_clean()


async def test_once_the_switch_began_a_cancel_is_refused_and_it_ends_live(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("ingress.switch")
    await house.push(2)
    passing = asyncio.create_task(house.idle())
    await came.wait()
    with pytest.raises(Conflict) as refused:
        await house.engine.projects.cancel((await house.newest()).id)
    assert refused.value.code is Code.STATE_CONFLICT
    go.set()
    await passing
    assert (await house.newest()).state is S.LIVE
    await house.check_clean()


async def test_a_second_cancel_does_not_interrupt_the_undoing(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("runner.gate")
    undoing, undo = house.world.calls.block("runner.stop")
    await house.push(2)
    passing = asyncio.create_task(house.idle())
    await came.wait()
    number = (await house.newest()).id
    first = asyncio.create_task(house.engine.projects.cancel(number))
    await undoing.wait()
    second = asyncio.create_task(house.engine.projects.cancel(number))
    await house.settle_reads()
    undo.set()
    go.set()
    assert (await first).state is (await second).state is S.CANCELLED
    await passing
    await house.check_clean()


async def test_a_cancel_while_a_failure_is_undone_does_not_interrupt_that(house: House) -> None:
    await house.live(1)
    undoing, undo = house.world.calls.block("builder.discard")
    house.world.broken.add(sha(2))
    await house.push(2)
    passing = asyncio.create_task(house.idle())
    await undoing.wait()
    cancelling = asyncio.create_task(house.engine.projects.cancel((await house.newest()).id))
    await house.settle_reads()
    undo.set()
    assert (await cancelling).state is S.CANCELLED
    await passing
    await house.check_clean()


async def test_a_stop_at_any_call_puts_the_deployment_back_or_lets_the_switch_end(house: House) -> None:
    await house.live(1)
    names = await calls_of_a_deployment(house)
    begin = names.index("ingress.current")
    for number, name in enumerate(names[:begin], 1):
        if name in SYNCHRONOUS | BESIDE:
            continue
        serving = house.serves()
        await house.push(200 + number)
        house.world.calls.clear()
        reached = house.world.calls.block_at(number)
        passing = asyncio.create_task(house.wait(3))
        await reached.wait()
        passing.cancel()
        await house.stop()
        await house.start(boot=False)
        newest = await house.newest()
        assert (newest.state, newest.attempt) == (S.QUEUED, 0), (number, name)
        await house.check_machine()
        assert house.serves() == serving
        await house.engine.reconciler.boot()
        house.run()
        await house.idle()
        assert house.serves() == sha(200 + number)
        await house.check_clean()


async def test_a_stop_during_the_switch_lets_it_end(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("ingress.switch")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    stopping = asyncio.create_task(house.stop())
    await asyncio.sleep(0)
    go.set()
    await stopping
    passing.cancel()
    house.world.calls.named_blocks.clear()
    await house.start()
    assert (await house.newest()).state is S.LIVE
    assert house.serves() == sha(2)
    await house.check_clean()


async def test_a_kill_at_any_call_ends_with_the_commit_live_exactly_once(house: House) -> None:
    await house.live(1)
    names = await calls_of_a_deployment(house)
    for number, name in enumerate(names, 1):
        starts = house.world.starts[-1]
        await house.push(200 + number)
        await house.crash_at(number)
        await house.kill()
        assert house.serves() is not None
        await house.start()
        await house.idle()
        assert house.serves() == sha(200 + number), (number, name)
        rows = await house.deployments()
        assert [row.state for row in rows if row.sha == sha(200 + number)] == [S.LIVE], (number, name)
        assert house.world.starts[-1] != starts
        await house.check_clean()


async def test_hosts_added_during_a_deployment_lead_to_the_new_release(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("builder.build")
    await house.push(2)
    passing = asyncio.create_task(house.idle())
    await came.wait()
    await house.engine.projects.change("hello", ProjectChanges(fields={"domains": ["hello.example.org"]}))
    assert house.world.serves("hello.example.org") == sha(1)
    go.set()
    await passing
    assert house.world.serves("hello.example.org") == house.serves() == sha(2)
    await house.check_clean()


async def test_hosts_added_during_the_switch_lead_to_the_new_release(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("ingress.switch")
    await house.push(2)
    passing = asyncio.create_task(house.idle())
    await came.wait()
    changes = ProjectChanges(fields={"domains": ["hello.example.org"]})
    changing = asyncio.create_task(house.engine.projects.change("hello", changes))
    await house.settle_reads()
    go.set()
    await passing
    await changing
    assert house.world.serves("hello.example.org") == house.serves() == sha(2)
    await house.check_clean()


async def test_a_release_that_is_being_stopped_is_not_started_again_until_it_has_ended(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("runner.stop")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    await house.engine.projects.rollback("hello", None)
    await house.settle_reads()
    assert len(house.world.starts) == 2
    go.set()
    await passing
    await house.idle()
    assert house.serves() == sha(1)
    assert len(house.world.starts) == 3
    await house.check_clean()


async def test_a_release_that_is_busy_still_is_rolled_back_to_as_it_runs(house: House) -> None:
    await house.live(1)
    came, go = house.world.calls.block("ingress.drain")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    assert house.serves() == sha(2)
    rolled = await house.engine.projects.rollback("hello", None)
    while (await house.engine.projects.deployment(rolled.id)).state is not S.LIVE:
        await house.settle_reads()
    assert house.serves() == sha(1)
    assert len(house.world.starts) == 2, "it was not started anew"
    go.set()
    await passing
    await house.idle()
    assert house.serves() == sha(1)
    await house.check_clean()


async def test_old_requests_hold_nothing_up_until_too_many_releases_are_busy(house: House) -> None:
    await house.live(1)
    _, go = house.world.calls.block("ingress.drain")

    async def pushed(number: int) -> None:
        await house.push(number)
        house.world.now += seconds(3)
        await house.alarms.ring()
        for _ in range(20):
            await house.settle_reads()

    for number in range(2, 3 + MOST):
        await pushed(number)
        assert house.serves() == sha(number)
    assert set(house.world.folders.values()) >= {sha(number) for number in range(1, 3 + MOST)}
    await pushed(90)
    assert await house.states() == ["retired"] * (MOST + 1) + ["live", "queued"]
    go.set()
    await house.idle()
    assert house.serves() == sha(90)
    await house.check_clean()


async def test_a_release_that_could_not_be_stopped_is_stopped_later_unless_it_serves_again(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("runner.stop", stores())
    await house.push(2)
    await house.wait(3)
    assert {house.world.folders[release] for release in house.world.running} == {sha(1), sha(2)}
    await house.wait(AGAIN_SECONDS)
    await house.check_clean()
    house.world.calls.fail("runner.stop", stores())
    await house.push(3)
    await house.wait(3)
    await house.engine.projects.rollback("hello", None)
    await house.wait(2 * AGAIN_SECONDS)
    assert house.serves() == sha(2)
    await house.check_clean()


@pytest.mark.parametrize("end", [House.stop, House.kill])
async def test_a_box_that_ends_leaves_busy_releases_to_the_next(
    house: House, end: Callable[[House], Coroutine[None, None, None]]
) -> None:
    await house.live(1)
    came, _ = house.world.calls.block("ingress.drain")
    await house.push(2)
    passing = asyncio.create_task(house.wait(3))
    await came.wait()
    passing.cancel()
    await end(house)
    assert len(house.world.running) == 2
    house.world.calls.named_blocks.clear()
    await house.start()
    await house.idle()
    assert house.serves() == sha(2)
    await house.check_clean()


async def test_visitors_of_a_switch_that_failed_half_way_are_waited_for(house: House) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={"domains": ["hello.example.org"]}))
    house.world.calls.fail("ingress.switch", None, owners())
    house.world.calls.clear()
    await house.push(2)
    await house.idle()
    assert house.serves() == house.world.serves("hello.example.org") == sha(1)
    undone = house.world.calls.names[-house.world.calls.names[::-1].index("ingress.drain") - 1 :]
    assert undone.index("ingress.drain") < undone.index("runner.stop")
    await house.check_clean()


async def test_the_branch_being_gone_fails_with_the_way_to_choose_another(house: House) -> None:
    project = await house.live(1)
    del house.world.heads[house.hub.repositories[1001].clone_url, "main"]  # type: ignore[index]
    await house.engine.projects.redeploy(project.id, clear_cache=False)
    await house.idle()
    failure = (await house.newest()).failure
    assert failure and failure.code == Code.BRANCH_MISSING and "--branch" in failure.hint
    assert house.serves() == sha(1)


async def test_a_tool_that_this_machine_lacks_is_said_before_anything_is_built(house: House) -> None:
    await house.live(1)
    texts = {"package.json": '{"scripts": {"start": "node x.js"}}'}
    house.world.trees[sha(2)] = Tree(files=frozenset(texts), texts=texts, tools=frozenset())
    builds = house.world.calls.count("builder.build")
    await house.push(2)
    await house.idle()
    failure = (await house.newest()).failure
    assert failure and failure.code == Code.TOOL_MISSING and "node" in failure.detail
    assert house.world.calls.count("builder.build") == builds
    await house.check_clean()


async def test_the_token_is_for_this_repository_and_is_revoked_when_the_fetch_is_over(house: House) -> None:
    await house.live(1)
    remote = house.hands.source.remotes[-1]  # type: ignore[attr-defined]
    assert remote.token == Secret("ghs_1001") and "ghs_" not in remote.url
    assert house.hub.revoked == ["ghs_1001"]
    house.world.calls.fail("source.checkout", owners())
    await house.push(2)
    await house.idle()
    assert house.hub.revoked == ["ghs_1001"] * 2


async def test_an_app_that_never_answers_is_taken_down_again(house: House) -> None:
    await house.live(1)
    house.world.ill.add(sha(2))
    await house.push(2)
    await house.idle()
    assert (await house.newest()).state is S.FAILED
    assert house.serves() == sha(1)
    await house.check_clean()


async def test_releases_beyond_those_kept_are_discarded(house: House) -> None:
    await house.live(1)
    for number in range(2, 10):
        await house.push(number)
        await house.idle()
    assert sorted(house.world.folders.values()) == [sha(number) for number in range(5, 10)]
    await house.check_clean()

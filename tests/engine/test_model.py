"""Whatever happens in whatever order, it ends at the head: a state machine over pushes, hooks, crashes, the clock,
GitHub's doings and the owner's word."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path
from typing import TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from nanoscale_box.core.errors import BoxError, Code, Conflict, Fault, Unauthorized, Unavailable
from nanoscale_box.core.lifecycle import RUNNING
from nanoscale_box.core.model import Outcome
from nanoscale_box.engine.views import ProjectChanges
from tests.engine.house import Delivered, House, S, fast_folder, open_house, sha
from tests.engine.outside import Outside
from tests.fakes import seconds
from tests.size import SIZE

T = TypeVar("T")
OF_THE_REPOSITORY = {"github.head", "github.clone_url", "github.checkout_token", "source.head", "source.checkout"}
HOOKS = st.sampled_from([("app",), ("repository",), ("app", "repository"), ("repository", "app")])


class BoxMachine(RuleBasedStateMachine):
    """One project with two hooks; deliveries wait until they are told, in any order, or never."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(dir=fast_folder())
        self.opening: AbstractAsyncContextManager[House] = open_house(Path(self.folder.name))
        self.pending: list[Delivered] = []
        self.told: dict[str, Delivered] = {}
        self.count = 1
        self.calls = 0
        """How many calls went out while the repository was within reach."""
        self.go: asyncio.Event | None = None
        self.held = ""

    def run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def working() -> T:
            return await work()

        return self.runner.run(working())

    @initialize()
    def open(self) -> None:
        self.house = self.run(self.opening.__aenter__)
        self.outside = Outside(self.house)
        self.run(lambda: self.house.live(1))

    @rule(hooks=HOOKS, broken=st.booleans(), back=st.integers(0, 3), skip=st.booleans())
    def push(self, hooks: tuple[str, ...], broken: bool, back: int, skip: bool) -> None:
        """Move the branch on, or by force to where it was; each hook will tell of it."""
        target = self.count - back
        if back == 0 or target < 1:
            self.count += 1
            target = self.count
            if broken:
                self.house.world.broken.add(sha(target))
        moved = self.house.commit(target, message="[skip ci]" if skip and back == 0 and not broken else "")
        if moved.before != moved.after:
            self.pending += [self.house.delivery(moved, hook) for hook in hooks if self.outside.has_hook(hook)]

    @precondition(lambda self: self.pending)
    @rule(data=st.data())
    def deliver(self, data: st.DataObject) -> None:
        """A hook tells of any push that was not told yet."""
        delivery = self.pending.pop(data.draw(st.integers(0, len(self.pending) - 1)))
        if delivery_id := self.run(lambda: self.outside.received(*delivery)):
            assert delivery_id not in self.told
            self.told[delivery_id] = delivery

    @precondition(lambda self: self.told)
    @rule(data=st.data())
    def duplicate(self, data: st.DataObject) -> None:
        """GitHub tells again what it told."""
        delivery = self.told[data.draw(st.sampled_from(sorted(self.told)))]
        with suppress(Unauthorized):  # by a hook that is gone since

            async def again() -> None:
                assert (await self.house.engine.intake.receive(*delivery)).status == "duplicate"

            self.run(again)

    @precondition(lambda self: self.pending)
    @rule()
    def lose(self) -> None:
        """A delivery never comes."""
        self.pending.pop()

    @precondition(lambda self: self.go is None)
    @rule(passed=st.sampled_from([0.5, 1, 3, 31]))
    def pass_time(self, passed: float) -> None:
        self.run(lambda: self.house.wait(passed))

    @rule(by=st.sampled_from([-90, -7200, 7200, 90000]))
    def jump(self, by: int) -> None:
        """The clock is set, or the machine slept: time that nobody saw pass."""
        self.house.world.now += seconds(by)
        self.run(self.house.settle_reads)

    @precondition(lambda self: self.go is None and self.outside.is_there)
    @rule(how=st.sampled_from(["suspend", "take_out", "remove", "disconnect"]))
    def take_away(self, how: str) -> None:
        """The repository goes out of the box's reach."""
        self.run(getattr(self.outside, how))
        self.run(self.house.settle)
        self.calls = len(self.house.world.calls.names)

    @precondition(lambda self: self.go is None)
    @rule()
    def give_back(self) -> None:
        self.run(self.outside.give_back)

    @precondition(lambda self: self.go is None and self.outside.is_there)
    @rule(told=st.booleans())
    def rename(self, told: bool) -> None:
        self.run(lambda: self.outside.rename(told=told))

    @precondition(lambda self: self.go is None)
    @rule(call=st.sampled_from(["source.head", "source.checkout", "builder.build", "runner.gate", "ingress.switch"]))
    def begin(self, call: str) -> None:
        """Come as far as this call of what waits, and stay there."""

        async def come() -> None:
            _, self.go = self.house.world.calls.block(call)
            self.held = call
            self.house.world.now += self.house.policy.debounce.longest
            self.house.engine.worker.wake()
            for _ in range(6):
                await self.house.settle_reads()

        self.run(come)

    @precondition(lambda self: self.go is not None)
    @rule()
    def go_on(self) -> None:
        self.run(self.release)

    async def release(self) -> None:
        self.house.world.calls.named_blocks.clear()
        if self.go:
            self.go.set()
        self.go, self.held = None, ""
        await self.house.settle()

    @rule(call=st.sampled_from(["source.head", "source.checkout", "runner.gate", "ingress.switch"]))
    def fault(self, call: str) -> None:
        """Something that is nobody's fault will fail once."""
        error = Unavailable(Code.SOURCE_UNREACHABLE, "for the moment", fault=Fault.NETWORK)
        self.house.world.calls.named_plans[call] = [error]

    @rule(orderly=st.booleans())
    def restart(self, orderly: bool) -> None:
        async def again() -> None:
            if orderly:
                await self.release()
                await self.house.stop()
            else:
                await self.house.kill()
                self.house.world.calls.named_blocks.clear()
                self.go, self.held = None, ""
            await self.house.start()

        self.run(again)

    @precondition(lambda self: self.go is None)
    @rule()
    def poll(self) -> None:
        self.run(self.house.engine.polling.poll)

    @precondition(lambda self: self.held != "ingress.switch")  # a change of hosts waits until a switch is over
    @rule(paused=st.booleans())
    def pause(self, paused: bool) -> None:
        async def pausing() -> None:
            with suppress(Conflict):  # a pause that is not the owner's to lift
                await self.house.engine.projects.change("hello", ProjectChanges(fields={"paused": paused}))

        self.run(pausing)

    @rule()
    def resume(self) -> None:
        async def resuming() -> None:
            with suppress(Conflict):
                await self.house.engine.projects.resume("hello")

        self.run(resuming)

    @rule()
    def redeploy(self) -> None:
        self.run(lambda: self.house.engine.projects.redeploy("hello", clear_cache=False))

    @rule()
    def cancel(self) -> None:
        async def cancelling() -> None:
            with suppress(BoxError):
                await self.house.engine.projects.cancel((await self.house.newest()).id)

        self.run(cancelling)

    @precondition(lambda self: self.go is None)
    @rule()
    def rollback(self) -> None:
        async def rolling() -> None:
            with suppress(BoxError):
                await self.house.engine.projects.rollback("hello", None)

        self.run(rolling)

    @invariant()
    def one_runs_and_visitors_are_served(self) -> None:
        if not hasattr(self, "house"):
            return
        rows = self.run(self.house.deployments)
        assert len([row for row in rows if row.state in RUNNING]) <= 1
        assert len([row for row in rows if row.state is S.LIVE]) == 1
        assert self.house.serves() is not None

    @invariant()
    def nothing_out_of_reach_is_asked_for(self) -> None:
        if hasattr(self, "house") and not self.outside.is_there:
            asked = self.house.world.calls.names[self.calls :]
            assert [name for name in asked if name in OF_THE_REPOSITORY] == []

    def teardown(self) -> None:
        if hasattr(self, "house"):
            try:
                self.run(self.end)
            finally:
                self.run(lambda: self.opening.__aexit__(None, None, None))
        self.runner.close()
        self.folder.cleanup()

    async def end(self) -> None:
        """Let everything come to rest; then it has to be as promised."""
        house = self.house
        house.world.calls.named_plans.clear()
        await self.release()
        for delivery in self.pending:
            if delivery_id := await self.outside.received(*delivery):
                self.told[delivery_id] = delivery
        await house.idle()
        await self.outside.give_back()
        for _ in range(3):
            await house.idle()
            await house.engine.polling.poll()
        await house.idle()
        await house.check_clean()
        for number in self.told:
            verdicts = [one for one in await house.verdicts() if one.delivery_id == number]
            assert len(verdicts) == 1 and verdicts[0].outcome is not Outcome.QUEUED and verdicts[0].reason
        await self.check_head()

    async def check_head(self) -> None:
        """What visitors see is the branch's head, unless the owner or the commit itself says otherwise."""
        house = self.house
        (head,) = house.world.heads.values()
        project, newest = await house.project(), await house.newest()
        if house.serves() == head or project.paused:
            return
        skipped = "[skip ci]" in house.world.messages.get(head, "")
        assert skipped or newest.state is S.CANCELLED or head in house.world.broken, newest


BoxMachine.TestCase.settings = settings(
    max_examples=12 * SIZE,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestBox = BoxMachine.TestCase

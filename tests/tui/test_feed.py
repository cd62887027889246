"""The feed between box and model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from nanoscale_box.client import ApiError, Disconnected, Reconnected, Unreachable
from nanoscale_box.tui import feed as feeds
from nanoscale_box.tui.feed import Feed
from nanoscale_box.tui.model import Model
from nanoscale_box.wire import shapes
from tests.tui import samples
from tests.tui.fake_client import FakeClient


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeds, "_PAUSE", 0.05)


@asynccontextmanager
async def running(box: FakeClient) -> AsyncIterator[tuple[Model, Feed, list[shapes.Event]]]:
    model, heard = Model(), list[shapes.Event]()
    feed = Feed(box, model, changed=lambda: None, heard=heard.append)
    task = asyncio.create_task(feed.run())
    try:
        await until(lambda: model.loaded or model.away)
        yield model, feed, heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - looks from outside, as no event tells it
            await asyncio.sleep(0.01)


async def test_everything_is_asked_at_first(box: FakeClient) -> None:
    async with running(box) as (model, _, _):
        assert model.by_name()[0].name == "api"
        assert model.verdicts[0].outcome == "queued"
        assert model.github == box.github
        assert model.away is None


async def test_an_event_has_its_project_asked_again(box: FakeClient) -> None:
    async with running(box) as (model, _, heard):
        new = samples.deployment("hello", 13, state="live", age=0)
        box.put(samples.project("hello", live=new))
        box.tell("deployment", new, "prj_hello")
        await until(lambda: (live := model.projects["prj_hello"].live) is not None and live.number == 13)
        assert heard[0].kind == "deployment"


async def test_a_project_that_is_gone_when_asked_is_dropped(box: FakeClient) -> None:
    async with running(box) as (model, _, _):
        box.all_projects = [one for one in box.all_projects if one.name != "hello"]
        box.tell("project", {"change": "changed"}, "prj_hello")
        await until(lambda: "prj_hello" not in model.projects)
        assert model.away is None


async def test_a_history_is_asked_once_it_is_opened(box: FakeClient) -> None:
    async with running(box) as (model, feed, _):
        feed.open("prj_hello")
        await until(lambda: model.histories["prj_hello"].deployments)
        assert model.histories["prj_hello"].deployments[0].number == 12
        assert len(model.histories["prj_hello"].verdicts) == 5


async def test_away_and_back(box: FakeClient) -> None:
    async with running(box) as (model, _, _):
        await until(lambda: sum(asked == ("projects",) for asked in box.asked) == 2)
        box.happened.put_nowait(Disconnected(sentence="The box is gone.", hint="Start it."))
        await until(lambda: model.away == "The box is gone.")
        box.all_projects = []
        box.happened.put_nowait(Reconnected())
        await until(lambda: model.away is None and not model.projects)


@pytest.mark.parametrize(
    "failure",
    [Unreachable("No box answers.", "Start it."), ApiError(samples.problem("The box is stopping.", status=503))],
)
async def test_a_box_that_cannot_be_asked_is_asked_again(box: FakeClient, failure: ApiError | Unreachable) -> None:
    box.refuse["projects"] = failure
    async with running(box) as (model, _, _):
        assert model.away == (failure.sentence if isinstance(failure, Unreachable) else failure.problem.detail)
        del box.refuse["projects"]
        await until(lambda: model.loaded and model.away is None)


async def test_a_stream_that_is_refused_is_taken_up_again(box: FakeClient) -> None:
    async with running(box) as (model, _, _):
        box.happened.put_nowait(ApiError(samples.problem("The box is stopping.", status=503)))
        await until(lambda: sum(asked == ("events",) for asked in box.asked) == 2)
        await until(lambda: model.away is None)


async def test_an_event_that_is_not_understood_is_no_end(box: FakeClient) -> None:
    async with running(box) as (model, _, _):
        box.tell("deployment", {"id": 7}, "prj_hello")
        await until(lambda: sum(asked == ("events",) for asked in box.asked) == 2)
        await until(lambda: model.away is None)

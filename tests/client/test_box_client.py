"""The client before a real door: every call, the streams through a restart, and dial errors that help."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from nanoscale_box.adapters.git_limits import GitLimits
from nanoscale_box.client import ApiError, BoxClient, Disconnected, Reconnected, Unreachable, calls
from nanoscale_box.client.calls import address
from nanoscale_box.client.dialling import Miss, unreachable
from nanoscale_box.core.errors import Code, NotFound
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.records import Page
from nanoscale_box.web.server import build_local, open_local
from nanoscale_box.wire import requests, routes, shapes
from tests.web.fake_engine import FakeEngine


@asynccontextmanager
async def box_at(path: Path, engine: FakeEngine) -> AsyncIterator[None]:
    door = await open_local(build_local(engine.services(), ping_seconds=0.2), path)
    try:
        yield
    finally:
        await door.close()


@pytest.fixture
async def engine() -> FakeEngine:
    return FakeEngine()


@pytest.fixture
async def client(engine: FakeEngine, tmp_path: Path) -> AsyncIterator[BoxClient]:
    async with box_at(tmp_path / "box.sock", engine), BoxClient.dial(tmp_path / "box.sock") as client:
        yield client


async def test_projects(client: BoxClient, engine: FakeEngine) -> None:
    assert [one.name for one in await client.projects()] == ["hello"]
    assert (await client.project("hello")).live == await client.deployment("dep_1")
    created = await client.create_project(requests.CreateProject(repo_url="https://github.com/o/r", branch="main"))
    assert created.deployment.number == 1
    assert (await client.change_project("hello", requests.ChangeProject(paused=True))).name == "hello"
    assert ("change", {"paused": True}) in engine.projects.asked
    assert (await client.plan("hello")).kind == "node"
    assert [one.key for one in await client.env("hello")] == ["TOKEN"]
    await client.replace_env("hello", [requests.KeepOrSet(key="A", value="x"), requests.KeepOrSet(key="B")])
    assert ("replace_env", [("A", Secret("x")), ("B", None)]) in engine.projects.asked
    await client.delete_project("hello")
    await client.down()


async def test_deployments(client: BoxClient) -> None:
    assert await client.redeploy("hello") is None
    assert (await client.redeploy("hello", clear_cache=True)) == await client.deployment("dep_1")
    assert (await client.rollback("hello")) is not None
    assert await client.resume("hello") is None
    assert (await client.cancel("dep_1")).state == "cancelled"
    assert (await client.deployments("hello", limit=3)).next_cursor == "more"
    assert (await client.verdicts("hello")).items == (await client.verdicts()).items


async def test_github(client: BoxClient, engine: FakeEngine) -> None:
    assert (await client.github_status()).account_login == "octo"
    assert (await client.installations())[0].installation_id == 7
    assert (await client.start_connect()).redirect_url.startswith("https://github.test")
    assert (await client.register_app("acme")).redirect_url.startswith("https://box.test")
    assert (await client.repos(query="a b&c=d", installation_id=7)).items[0].full_name == "octo/hello"
    assert engine.accounts.asked[-1][1] == (7, "a b&c=d", Page())
    assert (await client.branches(42, query="ma")).items[0].default
    await client.sync_repos()
    await client.disconnect()


async def test_session_and_doctor(client: BoxClient) -> None:
    assert (await client.session()).via == "socket"
    assert (await client.doctor()).ok


async def test_a_look_at_a_large_source_may_take_longer_than_other_calls(
    client: BoxClient, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calls, "_CALL_SECONDS", 0.3)
    engine.projects.slow = True
    asked = requests.CreateProject(repo_url="https://github.com/o/large", branch="main")
    looks = [asyncio.create_task(client.plan_anew(asked)), asyncio.create_task(client.plan("hello"))]
    with pytest.raises(Unreachable, match="does not answer"):
        await client._calls.get(address(routes.PROJECT_PLAN, project_id="hello"), shapes.PlanPreview)
    assert not any(look.done() for look in looks), "what ends other calls does not end these"
    engine.projects.looked.set()
    assert [plan.kind for plan in await asyncio.gather(*looks)] == ["node", "node"]
    limits = GitLimits()
    assert limits.head_seconds + limits.wall_seconds < calls.MAKING_SECONDS, "the box gives up first, and says why"


async def test_a_look_tells_what_git_says(client: BoxClient, engine: FakeEngine) -> None:
    heard: list[str] = []
    engine.projects.says = ("Receiving 1.0 MiB, 50 %.", "Received 2.0 MiB in 7 objects.")
    asked = requests.CreateProject(repo_url="https://github.com/o/large", branch="main")
    assert (await client.plan_anew(asked, heard.append)) == await client.plan_anew(asked)
    assert tuple(heard) == engine.projects.says
    engine.projects.refuses = NotFound(Code.BRANCH_MISSING, "there is no branch main", hint="push it")
    for hear in (None, heard.append):
        with pytest.raises(ApiError, match="no branch main") as refused:
            await client.plan_anew(asked, hear)
        problem = refused.value.problem
        assert (problem.status, problem.code, problem.hint) == (404, "branch_missing", "push it")
    neither = requests.CreateProject(branch="main")
    with pytest.raises(ApiError, match="one source"):
        await client.plan_anew(neither, heard.append)


async def test_a_look_that_is_left_ends_at_the_box(client: BoxClient, engine: FakeEngine) -> None:
    engine.projects.slow = True
    asked = requests.CreateProject(repo_url="https://github.com/o/large", branch="main")
    for look in (client.plan_anew(asked), client.plan_anew(asked, print), client.plan("hello")):
        looking = asyncio.create_task(look)
        await asyncio.wait_for(engine.projects.looking.wait(), 10)
        looking.cancel()
        await asyncio.wait_for(engine.projects.left.wait(), 10)
        engine.projects.looking.clear()
        engine.projects.left.clear()
    assert (await client.session()).via == "socket"


@asynccontextmanager
async def deaf(path: Path, hang_up: asyncio.Event) -> AsyncIterator[asyncio.AbstractServer]:
    """Takes requests on a socket, and hangs up instead of answering."""

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.read(1):
            await hang_up.wait()
        writer.close()

    async with await asyncio.start_unix_server(take, path) as server:
        yield server


async def test_a_change_whose_answer_is_lost_may_have_been_made(tmp_path: Path) -> None:
    path, hang_up = tmp_path / "box.sock", asyncio.Event()
    asked = requests.CreateProject(repo_url="https://github.com/o/r", branch="main")
    async with deaf(path, hang_up) as server, BoxClient.dial(path) as client:
        hang_up.set()
        for change in (client.create_project(asked), client.delete_project("hello")):
            with pytest.raises(Unreachable, match=r"broke off .* may have been done") as lost:
                await change
            assert "before you ask again" in lost.value.hint and "nanoscale-box status" in lost.value.hint
        for look in (client.projects(), client.plan_anew(asked)):
            with pytest.raises(Unreachable, match=r"broke off before its answer was whole$"):
                await look
        hang_up.clear()
        creating = asyncio.create_task(client.create_project(asked))
        await asyncio.sleep(0.1)
        server.close()
        hang_up.set()
        with pytest.raises(Unreachable, match="may have been done") as gone:
            await creating
        assert "start" in gone.value.hint and "nanoscale-box status" in gone.value.hint
        with pytest.raises(Unreachable) as unheard:
            await client.create_project(asked)
        assert "may have been" not in unheard.value.sentence, "nobody heard of it"


async def test_a_refusal_is_a_problem(client: BoxClient) -> None:
    with pytest.raises(ApiError) as refused:
        await client.project("no/such ?#%")
    assert (refused.value.problem.status, refused.value.problem.code) == (404, "not_found")


async def test_a_newer_box_may_say_more() -> None:
    told = msgspec.json.decode(
        b'{"user_id":"u","via":"socket","caller":"uid:0","version":"9","more":1}', type=shapes.Session
    )
    assert told.version == "9"


def test_parts_of_an_address_are_quoted() -> None:
    assert address(routes.PROJECT, project_id="a/b ?#%é") == "/api/projects/a%2Fb%20%3F%23%25%C3%A9"


async def test_events_that_are_there(client: BoxClient, engine: FakeEngine) -> None:
    for text in ("one", "two"):
        engine.feed.add(text)
    seen = [event async for event in client.events(follow=False)]
    assert [event.data["text"] for event in seen if isinstance(event, shapes.Event)] == ["one", "two"]


async def test_events_go_on_after_a_restart(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(AsyncExitStack())
        await box.enter_async_context(box_at(path, engine))
        client = await stack.enter_async_context(BoxClient.dial(path))
        seen, watching = watch(client.events())
        await asyncio.sleep(0.2)
        engine.feed.add("before")
        assert told(await soon(seen)) == "before"
        await box.aclose()
        lost = await soon(seen)
        assert isinstance(lost, Disconnected)
        assert lost.sentence
        assert lost.hint
        engine.feed.add("meanwhile")
        await stack.enter_async_context(box_at(path, engine))
        assert isinstance(await soon(seen), Reconnected)
        assert told(await soon(seen)) == "meanwhile"
        engine.feed.add("after")
        assert told(await soon(seen)) == "after"
        assert seen.empty()
        watching.cancel()


async def test_what_happens_before_the_first_event_is_not_lost(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(AsyncExitStack())
        await box.enter_async_context(box_at(path, engine))
        client = await stack.enter_async_context(BoxClient.dial(path))
        seen, watching = watch(client.events())
        await asyncio.sleep(0.2)
        await box.aclose()
        engine.feed.add("meanwhile")
        assert isinstance(await soon(seen), Disconnected)
        await stack.enter_async_context(box_at(path, engine))
        assert isinstance(await soon(seen), Reconnected)
        assert told(await soon(seen)) == "meanwhile"
        watching.cancel()


async def test_a_log_goes_on_after_a_restart_and_ends(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    engine.logs.lines = ["one", "two"]
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(AsyncExitStack())
        await box.enter_async_context(box_at(path, engine))
        client = await stack.enter_async_context(BoxClient.dial(path))
        seen, watching = watch(client.log("hello"))
        assert [told(await soon(seen)) for _ in range(2)] == ["one", "two"]
        await box.aclose()
        assert isinstance(await soon(seen), Disconnected)
        engine.logs.lines.append("three")
        engine.logs.complete = True
        await stack.enter_async_context(box_at(path, engine))
        assert isinstance(await soon(seen), Reconnected)
        assert told(await soon(seen)) == "three"
        await asyncio.wait_for(watching, 3)


async def test_logs_that_are_there(client: BoxClient, engine: FakeEngine) -> None:
    engine.logs.lines = ["one", "two", "three"]
    tail = [told(line) async for line in client.deployment_log("dep_1", follow=False, tail=2)]
    assert tail == ["two", "three"]
    with pytest.raises(ApiError, match="no such deployment"):
        [line async for line in client.deployment_log("dep_9")]


def watch(stream: AsyncIterator[object]) -> tuple[asyncio.Queue[object], asyncio.Task[None]]:
    """What a stream gives, as it comes."""
    seen: asyncio.Queue[object] = asyncio.Queue()

    async def fill() -> None:
        async for one in stream:
            seen.put_nowait(one)

    return seen, asyncio.create_task(fill())


async def soon(seen: asyncio.Queue[object]) -> object:
    return await asyncio.wait_for(seen.get(), 5)


def told(one: object) -> str:
    match one:
        case shapes.LogLine():
            return one.text
        case shapes.Event():
            return str(one.data["text"])
        case _:
            raise AssertionError(one)


async def test_no_socket_says_how_to_start_a_box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanoscale_box.places.SERVICE_SOCKET", tmp_path / "service.sock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    with pytest.raises(Unreachable) as missed:
        async with BoxClient.dial():
            pass
    assert str(tmp_path / "nanoscale-box" / "box.sock") in missed.value.sentence
    assert "service.sock" in missed.value.sentence
    assert "nanoscale-box serve" in missed.value.hint


async def test_the_environment_names_the_only_socket(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: FakeEngine
) -> None:
    monkeypatch.setenv("NANOSCALE_SOCKET", str(tmp_path / "told.sock"))
    with pytest.raises(Unreachable, match="told"):
        async with BoxClient.dial():
            pass
    async with box_at(tmp_path / "told.sock", engine), BoxClient.dial() as client:
        assert client.socket == tmp_path / "told.sock"


async def test_the_services_socket_is_found_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, engine: FakeEngine
) -> None:
    monkeypatch.setattr("nanoscale_box.places.SERVICE_SOCKET", tmp_path / "service.sock")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    async with box_at(tmp_path / "service.sock", engine), BoxClient.dial() as client:
        assert (await client.session()).version == "0.1"


async def test_a_socket_left_behind_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "box.sock"))
    with pytest.raises(Unreachable, match="has ended"):
        async with BoxClient.dial(tmp_path / "box.sock"):
            pass


def test_each_miss_has_its_own_sentence() -> None:
    told_of = {miss: unreachable([(miss, Path("/run/x"))]) for miss in Miss}
    assert len({one.sentence for one in told_of.values()}) == len(Miss)
    assert all("/run/x" in one.sentence and one.hint for one in told_of.values())
    assert "usermod -aG nanoscale-box" in told_of[Miss.FORBIDDEN].hint
    several = [(Miss.ABSENT, Path("/a")), (Miss.FORBIDDEN, Path("/b"))]
    assert unreachable(several).sentence == "the box at /b belongs to another user"


async def test_a_box_that_ended_meanwhile_is_told(engine: FakeEngine, tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        box = await stack.enter_async_context(AsyncExitStack())
        await box.enter_async_context(box_at(tmp_path / "box.sock", engine))
        client = await stack.enter_async_context(BoxClient.dial(tmp_path / "box.sock"))
        await client.session()
        await box.aclose()
        with pytest.raises(Unreachable, match="no box is running"):
            await client.session()


def test_importing_the_client_imports_no_heavy_library() -> None:
    script = "import sys, nanoscale_box.client; print(sorted({'aiohttp', 'textual', 'dulwich'} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=30)
    assert found.stdout.strip() == "[]"

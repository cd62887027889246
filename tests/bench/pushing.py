"""From a push's arrival to the first answer of the new release, on the sample apps, and where that time goes."""

from __future__ import annotations

import asyncio
import http.client
import os
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp

from nanoscale_box.demo.browser import Browser
from nanoscale_box.demo.journey import Journey
from nanoscale_box.demo.world import World, world
from nanoscale_box.sandbox.sample_files import SEEDS
from nanoscale_box.wire import requests, shapes
from tests.bench.report import Line, middle, size
from tests.ports import free_port

_SECONDS: Final = 60.0
_BUDGET: Final = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """A sample app: which file says what it answers, and what of the time is its own."""

    name: str
    repo: str
    marked: str
    """The file in which `MARK` stands for what this commit says."""
    build: Sequence[str] = ()
    run: Sequence[str] = ()
    path: str = "/"
    """Asked to see whether it is up."""
    files: Mapping[str, str] = field(default_factory=dict)


MARK: Final = "Mark-of-the-commit"
SAMPLES: Final = (
    Sample(
        name="hello",
        repo="ada/hello",
        marked="page.txt",
        build=("python3", "build.py"),
        run=("python3", "app.py"),
        path="/healthz",
        files=SEEDS["hello"] | {"page.txt": f"{MARK}\n"},
    ),
    Sample(
        name="website",
        repo="ada/website",
        marked="index.html",
        files=SEEDS["website"] | {"index.html": f"<h1>{MARK}</h1>"},
    ),
    Sample(
        name="node-app",
        repo="ada/node-app",
        marked="server.js",
        run=("node", "server.js"),
        files=SEEDS["node-app"] | {"server.js": SEEDS["node-app"]["server.js"].replace("Hello from node-app", MARK)},
    ),
)


def push_to_live() -> Iterator[Line]:
    """What the box itself takes: debounce is off, and the owner's build and the app's start are measured alone in the
    same run and taken off."""
    rounds = size(2, 15, 40)
    yield from asyncio.run(_measure(rounds))


def rollback() -> Iterator[Line]:
    """From the owner's word to the first answer of the release before, the app's own start included."""
    rounds = size(2, 9, 20)
    took = asyncio.run(_roll_back(rounds))
    more: dict[str, object] = {"slowest": f"{max(took):.2f} s", "load_average": round(os.getloadavg()[0], 1)}
    yield Line(name="rollback", unit="s", ours=middle(took), budget=2.0, runs=rounds, more=more)


async def _roll_back(rounds: int) -> list[float]:
    async with connected() as there:
        sample = SAMPLES[0]
        await create(there, sample)
        marks = [f"{MARK}-{number}" for number in range(2)]
        for mark in marks:
            await _say(there, sample, mark)
        await _alone(there)
        took = []
        for number in range(rounds):
            back = asyncio.create_task(_answers(there, f"{sample.name}.localhost", marks[number % 2]))
            began = time.time()
            owed = await there.client.rollback(sample.name)
            took.append(await back - began)
            if owed is not None:
                await ended(there, owed.id)
            await _alone(there)
        return took


async def _alone(there: World) -> None:
    """Wait until the release before has ended: one that is busy still would be gone back to without a start."""
    while len(list((there.folder / "box" / "instances").glob("*.json"))) > 1:  # noqa: ASYNC110 - another process' files
        await asyncio.sleep(0.05)


async def _say(there: World, sample: Sample, mark: str) -> tuple[str, str]:
    """Push a commit that says so, and wait until it is answered; its sha, and the file's text."""
    text = sample.files[sample.marked].replace(MARK, mark)
    order = {"repo": sample.repo, "branch": "main", "files": {sample.marked: text}, "message": f"Say {mark}"}
    watching = asyncio.create_task(_answers(there, f"{sample.name}.localhost", mark))
    sha = await there.push(order)
    await watching
    newest = (await there.client.deployments(sample.name)).items[0]
    await ended(there, newest.id)
    return sha, text


async def _measure(rounds: int) -> list[Line]:
    lines, overheads = [], []
    async with connected() as there:
        for sample in SAMPLES:
            if sample.run[:1] == ("node",) and not _is_there("node"):
                continue
            await create(there, sample)
            seen = [await _push(there, sample, number) for number in range(rounds + 2)][2:]
            overheads += [one["overhead"] for one in seen]
            parts = {name: f"{1000 * middle([one[name] for one in seen]):.0f} ms" for name in seen[0]}
            line = Line(
                name=f"push_to_live.{sample.name}",
                unit="s",
                ours=middle([one["overhead"] for one in seen]),
                budget=_BUDGET,
                runs=rounds,
                more={"where": parts},
            )
            lines.append(line)
    more: dict[str, object] = {"slowest": f"{max(overheads):.2f} s", "load_average": round(os.getloadavg()[0], 1)}
    runs = len(overheads)
    lines.append(
        Line(name="push_to_live", unit="s", ours=middle(overheads), budget=_BUDGET, runs=runs, more=more),
    )
    return lines


@asynccontextmanager
async def connected(**settings: str) -> AsyncIterator[World]:
    """A box that is connected to a GitHub of its own; a push is due at once."""
    async with world({"NANOSCALE_DEBOUNCE_SECONDS": "0", **settings}) as there, Browser() as browser:
        journey = Journey(world=there, browser=browser)
        async for told in journey.walk(["register", "connect", "sync"]):
            if not told.ok:
                raise RuntimeError(f"{told.step}: {told.detail}")
        yield there


async def create(there: World, sample: Sample) -> None:
    """Make the sample a project, and see it live and its hook made."""
    found = await there.client.repos(query=sample.repo)
    repository = next(one for one in found.items if one.full_name == sample.repo)
    source = requests.GithubSource(
        installation_id=repository.installation_id, repo_id=repository.repo_id, selected_branch="main"
    )
    created = await there.client.create_project(requests.CreateProject(name=sample.name, github_source=source))
    await ended(there, created.deployment.id)
    async with asyncio.timeout(_SECONDS):
        while not (await there.ask("state"))["hooks"]:  # noqa: ASYNC110 - another system's state
            await asyncio.sleep(0.05)


async def _push(there: World, sample: Sample, number: int) -> dict[str, float]:
    """Push one commit and see it answer; seconds of each part."""
    mark = f"{MARK}-{number}-{time.monotonic_ns()}"
    text = sample.files[sample.marked].replace(MARK, mark)
    order = {"repo": sample.repo, "branch": "main", "files": {sample.marked: text}, "message": f"Say {number}"}
    watching = asyncio.create_task(_answers(there, f"{sample.name}.localhost", mark))
    sha = await there.push(order)
    answered = await watching
    newest = (await there.client.deployments(sample.name)).items[0]
    done = await ended(there, newest.id)
    if done.sha != sha or done.state != "live" or done.started_at is None or done.finished_at is None:
        raise RuntimeError(f"#{done.number} is {done.state} at {done.sha}: {done.error}")
    arrived = await _arrived(there, sha)
    build, start = await asyncio.to_thread(alone, sample, text)
    total = answered - arrived
    steps = {step.name: (step.duration_ms or 0) / 1000 for step in done.steps}
    begun, finished = done.started_at.timestamp(), done.finished_at.timestamp()
    return {
        "overhead": total - build - start,
        "total": total,
        "owners_build": build,
        "apps_start": start,
        "recorded": done.queued_at.timestamp() - arrived,
        "picked_up": begun - done.queued_at.timestamp(),
        **steps,
        "between_steps": finished - begun - sum(steps.values()),
        "first_answer": answered - finished,
    }


async def _answers(there: World, host: str, mark: str) -> float:
    """When the mark was first answered."""
    url = f"http://127.0.0.1:{there.ingress_port}/"
    async with aiohttp.ClientSession() as http, asyncio.timeout(_SECONDS):
        while True:
            async with http.get(url, headers={"Host": host}) as answer:
                if mark in await answer.text():
                    return time.time()
            await asyncio.sleep(0.005)


async def _arrived(there: World, sha: str) -> float:
    """When the first hook told of the commit."""
    told = (await there.ask("deliveries?settled=1"))["deliveries"]
    moments = [one["sent_at"] for one in told if one["request"]["payload"].get("after") == sha]
    return float(min(moments))


async def ended(there: World, deployment_id: str) -> shapes.Deployment:
    """The deployment, once it is over."""
    async with asyncio.timeout(_SECONDS):
        while True:
            found = await there.client.deployment(deployment_id)
            if found.state in {"live", "failed", "superseded", "retired"}:
                return found
            await asyncio.sleep(0.02)


def alone(sample: Sample, text: str) -> tuple[float, float]:
    """Seconds of the owner's build, and of the app from its start to its first answer, without the box."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for name, content in {**sample.files, sample.marked: text}.items():
            file = Path(folder) / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
        began = time.perf_counter()
        if sample.build:
            subprocess.run(sample.build, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        built = time.perf_counter()
        return built - began, _first_answer(sample, folder) if sample.run else 0.0


def _first_answer(sample: Sample, folder: str) -> float:
    port = free_port()
    env: dict[str, Any] = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1"}
    began = time.perf_counter()
    with subprocess.Popen(sample.run, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as app:
        try:
            return _wait(port, sample.path, began)
        finally:
            app.kill()


def _wait(port: int, path: str, began: float) -> float:
    while time.perf_counter() - began < _SECONDS:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", path)
            connection.getresponse().read()
            return time.perf_counter() - began
        except OSError:
            time.sleep(0.002)
        finally:
            connection.close()
    raise RuntimeError("the app did not answer by itself")


def _is_there(program: str) -> bool:
    return subprocess.run(["/bin/sh", "-c", f"command -v {program}"], check=False, capture_output=True).returncode == 0

"""Redeploys in a row, some of them broken, while visitors ask without a pause: no request may fail or be answered
wrongly."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from nanoscale_box.demo.world import World
from nanoscale_box.wire import requests
from tests.bench.pushing import connected, ended
from tests.bench.report import Line, middle, size

_REPO: Final = "ada/hello"
_HOST: Final = "switched.localhost"
_KEPT: Final = 6
_FRESH: Final = 3
_PAUSE: Final = 0.004
"""Between two requests of one visitor, so that builds get their turn."""

APP: Final = """
import asyncio, os, pathlib
PAGE = pathlib.Path("page.txt").read_bytes()
SECONDS = float(pathlib.Path("seconds.txt").read_text())
STATUS = b"500 Ill" if b"ILL" in PAGE else b"200 OK"
async def serve(reader, writer):
    try:
        while line := await reader.readline():
            while (await reader.readline()).strip():
                pass
            path = line.split()[1]
            if path == b"/slow":
                writer.write(b"HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\n")
                for _ in range(20):
                    writer.write(b"%x\\r\\n%s\\r\\n" % (len(PAGE), PAGE))
                    await writer.drain()
                    await asyncio.sleep(SECONDS / 20)
                writer.write(b"0\\r\\n\\r\\n")
            else:
                status = STATUS if path == b"/healthz" else b"200 OK"
                writer.write(b"HTTP/1.1 %s\\r\\nContent-Length: %d\\r\\n\\r\\n%s" % (status, len(PAGE), PAGE))
            await writer.drain()
    finally:
        writer.close()
async def main():
    server = await asyncio.start_server(serve, os.environ["HOST"], int(os.environ["PORT"]))
    await server.serve_forever()
asyncio.run(main())
"""
"""An app that ends at a SIGTERM at once, whatever it is doing: only the drain saves its requests."""

_TOML: Final = {
    "app": 'run_command = "exec python3 app.py"\n[health]\npath = "/healthz"\n',
    "site": 'output_directory = "site"\n',
    "broken": 'build_command = "exit 3"\nrun_command = "exec python3 app.py"\n',
    "ill": 'run_command = "exec python3 app.py"\n[health]\npath = "/healthz"\ngrace_seconds = 0\n',
}


@dataclass(slots=True)
class Seen:
    """What visitors met with."""

    newest: int = 1
    """The newest release that answered: from then on no older one may."""
    pushed: int = 1
    good: set[int] = field(default_factory=lambda: {1})
    requests: int = 0
    kept: int = 0
    long: int = 0
    failures: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    milliseconds: list[float] = field(default_factory=list)
    over: bool = False


def switch() -> Iterator[Line]:
    """The whole campaign; `full` is 100 redeploys, 20 of them broken, under 100,000 requests and 20 s streams."""
    redeploys, least, seconds = size(5, 20, 100), size(200, 10_000, 100_000), size(1, 5, 20)
    yield asyncio.run(_measure(redeploys, least, seconds))


async def _measure(redeploys: int, least: int, seconds: int) -> Line:
    seen = Seen()
    began = time.monotonic()
    async with connected() as there:
        await _first(there, seconds)
        visitors = [asyncio.create_task(_visit(there, seen, kept=number < _KEPT)) for number in range(_KEPT + _FRESH)]
        streaming = asyncio.create_task(_stream(there, seen))
        took = [await _redeploy(there, seen, number) for number in range(2, redeploys + 2)]
        while seen.requests < least:  # noqa: ASYNC110 - a count of nine visitors; nobody waits for it otherwise
            await asyncio.sleep(0.1)
        seen.over = True
        await asyncio.gather(*visitors, streaming)
    return _line(seen, redeploys, took, time.monotonic() - began)


def _line(seen: Seen, redeploys: int, took: list[float], seconds: float) -> Line:
    late = sorted(seen.milliseconds)
    more: dict[str, object] = {
        "requests": seen.requests,
        "on_kept_connections": seen.kept,
        "streams": seen.long,
        "redeploys": redeploys,
        "broken": redeploys + 1 - len(seen.good),
        "failed": len(seen.failures),
        "wrong": len(seen.wrong),
        "first_failures": [*seen.failures[:3], *seen.wrong[:3]],
        "p50_ms": round(late[len(late) // 2], 1),
        "p99_ms": round(late[len(late) * 99 // 100], 1),
        "redeploy_s": round(middle(took), 2),
        "seconds": round(seconds),
        "load_average": round(os.getloadavg()[0], 1),
    }
    bad = len(seen.failures) + len(seen.wrong)
    return Line(name="switch", unit="failed or wrong", ours=bad, budget=0, runs=seen.requests, more=more)


def kind_of(number: int) -> str:
    """What the release of this number is: every tenth is broken, every tenth ill, every fifth a site."""
    return {4: "broken", 9: "ill", 2: "site", 7: "site"}.get(number % 10, "app")


def page(number: int, *, ill: bool = False) -> str:
    """What it answers."""
    return f"release {number} {'ILL ' if ill else ''}{'.' * 500} end\n"


def _files(number: int) -> dict[str, str]:
    kind = kind_of(number)
    text = page(number, ill=kind == "ill")
    return {
        "nanoscale.toml": _TOML[kind],
        "app.py": APP,
        "page.txt": text,
        "site/index.html": text,
        "site/slow": text * 20,
    }


async def _first(there: World, seconds: int) -> None:
    await there.push(
        {"repo": _REPO, "branch": "main", "files": {**_files(1), "seconds.txt": str(seconds)}, "message": "One"}
    )
    found = await there.client.repos(query=_REPO)
    source = requests.GithubSource(
        installation_id=found.items[0].installation_id, repo_id=found.items[0].repo_id, selected_branch="main"
    )
    asked = requests.CreateProject(name="switched", github_source=source)
    created = await there.client.create_project(asked)
    done = await ended(there, created.deployment.id)
    if done.state != "live":
        raise RuntimeError(f"#1 is {done.state}: {done.error}")
    while not (await there.ask("state"))["hooks"]:  # noqa: ASYNC110 - another system's state
        await asyncio.sleep(0.05)


async def _redeploy(there: World, seen: Seen, number: int) -> float:
    """Push one release, and wait for its end; seconds it took."""
    bad = kind_of(number) in {"broken", "ill"}
    seen.pushed = number
    if not bad:
        seen.good.add(number)
    began = time.monotonic()
    order = {"repo": _REPO, "branch": "main", "files": _files(number), "message": f"Release {number}"}
    sha = await there.push(order)
    while True:
        newest = (await there.client.deployments("switched")).items[0]
        if newest.sha == sha or newest.number >= number:
            break
        await asyncio.sleep(0.02)
    done = await ended(there, newest.id)
    if (done.state == "failed") is not bad:
        seen.wrong.append(f"#{done.number} is {done.state}: {done.error}")
    return time.monotonic() - began


async def _visit(there: World, seen: Seen, *, kept: bool) -> None:
    """One visitor, on one connection or on a fresh one for each request."""
    reader = writer = None
    while not seen.over:
        at_least, began = seen.newest, time.perf_counter()
        try:
            if writer is None or reader is None:
                reader, writer = await asyncio.open_connection("127.0.0.1", there.ingress_port)
            status, body = await asyncio.wait_for(_get(reader, writer, "/", kept=kept), 30)
            _judge(seen, status, body, at_least)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            seen.failures.append(f"{type(error).__name__} {error} while #{seen.pushed} was deployed")
            status = 0
        seen.milliseconds.append(1000 * (time.perf_counter() - began))
        seen.requests += 1
        seen.kept += kept
        if writer is not None and (not kept or status == 0):
            writer.close()
            reader = writer = None
        await asyncio.sleep(_PAUSE)
    if writer is not None:
        writer.close()


async def _stream(there: World, seen: Seen) -> None:
    """One long request after the other; each is of one release from its first word to its last."""
    while not seen.over:
        at_least = seen.newest
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", there.ingress_port)
            status, body = await asyncio.wait_for(_get(reader, writer, "/slow", kept=False), 120)
            writer.close()
            one = body[: len(body) // 20]
            _judge(seen, status, one if one * 20 == body else f"{len(body)} bytes, cut or mixed", at_least)
        except (OSError, EOFError, ValueError, TimeoutError) as error:
            seen.failures.append(f"stream: {type(error).__name__} {error} while #{seen.pushed} was deployed")
        seen.long += 1
        await asyncio.sleep(_PAUSE)


def _judge(seen: Seen, status: int, body: str, at_least: int) -> None:
    """Whole, of a release that is fit to be seen, and of none older than one that was seen before the request."""
    number = int(body.split()[1]) if status == 200 and body.startswith("release ") else 0
    if body != page(number) or number not in seen.good or number < at_least:
        seen.wrong.append(f"{status} {body[:60]!r} at #{seen.pushed}, not before #{at_least}")
    seen.newest = max(seen.newest, number)


async def _get(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, *, kept: bool) -> tuple[int, str]:
    """Status and body of one request; `EOFError` if it ends before it should."""
    ending = "" if kept else "Connection: close\r\n"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: {_HOST}\r\n{ending}\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    status = int(head.split()[1])
    if "transfer-encoding: chunked" in head:
        return status, await _chunks(reader)
    length = int(head.partition("content-length: ")[2].partition("\r\n")[0])
    return status, (await reader.readexactly(length)).decode()


async def _chunks(reader: asyncio.StreamReader) -> str:
    whole = b""
    while size := int(await reader.readuntil(b"\r\n"), 16):
        whole += await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)
    return whole.decode()

"""The demo's world: a sandbox GitHub and a box with a throw-away home, both child processes, gone without a trace."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.client.errors import ApiError, Unreachable
from nanoscale_box.demo.children import Child, adopt_orphans, clean_environment, end_descendants, free_ports

START_SECONDS = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where everything answers."""

    folder: Path
    sandbox_url: str
    socket: Path
    ingress_port: int
    http: aiohttp.ClientSession
    client: BoxClient
    left: list[str]
    """Filled at the end of the world: what should have ended with it and had to be ended by force."""

    async def ask(self, path: str) -> Any:  # noqa: ANN401 - JSON of another system
        """The sandbox's own view: `state`, `requests`, `deliveries`."""
        async with self.http.get(f"{self.sandbox_url}/_sandbox/{path}") as answer:
            answer.raise_for_status()
            return await answer.json()

    async def push(self, order: Mapping[str, object]) -> str:
        """Push a commit to the sandbox; give its sha."""
        return await push(self.http, self.sandbox_url, order)

    async def page(self, host: str) -> tuple[int, str]:
        """What a visitor of `host` is answered through the ingress."""
        url = f"http://127.0.0.1:{self.ingress_port}/"
        async with self.http.get(url, headers={"Host": host}) as answer:
            return answer.status, await answer.text()


async def push(http: aiohttp.ClientSession, sandbox_url: str, order: Mapping[str, object]) -> str:
    """Push a commit to a sandbox; give its sha."""
    async with http.post(f"{sandbox_url}/_sandbox/push", json=order) as answer:
        answer.raise_for_status()
        pushed = await answer.json()
        return str(pushed["after"])


@asynccontextmanager
async def world(more: Mapping[str, str] | None = None) -> AsyncIterator[World]:
    """Start everything, the box with `more` settings; at the end, also after ctrl-c, stop apps, ingress, box and
    sandbox and remove the folder."""
    adopt_orphans()
    left: list[str] = []
    async with AsyncExitStack() as stack:
        folder = Path(tempfile.mkdtemp(prefix="nanoscale-box-demo-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        stack.push_async_callback(_end_the_rest, left)
        environment = clean_environment(os.environ) | {"HOME": str(folder)}
        sandbox = await _start_sandbox(folder, environment)
        stack.push_async_callback(sandbox.stop)
        told = json.loads(await sandbox.first_line(START_SECONDS))
        ingress_port, listen_port = free_ports(2)
        settings = box_settings(folder, told, listen_port, ingress_port) | dict(more or {})
        box = await Child.start("the box", ["nanoscale_box", "serve"], environment | settings, folder / "box.log")
        stack.push_async_callback(box.stop)
        http = await stack.enter_async_context(aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)))
        socket = folder / "box.sock"
        client = await _dial(socket, box, folder / "box.log")
        stack.push_async_callback(client.__aexit__, None, None, None)
        stack.push_async_callback(_take_down, client)
        yield World(
            folder=folder,
            sandbox_url=told["url"],
            socket=socket,
            ingress_port=ingress_port,
            http=http,
            client=client,
            left=left,
        )


def box_settings(folder: Path, sandbox: Mapping[str, str], listen_port: int, ingress_port: int) -> dict[str, str]:
    """The settings of the demo's box."""
    return {
        "NANOSCALE_ENV": "development",
        "NANOSCALE_HOME": str(folder / "box"),
        "NANOSCALE_SOCKET": str(folder / "box.sock"),
        "NANOSCALE_LISTEN": f"127.0.0.1:{listen_port}",
        "NANOSCALE_PUBLIC_BASE_URL": f"http://127.0.0.1:{listen_port}",
        "NANOSCALE_INGRESS_LISTEN": f"127.0.0.1:{ingress_port}",
        "NANOSCALE_GITHUB_URL": sandbox["url"],
        "NANOSCALE_GITHUB_API_URL": sandbox["api_url"],
        "NANOSCALE_DEBOUNCE_SECONDS": "1",
    }


async def _start_sandbox(folder: Path, environment: Mapping[str, str]) -> Child:
    home = folder / "sandbox"
    argv = ["nanoscale_box.sandbox", "--listen", "127.0.0.1:0", "--home", str(home), "--die-with-parent"]
    return await Child.start("the sandbox GitHub", argv, environment, folder / "sandbox.log")


async def _dial(socket: Path, box: Child, log: Path) -> BoxClient:
    """Wait until the box's socket answers, or tell what its log says when it ends first."""
    ended = asyncio.create_task(box.ended())
    try:
        async with asyncio.timeout(START_SECONDS):
            while not ended.done():
                client = BoxClient.dial(socket)
                try:
                    return await client.__aenter__()
                except Unreachable:
                    await asyncio.wait({ended}, timeout=0.05)
    except TimeoutError:
        pass
    finally:
        ended.cancel()
    raise RuntimeError(f"the box did not start:\n{_end_of(log)}")


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


async def _take_down(client: BoxClient) -> None:
    """Stop apps and ingress, which would outlive the box, as they should anywhere else. Where the box cannot do it any
    more, they are ended with the rest."""
    with suppress(ApiError, Unreachable):
        await client.down()


async def _end_the_rest(left: list[str]) -> None:
    left += await end_descendants()

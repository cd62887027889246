"""Answers with C git's own `git http-backend`, one child process a request, streamed both ways."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from dataclasses import dataclass

from .backend import GitAnswer, GitCall

CHUNK = 64 * 1024

# GitHub serves any object id that exists, and its repositories do not tidy themselves behind a push.
CONFIG = {
    "uploadpack.allowAnySHA1InWant": "true",
    "uploadpack.allowFilter": "true",
    "http.receivepack": "true",
    "gc.auto": "0",
    "receive.autogc": "false",
    "safe.directory": "*",
}


def git_program() -> str | None:
    """Where C git is, or None; `git http-backend` comes with it."""
    return shutil.which("git")


def environment(call: GitCall) -> dict[str, str]:
    """The CGI variables of one call. Nothing of the sandbox's own environment but PATH."""
    endpoint = "info/refs" if call.advertise else call.service
    found = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(call.folder.parent),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_PROJECT_ROOT": str(call.folder.parent),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": f"/{call.folder.name}/{endpoint}",
        "QUERY_STRING": f"service={call.service}" if call.advertise else "",
        "REQUEST_METHOD": "GET" if call.advertise else "POST",
        "CONTENT_TYPE": call.content_type,
        "REMOTE_USER": call.user,
        "REMOTE_ADDR": "127.0.0.1",
        "GIT_CONFIG_COUNT": str(len(CONFIG)),
    }
    if call.protocol:
        found["GIT_PROTOCOL"] = call.protocol
    for number, (key, value) in enumerate(CONFIG.items()):
        found[f"GIT_CONFIG_KEY_{number}"] = key
        found[f"GIT_CONFIG_VALUE_{number}"] = value
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class CGit:
    """The backend that real clients know best: protocol v2, shallow and partial fetches, any commit."""

    program: str
    name: str = "git"

    async def answer(self, call: GitCall) -> GitAnswer:
        process = await asyncio.create_subprocess_exec(
            self.program,
            "http-backend",
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            env=environment(call),
            cwd=call.folder,
        )
        feeding = asyncio.create_task(_feed(process, call.body))
        async with contextlib.AsyncExitStack() as undo:
            undo.push_async_callback(_end, process, feeding)
            headers = await _headers(process)
            status = int(headers.pop("Status", "200").split()[0])
            close = undo.pop_all().aclose
        return GitAnswer(status=status, headers=headers, chunks=_chunks(process), close=close)


def _ends(process: Process) -> tuple[asyncio.StreamWriter, asyncio.StreamReader]:
    if process.stdin is None or process.stdout is None:
        raise RuntimeError("git http-backend was started without pipes.")
    return process.stdin, process.stdout


async def _feed(process: Process, body: AsyncIterator[bytes]) -> None:
    inlet, _ = _ends(process)
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        async for chunk in body:
            inlet.write(chunk)
            await inlet.drain()
    inlet.close()


async def _headers(process: Process) -> dict[str, str]:
    _, outlet = _ends(process)
    headers: dict[str, str] = {}
    while line := (await outlet.readline()).decode("latin-1").strip():
        name, _, value = line.partition(":")
        headers[name] = value.strip()
    return headers


async def _chunks(process: Process) -> AsyncIterator[bytes]:
    _, outlet = _ends(process)
    while chunk := await outlet.read(CHUNK):
        yield chunk
    await process.wait()


async def _end(process: Process, feeding: asyncio.Task[None]) -> None:
    """Leave nothing running, however the request ended."""
    feeding.cancel()
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
    await asyncio.wait([feeding])

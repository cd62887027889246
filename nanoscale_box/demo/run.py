"""Starts the demo: with the terminal UI, without a terminal, or as a push to one that runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any

import aiohttp

from nanoscale_box.client.errors import ApiError, Unreachable
from nanoscale_box.demo import note
from nanoscale_box.demo.browser import Browser
from nanoscale_box.demo.journey import BROKEN_PAGE, REPOSITORY, Journey, Told
from nanoscale_box.demo.world import push, world

SET_UP = ["register", "connect", "sync", "create", "live", "page"]
ALL_STEPS = [*SET_UP, "push", "redeploy", "page2", "broken", "other_branch", "delete"]

Show = Callable[[dict[str, object]], None]

_TROUBLE = (RuntimeError, OSError, aiohttp.ClientError, ApiError, Unreachable)


def headless(show: Show) -> int:
    """Walk the whole journey, telling each step; 0 only if every one was seen, and nothing is left behind."""
    return _until_interrupted(_headless(show))


def interactive(face: Callable[[Path], Coroutine[Any, Any, int]]) -> int:
    """Walk the journey up to the live page, then open `face` on the box; leaving it stops everything."""
    return _until_interrupted(_interactive(face))


def push_once(*, broken: bool) -> int:
    """Push a commit to the demo that runs."""
    found = note.find()
    if found is None:
        print("No demo is running here. Start one in another terminal: ./scripts/box demo", file=sys.stderr)
        return 1
    return asyncio.run(_push(found, broken))


async def _headless(show: Show) -> int:
    began = time.monotonic()
    ok, redeploys = False, 0
    left: list[str] = []
    folder = Path()
    try:
        async with world() as made, Browser() as browser:
            left, folder = made.left, made.folder
            journey = Journey(world=made, browser=browser)
            async with aclosing(journey.walk(ALL_STEPS)) as told:
                ok = await _tell_all(told, show)
            redeploys = max(0, len(journey.deployments) - 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read our lines has seen enough
        return 1
    except _TROUBLE as error:
        show({"step": "world", "ok": False, "ms": _ms(began), "detail": str(error)})
        ok = False
    if folder.name:
        left += [str(folder)] if folder.exists() else []
        detail = ", ".join(left) or "no process and no file is left"
        show({"step": "cleanup", "ok": not left, "ms": 0, "detail": detail})
    ok = ok and not left
    show({"step": "done", "ok": ok, "ms": _ms(began), "detail": _summary(ok), "redeploys": redeploys})
    return 0 if ok else 1


async def _tell_all(told: AsyncGenerator[Told, None], show: Show) -> bool:
    ok = False
    async for one in told:
        show({"step": one.step, "ok": one.ok, "ms": one.ms, "detail": one.detail})
        ok = one.ok
    return ok


async def _interactive(face: Callable[[Path], Coroutine[Any, Any, int]]) -> int:
    print("Starting a box and a simulated GitHub ...", file=sys.stderr)
    try:
        async with world() as made:
            async with Browser() as browser:
                journey = Journey(world=made, browser=browser)
                async with aclosing(journey.walk(SET_UP)) as told:
                    if not await _tell_all(told, show_line(sys.stderr.write)):
                        return 1
            here = note.Note(sandbox_url=made.sandbox_url, socket=str(made.socket), ingress_port=made.ingress_port)
            with here.left():
                status = await face(made.socket)
    except _TROUBLE as error:
        print(f"The demo could not go on: {error}", file=sys.stderr)
        return 1
    print("The demo is over: apps, box and simulated GitHub have stopped.", file=sys.stderr)
    return status


async def _push(found: note.Note, broken: bool) -> int:
    page = BROKEN_PAGE if broken else f"Hello from nanoscale-box, pushed at {time.strftime('%H:%M:%S')}\n"
    what = "Break the build" if broken else "Say hello again"
    order = {"repo": REPOSITORY, "branch": "main", "files": {"page.txt": page}, "message": what}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as http:
        try:
            sha = await push(http, found.sandbox_url, order)
        except aiohttp.ClientError:
            print("The demo does not answer any more. Start one: ./scripts/box demo", file=sys.stderr)
            return 1
    print(f"pushed {sha[:7]} “{what}” to {REPOSITORY}, branch main; watch it in the demo's terminal")
    return 0


def show_line(write: Callable[[str], object]) -> Show:
    """Tell a step as a line for people."""

    def show(line: dict[str, object]) -> None:
        mark = "ok  " if line["ok"] else "FAIL"
        write(f"{mark} {line['step']!s:<13}{float(str(line['ms'])) / 1000:>7.2f} s  {line['detail']}\n")

    return show


def show_json(line: dict[str, object]) -> None:
    """Tell a step as a line of JSON."""
    sys.stdout.write(json.dumps(line, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def _until_interrupted(work: Coroutine[Any, Any, int]) -> int:
    """Run; on ctrl-c, SIGTERM or a closed terminal cancel, let everything be put away, and say so by the exit
    status."""

    async def run() -> int:
        task = asyncio.ensure_future(work)
        loop = asyncio.get_running_loop()

        def interrupt() -> None:
            if not task.cancelling():  # a second time would interrupt the putting away
                task.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, interrupt)
        try:
            return await task
        except asyncio.CancelledError:
            with suppress(OSError):  # the terminal may be gone
                print("interrupted; everything was stopped", file=sys.stderr)
            return 1

    return asyncio.run(run())


def _summary(ok: bool) -> str:
    return "every step was seen from outside" if ok else "a step was not seen; the lines above say which"


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)

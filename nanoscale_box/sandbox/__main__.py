"""`python -m nanoscale_box.sandbox`: one JSON line when ready, then service until SIGTERM or SIGINT."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import json
import os
import signal
import sys
from pathlib import Path

from .server import Sandbox
from .settings import GitBackend, RateLimits, Settings, TokenFormat

# linux/prctl.h
PR_SET_PDEATHSIG = 1


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(prog="python -m nanoscale_box.sandbox", description="A simulated GitHub.")
    found.add_argument(
        "--listen", default="127.0.0.1:0", metavar="HOST:PORT", help="where to listen; port 0 takes a free one"
    )
    found.add_argument("--home", required=True, type=Path, metavar="DIR", help="folder for everything it keeps")
    found.add_argument(
        "--sample-repos", default=0, type=int, metavar="N", help="repositories to add to the sample ones"
    )
    found.add_argument("--git-backend", default=GitBackend.AUTO, type=GitBackend, choices=list(GitBackend))
    found.add_argument("--token-format", default=TokenFormat.MIXED, type=TokenFormat, choices=list(TokenFormat))
    found.add_argument("--rate-limit", default=RateLimits().signed_in, type=int, metavar="N", help="requests an hour")
    found.add_argument("--secondary-limits", action="store_true", help="also hold to GitHub's limits by the minute")
    found.add_argument("--die-with-parent", action="store_true", help="end when the process that started this one ends")
    return found


def settings_from(options: argparse.Namespace) -> Settings:
    host, _, port = options.listen.rpartition(":")
    points, creations = (900, 80) if options.secondary_limits else (0, 0)
    return Settings(
        home=options.home.resolve(),
        host=host.strip("[]") or "127.0.0.1",
        port=int(port),
        sample_repos=options.sample_repos,
        git_backend=options.git_backend,
        token_format=options.token_format,
        limits=RateLimits(signed_in=options.rate_limit, points_per_minute=points, creations_per_minute=creations),
    )


def die_with_parent(parent: int) -> None:
    """Ask the kernel for SIGTERM when the parent ends; if it has ended already, end now."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:
        sys.exit(0)


async def serve(settings: Settings) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with Sandbox(settings.home, settings=settings) as sandbox:
        ready = {"url": sandbox.url, "api_url": sandbox.api_url, "pid": os.getpid()}
        print(json.dumps(ready), flush=True)
        await stopping.wait()


def main() -> int:
    parent = os.getppid()
    options = parser().parse_args()
    if options.die_with_parent:
        die_with_parent(parent)
    try:
        asyncio.run(serve(settings_from(options)))
    except (OSError, ValueError) as error:
        print(f"The sandbox could not start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Runs one command: parses, dials, prints, and turns every failure into a sentence and an exit status."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

from nanoscale_box import __version__
from nanoscale_box.cli.commands import COMMANDS
from nanoscale_box.cli.parser import PROGRAM, build_parser

if TYPE_CHECKING:
    from nanoscale_box.cli.printing import Printer
    from nanoscale_box.client.box_client import BoxClient

    Handler = Callable[[BoxClient, argparse.Namespace, Printer], Awaitable[int]]

OK: Final = 0
FAILED: Final = 1
UNREACHABLE: Final = 69
"""EX_UNAVAILABLE of sysexits.h."""
CONFIGURATION: Final = 78
"""EX_CONFIG of sysexits.h."""


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse, or print help or the mistake and exit."""
    options = build_parser(COMMANDS, __version__).parse_args(argv)
    if getattr(options, "handler", None) == "":
        options.group.print_help()
        sys.exit(OK)
    return options


def main(options: argparse.Namespace) -> int:
    """Carry out a parsed command against the daemon; give the exit status."""
    try:
        return asyncio.run(_run(options))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()  # whoever read our output has seen enough
        return OK


async def _run(options: argparse.Namespace) -> int:
    from nanoscale_box.cli.printing import Printer
    from nanoscale_box.client.box_client import BoxClient
    from nanoscale_box.client.errors import ApiError, Unreachable

    module, _, function = options.handler.partition(":")
    handler: Handler = getattr(importlib.import_module(f"nanoscale_box.cli.{module}"), function)
    printer = Printer(json=options.json)
    try:
        async with BoxClient.dial() as client:
            return await handler(client, options, printer)
    except ApiError as error:
        printer.problem(error.problem)
        return FAILED
    except Unreachable as error:
        printer.unreachable(error.sentence, error.hint)
        return UNREACHABLE


__all__ = ["CONFIGURATION", "FAILED", "OK", "PROGRAM", "UNREACHABLE", "main", "parse"]

"""Runs one command: dials, prints, and turns every failure into a sentence and an exit status."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from nanoscale_box import __version__
from nanoscale_box.cli.commands import COMMANDS
from nanoscale_box.cli.mistakes import FAILED, USAGE, Mistake
from nanoscale_box.cli.parser import Parser, build_parser, parse_with

if TYPE_CHECKING:
    from nanoscale_box.cli.printing import Printer
    from nanoscale_box.client.box_client import BoxClient

    Handler = Callable[[BoxClient, argparse.Namespace, Printer], Awaitable[int]]

OK: Final = 0
UNREACHABLE: Final = 69
"""EX_UNAVAILABLE of sysexits.h."""
INTERRUPTED: Final = 130
"""What shells give for SIGINT."""


def parser() -> Parser:
    """The parser of all commands."""
    return build_parser(COMMANDS, __version__)


def parse(argv: Sequence[str]) -> argparse.Namespace:
    """Parse, or print help or the mistake and exit; `help WORDS` is `WORDS --help`."""
    words = [*argv[1:], "--help"] if argv and argv[0] == "help" else argv
    options = parse_with(parser(), words)
    if options.handler == "":
        options.parser.print_help()
        sys.exit(OK)
    return options


def main(options: argparse.Namespace) -> int:
    """Carry out a parsed command against the daemon; give the exit status."""
    import asyncio

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without UTF-8 loses a glyph, not the command
    try:
        status = asyncio.run(run(options))
        sys.stdout.flush()
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output has seen enough; nothing is left that the interpreter could fail to write at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return status


async def run(options: argparse.Namespace) -> int:
    """The same within an event loop."""
    from nanoscale_box.cli.printing import Printer
    from nanoscale_box.client.box_client import BoxClient
    from nanoscale_box.client.errors import ApiError, Unreachable

    printer = Printer(json=options.json)
    try:
        if options.check:
            _function(options.check)(options)
        if options.offline:
            return int(_function(options.handler)(options, printer))
        handler: Handler = _function(options.handler)
        async with BoxClient.dial() as client:
            return await handler(client, options, printer)
    except Mistake as mistake:
        printer.mistake(mistake)
        return mistake.status
    except ApiError as error:
        printer.problem(error.problem)
        return FAILED
    except Unreachable as error:
        printer.unreachable(error.sentence, error.hint)
        return UNREACHABLE


def _function(name: str) -> Any:  # noqa: ANN401 - one of this room's, as commands.py names it
    module, _, function = name.partition(":")
    return getattr(importlib.import_module(f"nanoscale_box.cli.{module}"), function)


__all__ = ["FAILED", "INTERRUPTED", "OK", "UNREACHABLE", "USAGE", "main", "parse", "parser", "run"]

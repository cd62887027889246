"""The front desk: `serve`, `demo` and the TUI start here, as they need no daemon; all other commands are the CLI's."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse
    from pathlib import Path


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line; give the exit status. Without a command it opens the terminal UI."""
    from nanoscale_box.cli.main import main as run_command
    from nanoscale_box.cli.main import parse

    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments:
        return _tui(os.environ)
    options = parse(arguments)
    match options.handler:
        case "front:serve":
            return _serve()
        case "front:demo":
            return _demo(options)
        case "front:restore":
            return _restore(options)
        case "front:tui":
            return _tui(_with_flags(options, os.environ))
        case _:
            return run_command(options)


def _serve() -> int:
    """Run the daemon alone; 78 when it was configured wrongly."""
    import asyncio

    from nanoscale_box.adapters.journal import open_journal
    from nanoscale_box.adapters.private import PrivateNames
    from nanoscale_box.config import read_settings
    from nanoscale_box.core.errors import BoxError, Code
    from nanoscale_box.daemon import serve

    os.umask(0o077)
    try:
        settings = read_settings(os.environ)
        private = PrivateNames()
        open_journal(as_json=settings.log_as_json, private=private)
        asyncio.run(serve(settings, private))
    except BoxError as error:
        _tell(error.detail, error.hint)
        return 78 if error.code is Code.CONFIGURATION else 1
    return 0


def _restore(options: argparse.Namespace) -> int:
    from pathlib import Path

    from nanoscale_box.cli.backup import read_passphrase
    from nanoscale_box.cli.mistakes import Mistake
    from nanoscale_box.core.secret import Secret
    from nanoscale_box.daemon_restore import Order, restore

    order = Order(
        file=Path(options.file),
        verify=options.verify,
        replace=options.replace,
        passphrase=lambda: Secret(read_passphrase(options.passphrase_file)),
    )
    try:
        return restore(os.environ, order)
    except Mistake as mistake:
        _tell(mistake.detail, mistake.hint)
        return mistake.status


def _demo(options: argparse.Namespace) -> int:
    from nanoscale_box.demo import run

    if options.action == "push":
        return run.push_once(broken=options.broken)
    if options.headless:
        show = run.show_json if options.json else run.show_line(sys.stdout.write)
        return run.headless(show)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _tell("the demo's terminal UI needs a terminal", "without one, run: nanoscale-box demo --headless")
        return 2
    from functools import partial

    _few_repaints()
    from nanoscale_box.tui.app import attach

    return run.interactive(partial(attach, parting=""))


def _tui(environ: Mapping[str, str]) -> int:
    """Open the terminal UI: on the daemon that answers, else on one hosted in this process."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        _tell("the terminal UI needs a terminal", "see what runs: nanoscale-box status")
        return 2
    import asyncio

    _few_repaints()
    os.umask(0o077)
    socket = asyncio.run(_box_that_runs())
    if socket is not None:  # whoever attaches need not wait for all that a box is made of
        from nanoscale_box.tui.app import attach

        return asyncio.run(attach(socket, environ=environ))
    from nanoscale_box.hosting import host_tui

    return host_tui(environ)


def _with_flags(options: argparse.Namespace, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment as the flags have it: they go before it."""
    told = {"NANOSCALE_TUI_THEME": options.theme, "NANOSCALE_TUI_READ_ONLY": "1" if options.read_only else None}
    return {**environ, **{name: value for name, value in told.items() if value}}


def _few_repaints() -> None:
    """Twenty a second are enough, and pleasant over SSH; Textual reads this once, when it is imported."""
    os.environ.setdefault("TEXTUAL_FPS", "20")


async def _box_that_runs() -> Path | None:
    """The socket of the daemon that answers."""
    from nanoscale_box.client.box_client import BoxClient
    from nanoscale_box.client.errors import Unreachable

    try:
        async with BoxClient.dial() as client:
            return client.socket
    except Unreachable:
        return None


def _tell(detail: str, hint: str) -> None:
    said = "".join(f"nanoscale-box: {line}\n" for line in detail.splitlines())
    sys.stderr.write(said + (f"  {hint}\n" if hint else ""))


if __name__ == "__main__":
    sys.exit(main())

"""`logs`."""

from __future__ import annotations

from argparse import Namespace

from nanoscale_box.cli.printing import Printer
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.text import inert
from nanoscale_box.wire import shapes


async def logs(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Print the lines there are, and with `--follow` those that come."""
    kind = "build" if options.build else "run"
    async for line in client.log(options.project, kind=kind, follow=options.follow, tail=options.tail):
        if isinstance(line, shapes.LogLine):
            if options.json:
                printer.data(line)
            else:
                printer.line(inert(line.text, limit=20_000))
        else:
            printer.talk("-- the box is gone; waiting --" if hasattr(line, "sentence") else "-- the box is back --")
    return 0

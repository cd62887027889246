"""`logs`."""

from __future__ import annotations

from argparse import Namespace

from nanoscale_box.cli.printing import Printer
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.client.following import Disconnected, Reconnected
from nanoscale_box.wire import shapes


async def logs(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Print the lines there are, and with `--follow` those that come."""
    kind, said = ("build" if options.build else "run"), False
    async for line in client.log(options.project, kind=kind, follow=options.follow, tail=options.tail):
        match line:
            case shapes.LogLine() if options.json:
                printer.data(line)
            case shapes.LogLine():
                printer.line(line.text)
            case Disconnected():
                printer.talk("-- the box is gone; waiting until it is back --")
            case Reconnected():
                printer.talk("-- the box is back --")
        if options.follow:
            printer.now()
        said = True
    if not said and not options.json:
        what = "was built" if options.build else "printed"
        printer.talk(f"Nothing {what} yet. See how its deployments went: nanoscale-box deployments {options.project}")
    return 0

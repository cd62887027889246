"""`keys list|rotate`."""

from __future__ import annotations

import asyncio
from argparse import Namespace
from collections.abc import Sequence

from nanoscale_box.cli.printing import Printer
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.figures import counted
from nanoscale_box.wire import shapes

_LOOK_SECONDS = 0.25


async def list_keys(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Ids only; keys themselves never leave their file."""
    found = await client.keys()
    if options.json:
        printer.data({"items": found, "next_cursor": None})
    else:
        printer.table((one.id, _what(one), counted(one.uses, "secret")) for one in found)
    return 0 if all(one.here for one in found) else 1


async def rotate(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Make a key and watch the secrets move to it; leaving meanwhile does no harm."""
    found = await client.rotate_keys()
    if options.json:
        printer.data({"items": found, "next_cursor": None})
        return 0
    printer.talk(f"{found[0].id} seals from now on.")
    left = _left(found)
    while left and not options.no_wait:
        printer.talk(f"{counted(left, 'secret')} to seal anew ...")
        await asyncio.sleep(_LOOK_SECONDS)
        left = _left(await client.keys())
    if left:
        printer.talk("The box goes on sealing the others; see how far it is: nanoscale-box keys list")
    else:
        printer.talk("Every secret is sealed with it; the lines below it in the file of keys may be removed.")
    return 0


def _left(keys: Sequence[shapes.Key]) -> int:
    """What a key that is here, and not the newest, seals still."""
    return sum(one.uses for one in keys if one.here and not one.newest)


def _what(key: shapes.Key) -> str:
    if not key.here:
        return "is lost"
    return "seals" if key.newest else "opens"

"""`usage`: what running apps take of the machine."""

from __future__ import annotations

from argparse import Namespace
from typing import Final

from nanoscale_box.cli.printing import Printer
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.figures import share, size, spark
from nanoscale_box.wire.usage import Usage

_WIDTH: Final = 30
_LEAST: Final = 10.0
"""Percent of a core at which a bar may be the highest."""


async def usage(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """A line for each app that runs."""
    found = await client.usage()
    if options.json:
        printer.data({"items": found, "next_cursor": None})
        return 0
    names = {project.id: project.name for project in await client.projects()}
    printer.table([_row(names.get(one.project_id, one.project_id), one) for one in found])
    if not found:
        printer.talk("Nothing is measured: no app runs, or it began a moment ago. Sites have no process of their own.")
    return 0


def _row(name: str, one: Usage) -> tuple[str, ...]:
    memory = one.memory_bytes[-1] if one.memory_bytes else None
    return (
        name,
        f"{share(one.cpu_percent[-1])} of a core" if one.cpu_percent else "",
        "" if memory is None else size(memory),
        spark(one.cpu_percent, _WIDTH, least=_LEAST),
    )

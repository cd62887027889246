"""`why`: what became of the last pushes."""

from __future__ import annotations

from argparse import Namespace

from nanoscale_box.cli.printing import Printer, ago, drifted, short, state
from nanoscale_box.client.box_client import BoxClient


async def why(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Verdicts, newest first, and how what runs differs from the branch."""
    page = await client.verdicts(options.project, limit=options.limit)
    if options.json:
        printer.data(page)
        return 0
    if options.project:
        project = await client.project(options.project)
        if told := drifted(project):
            printer.line(told)
    if not page.items:
        printer.talk("The box has heard of no push yet. Look whether it would: nanoscale-box doctor")
        return 0
    names = {project.id: project.name for project in await client.projects()}
    printer.table(
        (
            state(one.outcome),
            ago(one.at),
            one.source,
            names.get(one.project_id or "", "-"),
            (one.ref or "").removeprefix("refs/heads/"),
            short(one.sha),
            one.reason,
        )
        for one in page.items
    )
    return 0

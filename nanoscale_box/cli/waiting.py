"""Follows a deployment to its end."""

from __future__ import annotations

from typing import Final

from nanoscale_box.cli.printing import Printer
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.wire import shapes

_FINAL: Final = frozenset({"live", "failed", "superseded", "cancelled", "retired"})


async def wait_for_end(client: BoxClient, deployment: shapes.Deployment, printer: Printer) -> int:
    """Print its states as they come; 0 when it went live, 1 otherwise, with the reason."""
    last = ""
    current = deployment
    async for event in client.events(0):
        if not isinstance(event, shapes.Event) or event.deployment_id != deployment.id or event.kind != "deployment":
            continue
        word = str(event.data["state"])
        if word != last:
            printer.talk(f"  {word}")
            last = word
        if word in _FINAL:
            current = await client.deployment(deployment.id)
            break
    if current.state in ("live", "retired"):
        project = await client.project(current.project_id)
        printer.line(project.url)
        return 0
    if current.error:
        printer.problem(current.error)
    else:
        printer.talk(f"nanoscale-box: #{current.number} was {current.state}")
    return 1

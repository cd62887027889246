"""`audit`: who did what, and whether the record of it is whole."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import AsyncIterator

from nanoscale_box.cli.printing import Printer, ago, short
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.figures import counted
from nanoscale_box.wire import shapes

_AT_ONCE = 200


async def audit(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """A page, everything, or the check."""
    if options.whole:
        return await _check(client, options, printer)
    if options.all:
        async for entry in _every(client, options):
            if options.json:
                printer.data(entry)
            else:
                printer.line("  ".join(_row(entry)).rstrip())
        return 0
    page = await client.audit(who=options.who, action=options.action, target=options.target, limit=options.limit)
    if options.json:
        printer.data(page)
        return 0
    printer.table([_row(entry) for entry in page.items])
    if not page.items:
        printer.talk("Nothing of that kind was done.")
    return 0


async def _check(client: BoxClient, options: Namespace, printer: Printer) -> int:
    found = await client.check_audit()
    if options.json:
        printer.data(found)
    elif found.ok:
        printer.line(
            f"The audit is whole: {counted(found.entries, 'entry', 'entries')}, the newest {found.newest_digest[:16]}."
        )
    else:
        printer.line(f"The audit was altered: entry {found.broken_at} does not follow from the one before it.")
    return 0 if found.ok else 1


async def _every(client: BoxClient, options: Namespace) -> AsyncIterator[shapes.AuditEntry]:
    cursor: str | None = None
    while True:
        page = await client.audit(
            who=options.who, action=options.action, target=options.target, limit=_AT_ONCE, cursor=cursor
        )
        for entry in page.items:
            yield entry
        cursor = page.next_cursor
        if cursor is None:
            return


def _row(entry: shapes.AuditEntry) -> tuple[str, ...]:
    more = [entry.detail, short(entry.sha) if entry.sha else "", entry.delivery_id or ""]
    return (
        ago(entry.at),
        entry.who,
        entry.action,
        entry.target or "-",
        entry.outcome,
        " ".join(word for word in more if word),
    )

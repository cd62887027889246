"""`token create|list|revoke`."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime

from nanoscale_box.cli.mistakes import not_there
from nanoscale_box.cli.printing import Printer, ago
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.wire import requests, shapes


async def create(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Make one; its text is data, so that it can be piped into a safe place."""
    asked = requests.CreateToken(name=options.name, scope=options.scope, expires_in_days=options.expires_in_days)
    made = await client.create_token(asked)
    if options.json:
        printer.data(made)
        return 0
    printer.talk(f"{made.token.name} may {made.token.scope}{_until(made.token)}. This is shown once:")
    printer.line(made.text)
    return 0


async def list_tokens(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """All tokens; their texts are nowhere."""
    found = await client.tokens()
    if options.json:
        printer.data({"items": found, "next_cursor": None})
        return 0
    printer.table(
        (one.name, one.scope, f"used {ago(one.last_used_at) or 'never'}", _until(one).removeprefix(" "), one.id)
        for one in found
    )
    if not found:
        printer.talk("There is no token. Make one: nanoscale-box token create NAME --scope read")
    return 0


async def revoke(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Revoke by name or id."""
    found = next((one for one in await client.tokens() if options.token in (one.id, one.name)), None)
    if found is None:
        raise not_there(f"there is no token {options.token}", "list them: nanoscale-box token list")
    await client.revoke_token(found.id)
    printer.talk(f"{found.name} opens nothing any more.")
    return 0


def _until(token: shapes.Token) -> str:
    if token.expires_at is None:
        return " until it is revoked"
    over = token.expires_at <= datetime.now(UTC)
    return f" {'expired on' if over else 'until'} {token.expires_at:%Y-%m-%d}"

"""`env list|set|unset`."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from nanoscale_box.cli.printing import Printer, ago
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.wire import requests, shapes


async def list_env(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Names only; values are write-only."""
    found = await client.env(options.project)
    if options.json:
        printer.data({"items": found, "next_cursor": None})
    else:
        printer.table([(one.key, f"set {ago(one.updated_at)}") for one in found])
    return 0


async def set_env(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Set some, keep the others."""
    try:
        wanted = _pairs(options)
    except (OSError, ValueError) as error:
        printer.talk(f"nanoscale-box: {error}")
        return 2
    if not wanted:
        printer.talk("nanoscale-box: no KEY=VALUE was given")
        return 2
    kept = [one.key for one in await client.env(options.project) if one.key not in wanted]
    return await _replace(client, options, printer, {**dict.fromkeys(kept), **wanted})


async def unset_env(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Remove some, keep the others."""
    kept = [one.key for one in await client.env(options.project) if one.key not in options.keys]
    return await _replace(client, options, printer, dict.fromkeys(kept))


async def _replace(client: BoxClient, options: Namespace, printer: Printer, wanted: dict[str, str | None]) -> int:
    variables = [requests.KeepOrSet(key=key, value=value) for key, value in wanted.items()]
    found: list[shapes.EnvEntry] = await client.replace_env(options.project, variables)
    if options.json:
        printer.data({"items": found, "next_cursor": None})
    else:
        printer.talk(f"{len(found)} variables; the next deployment uses them: nanoscale-box deploy {options.project}")
    return 0


def _pairs(options: Namespace) -> dict[str, str | None]:
    from nanoscale_box.core.envvars import parse_dotenv

    found: dict[str, str | None] = {}
    if options.file:
        text = sys.stdin.read() if options.file == "-" else Path(options.file).read_text("utf-8")
        found.update(parse_dotenv(text))
    for pair in options.pairs:
        key, equals, value = pair.partition("=")
        if not equals:
            raise ValueError(f"{key} is not KEY=VALUE")
        found[key] = value
    return found

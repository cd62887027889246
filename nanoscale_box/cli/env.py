"""`env list|set|unset`."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from nanoscale_box.cli.mistakes import Mistake, not_there
from nanoscale_box.cli.printing import Printer, ago
from nanoscale_box.client.box_client import BoxClient
from nanoscale_box.core.envvars import parse_dotenv
from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.figures import counted
from nanoscale_box.wire import requests, shapes


async def list_env(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Names only; values are write-only."""
    found = await client.env(options.project)
    if options.json:
        printer.data({"items": found, "next_cursor": None})
        return 0
    printer.table([(one.key, f"set {ago(one.updated_at)}") for one in found])
    if not found:
        printer.talk(f"No variable is set. Set one: nanoscale-box env set {options.project} KEY=VALUE")
    return 0


def check_set(options: Namespace) -> None:
    """Gather what shall be set in `options.wanted`."""
    options.wanted = {**_from_file(options.file), **dict(pair(text) for text in options.pairs)}
    if not options.wanted:
        raise Mistake("no variable was given", "give KEY=VALUE, or --file with a .env file")


async def set_env(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Set some, keep the others."""
    kept = [one.key for one in await client.env(options.project) if one.key not in options.wanted]
    return await _replace(client, options, printer, {**dict.fromkeys(kept), **options.wanted})


async def unset_env(client: BoxClient, options: Namespace, printer: Printer) -> int:
    """Remove some, keep the others."""
    there = [one.key for one in await client.env(options.project)]
    if absent := [key for key in options.keys if key not in there]:
        raise not_there(
            f"{options.project} has no variable {absent[0]}",
            f"see which it has: nanoscale-box env list {options.project}",
        )
    return await _replace(client, options, printer, dict.fromkeys(key for key in there if key not in options.keys))


async def _replace(client: BoxClient, options: Namespace, printer: Printer, wanted: dict[str, str | None]) -> int:
    variables = [requests.KeepOrSet(key=key, value=value) for key, value in wanted.items()]
    found: list[shapes.EnvEntry] = await client.replace_env(options.project, variables)
    if options.json:
        printer.data({"items": found, "next_cursor": None})
    else:
        number = counted(len(found), "variable")
        printer.talk(f"{number} set; the next deployment uses them: nanoscale-box deploy {options.project}")
    return 0


def pair(text: str) -> tuple[str, str]:
    """KEY=VALUE as two."""
    key, equals, value = text.partition("=")
    if not equals:
        raise Mistake(f"{key!r} is not of the form KEY=VALUE", f"to empty a variable, write {key}=")
    return key, value


def _from_file(name: str | None) -> dict[str, str]:
    if name is None:
        return {}
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text("utf-8")
    except OSError as error:
        raise Mistake(f"{name} cannot be read: {error.strerror}", "give the path of a .env file, or -") from error
    except UnicodeDecodeError as error:
        raise Mistake(f"{name} is not text in UTF-8", "save it as UTF-8") from error
    try:
        return dict(parse_dotenv(text))
    except Invalid as error:
        raise Mistake(f"{name}: {error.detail}", error.hint, code=error.code.value) from error

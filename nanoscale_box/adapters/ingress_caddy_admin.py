"""Speaks with a running Caddy over its admin socket."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import aiohttp
import msgspec

from nanoscale_box.adapters.caddy_config import ADMIN_SOCKET, Json
from nanoscale_box.core.errors import Code, Fault, Unavailable
from nanoscale_box.core.text import inert

_TIMEOUT: Final = aiohttp.ClientTimeout(total=20, connect=3)


async def running_config(folder: Path) -> object | None:
    """The configuration of the Caddy that listens in the folder; None when none does."""
    try:
        async with _session(folder) as session, session.get("http://caddy/config/") as answer:
            return msgspec.json.decode(await answer.read()) if answer.status == 200 else None
    except (aiohttp.ClientError, TimeoutError, OSError, msgspec.DecodeError):
        return None


async def load(folder: Path, config: Json) -> None:
    """Put a configuration in the place of the running one. `Unavailable` `ingress_failed` says why not."""
    try:
        async with _session(folder) as session, session.post("http://caddy/load", json=config) as answer:
            if answer.status != 200:
                raise failed(f"Caddy refused its configuration: {inert(await answer.text(), limit=300)}")
    except (aiohttp.ClientError, TimeoutError, OSError) as error:
        raise failed("Caddy does not answer on its admin socket") from error


def failed(what: str, hint: str = "") -> Unavailable:
    """The refusal of an ingress that does not do as it should."""
    return Unavailable(
        Code.INGRESS_FAILED, what, hint=hint or "See ingress/caddy.log in the box's home.", fault=Fault.BOX
    )


@asynccontextmanager
async def _session(folder: Path) -> AsyncIterator[aiohttp.ClientSession]:
    """The socket is named by way of a descriptor of its folder: however long the home's path is, this one is short."""
    descriptor = os.open(folder, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        connector = aiohttp.UnixConnector(path=f"/proc/self/fd/{descriptor}/{ADMIN_SOCKET}", force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT) as session:
            yield session
    finally:
        os.close(descriptor)

"""Writes answers: wire shapes as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import msgspec
from aiohttp import web

from nanoscale_box.wire.shapes import Page, Shape

D = TypeVar("D")
S = TypeVar("S", bound=Shape)


def answer(shape: Shape, status: int = 200) -> web.Response:
    """The shape as an answer."""
    return web.Response(status=status, body=msgspec.json.encode(shape), content_type="application/json")


def page(rows: Iterable[D], translate: Callable[[D], S], next_cursor: str | None = None) -> web.Response:
    """A part of a list."""
    return answer(Page[S](items=[translate(row) for row in rows], next_cursor=next_cursor))


def nothing(status: int = 204) -> web.Response:
    """It is done, and there is nothing to say."""
    return web.Response(status=status)

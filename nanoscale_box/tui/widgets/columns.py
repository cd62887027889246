"""Columns of a list: which are shown in the width there is, and how wide each one is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from textual.content import Content

T = TypeVar("T")

GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column(Generic[T]):
    """As wide as its content between `least` and `most`; those with `grow` share the room that is left."""

    title: str
    cell: Callable[[T], Content]
    least: int
    most: int = 0
    """0: always `least`."""
    grow: int = 0
    above: int = 0
    """Shown from this width of the list on."""
    below: int = 10_000
    """Shown up to this width."""


@dataclass(frozen=True, slots=True)
class Placed(Generic[T]):
    """A column and its width."""

    column: Column[T]
    width: int


def place(columns: Sequence[Column[T]], items: Sequence[T], width: int) -> list[Placed[T]]:
    """Give each column that is shown its width; the last may be cut by the edge of a list that is very narrow."""
    shown = [column for column in columns if column.above <= width < column.below]
    widths = [_natural(column, items) for column in shown]
    room = width - sum(widths) - GAP * (len(shown) - 1)
    shares = sum(column.grow for column in shown)
    for number, column in enumerate(shown):
        if column.grow and room > 0:
            share = room * column.grow // shares
            widths[number] += share
            room -= share
            shares -= column.grow
    return [Placed(column, each) for column, each in zip(shown, widths, strict=True)]


def line(placed: Sequence[Placed[T]], cells: Sequence[Content]) -> Content:
    """Cells under each other's columns."""
    made = [
        cell.truncate(one.width, ellipsis=True, pad=True)
        for one, cell in zip(placed, cells, strict=True)
        if one.width > 0
    ]
    return Content(" " * GAP).join(made)


def _natural(column: Column[T], items: Sequence[T]) -> int:
    if column.most == 0:
        return column.least
    widest = max((column.cell(item).cell_length for item in items[:200]), default=0)
    return min(column.most, max(column.least, widest, len(column.title)))

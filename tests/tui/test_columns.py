"""Columns of a list."""

from __future__ import annotations

from textual.content import Content

from nanoscale_box.tui.widgets.columns import Column, line, place


def columns() -> list[Column[str]]:
    return [
        Column(title="A", cell=Content, least=4),
        Column(title="B", cell=Content, least=2, most=6),
        Column(title="C", cell=Content, least=5, grow=1, above=30),
        Column(title="D", cell=Content, least=5, grow=1, below=40),
    ]


def test_columns_come_and_go_with_the_width() -> None:
    shown = {width: [one.column.title for one in place(columns(), ["x"], width)] for width in (20, 35, 60)}
    assert shown == {20: ["A", "B", "D"], 35: ["A", "B", "C", "D"], 60: ["A", "B", "C"]}


def test_what_grows_fills_the_line() -> None:
    placed = place(columns(), ["x"], 60)
    assert sum(one.width for one in placed) + 2 * (len(placed) - 1) == 60


def test_a_column_is_as_wide_as_its_content_within_bounds() -> None:
    widths = [place(columns(), items, 20)[1].width for items in (["x"], ["xxxxx"], ["x" * 50])]
    assert widths == [2, 5, 6]


def test_cells_are_cut_by_what_they_take_on_the_screen() -> None:
    placed = place(columns()[:2], ["日本語"], 20)
    made = line(placed, [Content("日本語です"), Content("ab")])
    assert made.cell_length == 4 + 2 + 6
    assert made.plain.startswith("日")

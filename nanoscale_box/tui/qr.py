"""A QR code as text: two modules of the code in each cell, dark on light whatever the theme."""

from __future__ import annotations

from typing import Final

import segno
from textual.content import Content

_HALVES: Final = {(0, 0): "█", (0, 1): "▀", (1, 0): "▄", (1, 1): " "}
_BORDER: Final = 2


def qr_code(text: str) -> Content:
    """The code with its quiet zone; light modules are drawn, so that phones read it on a dark terminal too."""
    rows = [list(row) for row in segno.make(text, micro=False, error="l").matrix_iter(border=_BORDER)]
    if len(rows) % 2:
        rows.append([0] * len(rows[0]))
    lines = [
        "".join(_HALVES[bool(upper), bool(lower)] for upper, lower in zip(*pair, strict=True))
        for pair in zip(rows[::2], rows[1::2], strict=True)
    ]
    return Content.styled("\n".join(lines), "#ffffff on #000000")

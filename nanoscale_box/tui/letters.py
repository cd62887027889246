"""Letters and digits three lines high, two rows of dots in each line, to be read from across a room."""

from __future__ import annotations

from typing import Final

from textual.content import Content

from nanoscale_box.core.text import inert
from nanoscale_box.tui.plain import Tone, plain

# Five rows of each, as in the 5x7 letters of small displays, squeezed.
_ROWS: Final = {
    "A": ".###. #...# ##### #...# #...#", "B": "####. #...# ####. #...# ####.", "C": ".#### #.... #.... #.... .####",
    "D": "####. #...# #...# #...# ####.", "E": "##### #.... ####. #.... #####", "F": "##### #.... ####. #.... #....",
    "G": ".#### #.... #..## #...# .####", "H": "#...# #...# ##### #...# #...#", "I": "##### ..#.. ..#.. ..#.. #####",
    "J": "..### ...#. ...#. #..#. .##..", "K": "#..#. #.#.. ##... #.#.. #..#.", "L": "#.... #.... #.... #.... #####",
    "M": "#...# ##.## #.#.# #...# #...#", "N": "#...# ##..# #.#.# #..## #...#", "O": ".###. #...# #...# #...# .###.",
    "P": "####. #...# ####. #.... #....", "Q": ".###. #...# #.#.# #..#. .##.#", "R": "####. #...# ####. #..#. #...#",
    "S": ".#### #.... .###. ....# ####.", "T": "##### ..#.. ..#.. ..#.. ..#..", "U": "#...# #...# #...# #...# .###.",
    "V": "#...# #...# #...# .#.#. ..#..", "W": "#...# #...# #.#.# ##.## #...#", "X": "#...# .#.#. ..#.. .#.#. #...#",
    "Y": "#...# .#.#. ..#.. ..#.. ..#..", "Z": "##### ...#. ..#.. .#... #####", "0": ".###. #..## #.#.# ##..# .###.",
    "1": "..#.. .##.. ..#.. ..#.. .###.", "2": "####. ....# .###. #.... #####", "3": "####. ....# .###. ....# ####.",
    "4": "#..#. #..#. ##### ...#. ...#.", "5": "##### #.... ####. ....# ####.", "6": ".###. #.... ####. #...# .###.",
    "7": "##### ....# ...#. ..#.. ..#..", "8": ".###. #...# .###. #...# .###.", "9": ".###. #...# .#### ....# .###.",
    "-": "..... ..... .###. ..... .....",
}  # fmt: skip
_HALVES: Final = {"##": "█", "#.": "▀", ".#": "▄", "..": " "}


def large(text: str, width: int) -> Content:
    """`text` large where all of it fits into `width` cells and is drawn here, else as it is; three lines or one."""
    shown = inert(text, limit=40)
    rows = [_ROWS[letter].split() for letter in shown if letter in _ROWS]
    if len(rows) < len(shown) or len(rows) * 6 > width:
        return plain(shown, Tone.KEY)
    lines = []
    for above, below in ((0, 1), (2, 3), (4, 5)):
        dots = [(one[above], one[below] if below < 5 else ".....") for one in rows]
        lines.append(" ".join("".join(_HALVES[up + low] for up, low in zip(*pair, strict=True)) for pair in dots))
    return Content.styled("\n".join(line.rstrip() for line in lines), Tone.KEY.value)

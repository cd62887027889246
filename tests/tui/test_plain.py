"""Text on its way into widgets."""

from __future__ import annotations

import pytest

from nanoscale_box.tui.plain import Tone, join, keyed, plain, spread, tone_of

HOSTILE = [
    "[/foo]",
    "feat[/]",
    "[@click=app.quit]x[/]",
    "[b]bold[/b]",
    "\x1b]52;c;aGVsbG8=\x07clip",
    "\x1b[2Jcleared",
    "\x9b31mred",
    "one\rtwo",
    "one\ntwo",
    "\u202egnp.exe",
    "a\x00b",
    "zero\u200bwidth",
    "\ud800",
    "日本語のとても長い題名" * 30,
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    shown = plain(text)
    assert shown.spans == []
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 or char in "\u202e\u200b" for char in shown.plain)
    assert len(shown.plain) <= 300


def test_markup_stays_as_it_was_written() -> None:
    assert plain("[@click=app.quit]x[/]").plain == "[@click=app.quit]x[/]"


def test_keys_in_our_sentences_stand_out() -> None:
    sentence = keyed("press *n* now\nor never")
    assert sentence.plain == "press n now\nor never"
    assert [sentence.plain[span.start : span.end] for span in sentence.spans] == ["n"]


def test_two_ends_of_a_line_fill_it() -> None:
    line = spread(plain("left"), plain("right"), 30)
    assert line.plain == "left" + " " * 21 + "right"


def test_what_does_not_fit_is_cut_on_the_left_end() -> None:
    assert spread(plain("a long name " * 5), plain("right"), 30).plain.endswith("…  right")
    assert spread(plain("left only"), plain("far too long at the right"), 20).plain == "left only"


def test_a_state_is_coloured_by_its_glyph() -> None:
    assert [tone_of(word) for word in ("● live", "✕ failed", "· retired")] == [Tone.GOOD, Tone.BAD, Tone.DIM]
    assert join("a", plain("[b]"), "c").plain == "a[b]c"

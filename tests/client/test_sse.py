"""Streams taken apart, however they are cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.client.sse import Message, Parser

STREAM = (
    ": ready\nid: 4\n\n"
    "id: 5\nevent: project\ndata: {\"a\":\ndata: 1}\n\n"
    ": ping\n\n"
    "id: 6\r\nevent: verdict\r\ndata: \u65e5\u672c\r\n\r\n"
    "data:no space\nretry: 5\n\n"
    "id: 7\nevent: cut\ndata: never en"
).encode()  # fmt: skip
MESSAGES = [
    Message(id="5", event="project", data='{"a":\n1}'),
    Message(id="6", event="verdict", data="日本"),
    Message(id="6", event="message", data="no space"),
]


def test_a_stream_in_one_piece() -> None:
    assert list(Parser().feed(STREAM)) == MESSAGES


@given(st.lists(st.integers(0, len(STREAM))))
def test_a_stream_in_any_pieces(cuts: list[int]) -> None:
    parser = Parser()
    ends = sorted([0, *cuts, len(STREAM)])
    pieces = [STREAM[begin:end] for begin, end in pairwise(ends)]
    assert [message for piece in pieces for message in parser.feed(piece)] == MESSAGES
    assert parser.last_id == "7"


def test_an_id_alone_is_a_place_and_no_event() -> None:
    parser = Parser()
    assert list(parser.feed(b"id: 9\n\n")) == []
    assert parser.last_id == "9"


def test_a_line_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nanoscale_box.client.sse._MAX_LINE", 100)
    with pytest.raises(ValueError, match="longer than"):
        list(Parser().feed(b"data: " + b"x" * 200))

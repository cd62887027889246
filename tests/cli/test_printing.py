"""Plain text: columns that line up, colour only where it is wanted, nothing that a terminal would act on."""

from __future__ import annotations

import io
import sys
from datetime import UTC, datetime, timedelta

import pytest

from nanoscale_box.cli import printing
from nanoscale_box.cli.printing import Printer, ago, columns, duration, state


class Terminal(io.StringIO):
    """Standard output that is a terminal, as far as anyone asks."""

    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def table(monkeypatch: pytest.MonkeyPatch, **environ: str) -> str:
    """A small table on a terminal."""
    for name in ("NO_COLOR", "TERM"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    Printer(json=False).table([(state("live"), "日本", "x"), (state("failed"), "ab", "y")])
    return screen.getvalue()


def test_colour_is_for_terminals_that_want_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[32m" in table(monkeypatch, TERM="xterm")
    assert "\x1b" not in table(monkeypatch, TERM="xterm", NO_COLOR="1")
    assert "\x1b" not in table(monkeypatch, TERM="dumb")
    assert "\x1b" not in table(monkeypatch)


def test_columns_line_up_also_for_wide_characters(monkeypatch: pytest.MonkeyPatch) -> None:
    assert table(monkeypatch, NO_COLOR="1").splitlines() == ["● live    日本  x", "✕ failed  ab    y"]
    assert columns("日本") == 4
    assert columns("e\N{COMBINING ACUTE ACCENT}") == 1


def test_nothing_a_terminal_acts_on_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    printer = Printer(json=False)
    hostile = "a\x1b]52;c;aGk=\x07b\x9b2Jc\rd\n\u202ee"
    printer.table([(hostile, hostile)])
    printer.line(hostile)
    printer.talk(hostile)
    out, err = capsys.readouterr()
    assert [line.isprintable() for line in (out + err).splitlines()] == [True, True, True]


def test_a_terminal_without_utf_8_gets_words_only(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    monkeypatch.setattr(sys, "stdout", screen)
    assert state("live") == "live"


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "now"), (59, "59 s ago"), (60, "1 min ago"), (7200, "2 h ago"), (2 * 86400, "2 d ago")]
)
def test_times_are_told_from_now(monkeypatch: pytest.MonkeyPatch, seconds: int, text: str) -> None:
    class Clock(datetime):
        """Stands still."""

        @classmethod
        def now(cls, tz: object = None) -> Clock:
            return cls(2026, 3, 4, 5, 6, 7, tzinfo=UTC)

    monkeypatch.setattr(printing, "datetime", Clock)
    assert ago(datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC) - timedelta(seconds=seconds)) == text
    assert ago(None) == ""


def test_durations() -> None:
    began = datetime(2026, 3, 4, tzinfo=UTC)
    assert duration(began, began + timedelta(seconds=1.26)) == "1.3 s"
    assert duration(began, began + timedelta(seconds=125)) == "2 min 5 s"
    assert duration(began, None) == ""

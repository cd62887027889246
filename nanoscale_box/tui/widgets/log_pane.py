"""A log that follows: bounded in memory, painted at most twenty times a second, and still while one reads back."""

from __future__ import annotations

from collections import deque
from typing import ClassVar, Final

from rich.cells import cell_len, chop_cells
from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.timer import Timer
from textual.visual import Visual
from textual.widget import Widget
from textual.widgets import Input

from nanoscale_box.core.figures import counted
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.words import Times, log_line

LINES: Final = 5_000
_LINE: Final = 4_000
_REPAINTS: Final = 20
_FLOODED: Final = 10
"""Pictures a second while more lines come than anybody reads, so that keys are answered and the processor is free."""
_MANY: Final = 20
"""Lines in one batch that are a flood."""


class LogPane(ScrollView, can_focus=True):
    """Lines come in by `write`; those beyond the last `LINES` are forgotten."""

    DEFAULT_CSS = "LogPane { overflow-x: hidden; overflow-y: scroll; scrollbar-size-vertical: 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "move(1)", "down", show=False),
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("pagedown,ctrl+d", "leap(1)", "page down", show=False),
        Binding("pageup,ctrl+u", "leap(-1)", "page up", show=False),
        Binding("home,g", "first", "oldest", show=False),
        Binding("end,G,f", "follow", "follow", show=False, id="log.follow"),
        Binding("W", "wrap", "wrap lines or not", show=False, id="log.wrap"),
        Binding("t", "times", "other times", show=False, id="log.times"),
        Binding("right", "aside(8)", "to the right", show=False),
        Binding("left", "aside(-8)", "to the left", show=False),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id)
        self.frame: Widget = self
        """Whose border tells how it stands."""
        self.wrapping = True
        self.times = Times.CLOCK
        self._wanted = ""
        self._aside = 0
        self.following = True
        self._kept: deque[tuple[str, Tone]] = deque(maxlen=LINES)
        self._broken: list[tuple[str, Tone]] = []
        self._waiting: deque[tuple[str, Tone]] = deque(maxlen=LINES)
        self._timer: Timer | None = None
        self._flooded = False
        self._edge = (Content(""), Content(""))
        self._unseen = 0
        self._width = 80
        self._title = Content("Log")
        self._standing = Content("")

    def begin(self, name: Content, standing: Content) -> None:
        """Forget what is here and show another log."""
        self._kept.clear()
        self._waiting.clear()
        self._broken.clear()
        self.following, self._unseen = True, 0
        self._title = name
        self.stand(standing)
        self._resize_rows()

    def stand(self, standing: Content) -> None:
        """Say how it stands: followed, ended, waited for."""
        self._standing = standing
        self._frame()

    def write(self, text: str, tone: Tone = Tone.NORMAL) -> None:
        """A line; it is painted with the next batch."""
        self._waiting.append((text, tone))
        if self._timer is None:
            self._timer = self.set_timer(1 / (_FLOODED if self._flooded else _REPAINTS), self._take_in)

    @property
    def text(self) -> list[str]:
        """The lines that are kept."""
        return [text for text, _ in self._kept]

    def render_line(self, y: int) -> Strip:
        """A line of the widget."""
        at = self.scroll_offset.y + y
        width = self.size.width
        if at >= len(self._broken):
            return Strip.blank(width, self.rich_style)
        text, tone = self._broken[at]
        room = width if self.wrapping else max(width, cell_len(text)) + self._aside
        strips = Visual.to_strips(self, Content.styled(text, tone.value), room, 1, self.visual_style, pad=True)
        if not strips:
            return Strip.blank(width, self.rich_style)
        return strips[0] if self.wrapping else strips[0].crop(self._aside, self._aside + width)

    def on_resize(self) -> None:
        """Lines break elsewhere."""
        self._width = max(1, self.scrollable_content_region.width - 1)
        self._break_anew()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """The wheel reads back."""
        event.stop()
        event.prevent_default()
        self.action_move(-3)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """The wheel goes on."""
        event.stop()
        event.prevent_default()
        self.action_move(3)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """However it was scrolled: away from the end it pauses, at the end it follows."""
        super().watch_scroll_y(old_value, new_value)
        at_end = new_value >= self.max_scroll_y
        if at_end != self.following and new_value != old_value:
            self._pause(not at_end)

    def action_move(self, by: int) -> None:
        """Up or down by lines."""
        self.scroll_to(y=self.scroll_offset.y + by, animate=False, force=True)

    def action_leap(self, by: int) -> None:
        """Up or down by what is in sight."""
        self.action_move(by * max(1, self.size.height - 1))

    def action_first(self) -> None:
        """To the oldest line that is kept."""
        self.scroll_to(y=0, animate=False, force=True)

    def action_follow(self) -> None:
        """To the end, and stay there."""
        self._pause(False)
        self._to_end()

    def filter(self, wanted: str) -> None:
        """Show only lines that hold this, whatever its case; all with an empty one."""
        self._wanted = wanted.casefold()
        self._break_anew()
        self._frame()

    def action_wrap(self) -> None:
        """Long lines on several rows, or on one that arrows move along."""
        self.wrapping, self._aside = not self.wrapping, 0
        self._break_anew()
        self._frame()

    def action_times(self) -> None:
        """The time of day, date and time, or none."""
        kinds = list(Times)
        self.times = kinds[(kinds.index(self.times) + 1) % len(kinds)]
        self._break_anew()
        self._frame()

    def action_aside(self, by: int) -> None:
        """Along lines that are not wrapped."""
        longest = max((cell_len(text) for text, _ in self._broken), default=0)
        self._aside = 0 if self.wrapping else max(0, min(self._aside + by, longest - self._width))
        self.refresh()

    def _break_anew(self) -> None:
        self._broken = [row for line in self._kept for row in self._rows(line)]
        self._resize_rows()

    def _pause(self, paused: bool) -> None:
        self.following = not paused
        self._unseen = 0
        self._frame()

    def _take_in(self) -> None:
        self._timer = None
        came = list(self._waiting)
        self._waiting.clear()
        self._flooded = len(came) > _MANY
        forgotten = max(0, len(self._kept) + len(came) - LINES)
        gone = 0
        for _ in range(min(forgotten, len(self._kept))):
            gone += len(self._rows(self._kept.popleft()))
        self._kept.extend(came)
        self._broken = self._broken[gone:] + [row for line in came for row in self._rows(line)]
        if not self.following:
            self._unseen += len(came)
        self._resize_rows(gone)
        self._frame()
        if self.screen is not self.app.screen:  # a dialog above is not told of what was laid out anew beneath it
            self.call_after_refresh(self.app.screen.refresh)

    def _resize_rows(self, gone: int = 0) -> None:
        self.virtual_size = Size(self.size.width, len(self._broken))
        if self.following:
            self._to_end()
        elif gone:
            self.scroll_to(y=max(0, self.scroll_offset.y - gone), animate=False, force=True)
        self.refresh()

    def _to_end(self) -> None:
        self.scroll_to(y=max(0, len(self._broken) - self.size.height), animate=False, force=True)

    def _rows(self, line: tuple[str, Tone]) -> list[tuple[str, Tone]]:
        text, tone = line
        shown = plain(log_line(text, self.times).expandtabs(8), limit=_LINE).plain
        if self._wanted and self._wanted not in shown.casefold():
            return []
        parts = chop_cells(shown, self._width) if self.wrapping else [shown]
        return [(part, tone) for part in parts] or [("", tone)]

    def _frame(self) -> None:
        paused = f"paused, {self._unseen:,} new · f follows" if self._unseen else "paused · f follows"
        said = self._standing if self.following else plain(paused, Tone.WARN)
        number = plain(f" · {counted(len(self._kept), 'line')}") if self._kept else ""
        if self._wanted:
            found = sum(bool(self._rows(line)) for line in self._kept)
            number = plain(f" · {found:,} of {len(self._kept):,} with /{self._wanted}", limit=60)
        cut = "" if self.wrapping else " · cut, ← →"
        edge = (join(self._title), join(said, number, cut))
        if not all(map(Content.is_same, edge, self._edge)):  # a title that is set is painted, frame and all
            self.frame.border_title, self.frame.border_subtitle = self._edge = edge


class LogFrame(Vertical):
    """A log in its frame; `/` filters it by substring, esc clears that."""

    ALLOW_MAXIMIZE = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "filter", show=False, id="list.filter")]

    def __init__(self, log: LogPane, *, id: str) -> None:  # noqa: A002 - Textual's own name
        super().__init__(id=id, classes="pane")
        self._log = log
        log.frame = self
        self._input = Input(placeholder="filter; esc clears", compact=True, classes="filter")

    def compose(self) -> ComposeResult:
        yield self._log
        yield self._input

    def on_mount(self) -> None:
        """Nothing is filtered at first."""
        self._input.display = False

    def action_filter(self) -> None:
        """Type a filter."""
        self._input.display = True
        self._input.focus()

    def on_key(self, event: events.Key) -> None:
        """Esc takes one step back: it clears the filter before it leaves the screen."""
        if event.key == "escape" and self._input.display:
            self._input.value = ""
            self._input.display = False
            self._log.focus()
            event.stop()
            event.prevent_default()

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        event.stop()
        self._log.filter(event.value)

    @on(Input.Submitted)
    def keep(self, event: Input.Submitted) -> None:
        """Back to the log, the filter stays."""
        event.stop()
        self._input.display = bool(event.value)
        self._log.focus()

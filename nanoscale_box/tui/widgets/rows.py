"""A list with columns and a cursor: renders only the lines in sight, so that ten thousand rows cost what ten do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip
from textual.visual import Visual

from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.widgets.columns import Column, Placed, line, place

T = TypeVar("T")


class Rows(ScrollView, Generic[T], can_focus=True):
    """Items under a line of titles. Posts `Moved` when another is under the cursor and `Chosen` on enter."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"rows--title", "rows--cursor"}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down,j", "step(1)", "down", show=False, id="list.down"),
        Binding("up,k", "step(-1)", "up", show=False, id="list.up"),
        Binding("pagedown,ctrl+d", "page(1)", "page down", show=False, id="list.page_down"),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False, id="list.page_up"),
        Binding("home,g", "edge(False)", "first", show=False, id="list.first"),
        Binding("end,G", "edge(True)", "last", show=False, id="list.last"),
        Binding("enter", "choose", "open"),
    ]
    cursor: reactive[int] = reactive(0, repaint=False)

    class Moved(Message):
        """Another item is under the cursor."""

        def __init__(self, rows: Rows[Any]) -> None:
            super().__init__()
            self.rows = rows

        @property
        def control(self) -> Rows[Any]:
            """The list, for selectors of handlers."""
            return self.rows

    class Chosen(Moved):
        """The item under the cursor is wanted."""

    def __init__(
        self,
        columns: Sequence[Column[T]],
        *,
        key: Callable[[T], str],
        at_top: bool = False,
        titles: bool = True,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id)
        self._columns = columns
        self._key = key
        self._at_top = at_top
        """A cursor on the first row stays there when a newer one arrives."""
        self._head = int(titles)
        self._items: list[T] = []
        self._placed: list[Placed[T]] = []
        self._painted: dict[int, Content] = {}

    @property
    def items(self) -> Sequence[T]:
        """What is listed."""
        return self._items

    @property
    def current(self) -> T | None:
        """The item under the cursor."""
        return self._items[self.cursor] if self.cursor < len(self._items) else None

    def show(self, items: Sequence[T]) -> None:
        """List these; the cursor stays on its item wherever that is now."""
        before = self.current
        key = None if before is None or (self._at_top and self.cursor == 0) else self._key(before)
        self._items = list(items)
        self._lay_out()
        found = next((at for at, item in enumerate(self._items) if key is not None and self._key(item) == key), None)
        self.cursor = found if found is not None else max(0, min(self.cursor, len(self._items) - 1))
        self._keep_in_sight()
        self.refresh()
        now = self.current
        if (before is None) != (now is None) or (before and now and self._key(before) != self._key(now)):
            self._post(self.Moved)

    def tick(self) -> None:
        """Paint again the lines that say something else by now, such as "3 min ago"."""
        for at, painted in list(self._painted.items()):
            if at < len(self._items) and self._line(at) != painted:
                self.refresh_line(at + self._head)

    def render_line(self, y: int) -> Strip:
        """A line of the widget."""
        width = self.size.width
        if y == 0:
            self._painted.clear()
        if y < self._head:
            titles = line(self._placed, [plain(one.column.title) for one in self._placed])
            return self._strip(join(" ", titles), "rows--title")
        at = self.scroll_offset.y + y - self._head
        if at >= len(self._items):
            return Strip.blank(width, self.rich_style)
        self._painted[at] = content = self._line(at)
        on_it = at == self.cursor
        marker = plain("▌", Tone.KEY) if on_it and self.has_focus else Content(">" if on_it else " ")
        return self._strip(join(marker, content), "rows--cursor" if on_it else None)

    def on_resize(self) -> None:
        """Columns come and go."""
        self._lay_out()
        self._keep_in_sight()

    def on_focus(self) -> None:
        """The cursor is drawn otherwise."""
        self.refresh()

    def on_blur(self) -> None:
        """The cursor is drawn otherwise."""
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """The first click puts the cursor there, a double click opens."""
        at = self.scroll_offset.y + event.y - self._head
        if event.y >= self._head and at < len(self._items):
            self._go(at)
            if event.chain == 2:
                self.action_choose()

    def watch_cursor(self, before: int, now: int) -> None:
        """Two lines change."""
        for at in (before, now):
            self.refresh_line(at + self._head)

    def action_step(self, by: int) -> None:
        """Up or down."""
        self._go(self.cursor + by)

    def action_page(self, by: int) -> None:
        """Up or down by what is in sight."""
        self._go(self.cursor + by * max(1, self.size.height - 1 - self._head))

    def action_edge(self, last: bool) -> None:
        """To the first or the last."""
        self._go(len(self._items) - 1 if last else 0)

    def action_choose(self) -> None:
        """Open what is under the cursor."""
        if self.current is not None:
            self._post(self.Chosen)

    def _go(self, at: int) -> None:
        at = max(0, min(at, len(self._items) - 1))
        if at != self.cursor:
            self.cursor = at
            self._keep_in_sight()
            self._post(self.Moved)

    def _post(self, kind: type[Moved]) -> None:
        # In the list's own turn: Textual lets a message bubble no further than to whoever made it.
        self.call_next(lambda: self.post_message(kind(self)))

    def _keep_in_sight(self) -> None:
        # The titles lie over the first line of what scrolls, so that one line more has to be in sight.
        self.scroll_to_region(Region(0, self.cursor, 1, 1 + self._head), animate=False, force=True)

    def _lay_out(self) -> None:
        width = self.scrollable_content_region.width or self.size.width
        self._placed = place(self._columns, self._items, max(0, width - 2))
        self.virtual_size = Size(width, len(self._items) + self._head)
        self.refresh()

    def _line(self, at: int) -> Content:
        return line(self._placed, [one.column.cell(self._items[at]) for one in self._placed])

    def _strip(self, content: Content, component: str | None) -> Strip:
        style = self.get_visual_style(component) if component else self.visual_style
        strips = Visual.to_strips(self, content, self.size.width, 1, style, pad=True)
        return strips[0].extend_cell_length(self.size.width, style.rich_style)

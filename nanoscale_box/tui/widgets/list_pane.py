"""A framed list with its filter and with words for when it is empty."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nanoscale_box.tui.plain import join, plain
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.rows import Rows

T = TypeVar("T")


class ListPane(Vertical, Generic[T]):
    """`/` filters by substring, esc clears the filter; the frame says how many are shown and how they are sorted."""

    ALLOW_MAXIMIZE = True
    BINDINGS: ClassVar[list[BindingType]] = [Binding("slash", "filter", "filter", show=False, id="list.filter")]

    def __init__(
        self,
        title: Content,
        columns: Sequence[Column[T]],
        *,
        key: Callable[[T], str],
        words: Callable[[T], str],
        sorting: str,
        empty: Content,
        at_top: bool = False,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id, classes="pane")
        self.border_title = title
        self._words = words
        self._sorting = sorting
        self._all: list[T] = []
        self.rows: Rows[T] = Rows(columns, key=key, at_top=at_top)
        self._empty = Static(empty, classes="empty")
        self._input = Input(placeholder="filter; esc clears", compact=True, classes="filter")

    def compose(self) -> ComposeResult:
        yield self._empty
        yield self.rows
        yield self._input

    def on_mount(self) -> None:
        """Nothing is filtered at first."""
        self._input.display = False
        self._show()

    def show(self, items: Sequence[T]) -> None:
        """List these, as far as the filter lets them through."""
        self._all = list(items)
        self._show()

    def say_empty(self, words: Content) -> None:
        """What stands here when there is nothing to list."""
        self._empty.update(words)

    def focus_list(self) -> None:
        """Put the keyboard here; an empty pane takes it itself, so that its keys work."""
        if self.rows.display:
            self.rows.focus()
        else:
            self.can_focus = True
            self.focus()

    def on_blur(self) -> None:
        """The keyboard went elsewhere on purpose."""
        self.can_focus = False

    @property
    def filtering(self) -> bool:
        """Whether a filter is being typed or holds."""
        return bool(self._input.display)

    def action_filter(self) -> None:
        """Type a filter."""
        self._input.display = True
        self._input.focus()

    def clear_filter(self) -> None:
        """Show everything again."""
        self._input.value = ""
        self._input.display = False
        self.rows.focus()
        self._show()

    def on_key(self, event: events.Key) -> None:
        """Esc takes one step back: it clears the filter before it leaves the screen."""
        if event.key == "escape" and self.filtering:
            self.clear_filter()
            event.stop()
            event.prevent_default()

    @on(Input.Changed)
    def narrow(self, event: Input.Changed) -> None:
        """Filter while it is typed."""
        event.stop()
        self._show()

    @on(Input.Submitted)
    def keep(self, event: Input.Submitted) -> None:
        """Back to the list, the filter stays."""
        event.stop()
        if not self._input.value:
            self.clear_filter()
        self.rows.focus()

    def _show(self) -> None:
        wanted = self._input.value.casefold()
        found = [item for item in self._all if wanted in self._words(item).casefold()] if wanted else self._all
        self.rows.show(found)
        nothing, held = not self._all, self.rows.has_focus or self.can_focus
        self._empty.display, self.rows.display = nothing, not nothing
        if held and self.rows.has_focus == nothing:
            self.focus_list()
        self.can_focus = nothing and self.can_focus
        self.border_subtitle = self._count(len(found))

    def _count(self, shown: int) -> Content:
        if not self._all:
            return Content("")
        number = f"{shown:,}" if shown == len(self._all) else f"{shown:,} of {len(self._all):,}"
        filtered = join(" · ", plain(f"/{self._input.value}", limit=30)) if self._input.value else ""
        return join(number, filtered, f" · {self._sorting}")

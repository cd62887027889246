"""A framed list that the box searches: what is typed is asked, and further pages come as the cursor nears the end."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, Final, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, Static

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.wire.shapes import Page

T = TypeVar("T")
Ask = Callable[[str, str | None], Awaitable[Page[T]]]
_AHEAD: Final = 20


class SearchPane(Vertical, Generic[T]):
    """`ask` gets what is typed and the cursor of the page that is wanted."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "search", "search", show=False),
        Binding("down", "into", "to what was found", show=False),
    ]

    def __init__(
        self,
        title: Content,
        columns: Sequence[Column[T]],
        *,
        key: Callable[[T], str],
        ask: Ask[T],
        empty: Content,
        id: str | None = None,  # noqa: A002 - Textual's own name
    ) -> None:
        super().__init__(id=id, classes="pane")
        self.border_title = title
        self._ask = ask
        self._nothing = empty
        self._found: list[T] = []
        self._next: str | None = None
        self._loading = False
        self.input = Input(placeholder="type to search", compact=True, classes="filter")
        self.rows: Rows[T] = Rows(columns, key=key, titles=False)
        self._said = Static(empty, classes="empty")

    def compose(self) -> ComposeResult:
        yield self.input
        yield self._said
        yield self.rows

    def on_mount(self) -> None:
        """Nothing was asked yet."""
        self._paint(self._nothing)

    def clear(self) -> None:
        """Forget what was found and typed."""
        with self.input.prevent(Input.Changed):
            self.input.value = ""
        self._found, self._next = [], None
        self._paint(self._nothing)

    def load(self) -> None:
        """Ask for the first page of what is typed."""
        self.run_worker(self._load(None), group="search", exclusive=True)

    def action_search(self) -> None:
        """Type again."""
        self.input.focus()

    def action_into(self) -> None:
        """From what is typed into what was found."""
        self.rows.focus()

    @on(Input.Changed)
    def typed(self, event: Input.Changed) -> None:
        """Search while it is typed."""
        event.stop()
        self.load()

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """Enter takes the best match."""
        event.stop()
        self.rows.focus()
        self.rows.action_choose()

    @on(Rows.Moved)
    def moved(self, event: Rows.Moved) -> None:
        """The next page, before its first row is in sight."""
        near = self.rows.cursor >= len(self._found) - _AHEAD
        if near and self._next is not None and not self._loading and not isinstance(event, Rows.Chosen):
            self.run_worker(self._load(self._next), group="search", exclusive=True)

    async def _load(self, cursor: str | None) -> None:
        self._loading = True
        if cursor is None and not self._found:
            self._paint(plain("◐ searching …", Tone.BUSY))
        try:
            page = await self._ask(self.input.value.strip(), cursor)
        except (ApiError, Unreachable) as failed:
            self._found, self._next = [], None
            said = failed.sentence if isinstance(failed, Unreachable) else failed.problem.detail
            self._paint(plain(f"✕ {said}", Tone.BAD))
            return
        finally:
            self._loading = False
        self._found = [*self._found, *page.items] if cursor else page.items
        self._next = page.next_cursor
        if cursor is None:
            self.rows.cursor = 0
        self._paint(plain("Nothing matches.", Tone.DIM) if self.input.value else self._nothing)

    def _paint(self, otherwise: Content) -> None:
        self._said.update(otherwise)
        self._said.display = not self._found
        self.rows.display = bool(self._found)
        self.rows.show(self._found)
        more = "+" if self._next else ""
        shown = plain(f"{len(self._found):,}{more}") if self._found else Content("")
        self.border_subtitle = join(shown)

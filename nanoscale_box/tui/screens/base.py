"""What all screens have in common: the frame, the news, and how the box is asked to do something."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen, Screen
from textual.widget import Widget

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.core.text import inert
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.happened import Happening, details_of
from nanoscale_box.tui.plain import plain
from nanoscale_box.tui.ways import Way
from nanoscale_box.tui.widgets.bars import StatusBar, TitleBar, TooSmall
from nanoscale_box.tui.widgets.keys_bar import KeysBar

T = TypeVar("T")


class BoxScreen(Screen[None]):
    """A whole screen between title and status."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("z", "zoom", "enlarge the pane", show=False, id="app.zoom"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self.desk = desk
        self.title_bar = TitleBar(desk)
        self.status_bar = StatusBar(desk)

    def compose(self) -> ComposeResult:
        yield self.title_bar
        with Vertical(id="body"):
            yield from self.body()
        yield self.status_bar
        yield KeysBar(self.offers)
        yield TooSmall()

    def body(self) -> ComposeResult:
        """What stands between title and status."""
        yield from ()

    def on_mount(self) -> None:
        """Hear of what changes, and let the times grow older."""
        self.desk.changed.subscribe(self, lambda _: self._changed())
        self.set_interval(1.0, self.tick)
        self._changed()

    def on_screen_resume(self) -> None:
        """Catch up with what changed while another screen lay above."""
        self._changed()

    def _changed(self) -> None:
        self.title_bar.refresh()
        self.status_bar.refresh()
        self.renew()

    def renew(self) -> None:
        """The model is another one: show it."""

    def offers(self, action: str) -> bool:
        """Whether the bottom line names the key of an action, as what is selected is now."""
        return True

    def tick(self) -> None:
        """A second went by."""

    def act(self, work: Awaitable[str], doing: str, way: Way | None = None) -> None:
        """Have the box do something: said to be under way at once, then what came of it, or what went wrong."""
        self.app.run_worker(self._act(work, doing, way), group="acts", exit_on_error=True)

    async def _act(self, work: Awaitable[str], doing: str, way: Way | None) -> None:
        self._doing(plain(f"{doing} …"))
        try:
            if said := await work:
                say(self, said)
                self.keep(said, way)
        except (ApiError, Unreachable) as failed:
            self.keep_failure(failed, way)
            complain(self, failed)
        finally:
            self._doing(None)

    def may_change(self) -> bool:
        """Whether anything may be changed from here; where not, that is said."""
        if self.desk.read_only:
            say(self, "Read-only: nothing is changed from here")
        return not self.desk.read_only

    def keep(self, said: str, way: Way | None) -> None:
        """Keep what was done, and how it is done from a shell."""
        self.desk.happened.appendleft(Happening(at=self.desk.now(), said=said, good=True, way=way))

    def keep_failure(self, failed: ApiError | Unreachable, way: Way | None) -> None:
        """Keep what went wrong."""
        sentence, hint = why(failed)
        kept = Happening(at=self.desk.now(), said=sentence, good=False, hint=hint, way=way, details=details_of(failed))
        self.desk.happened.appendleft(kept)

    def _doing(self, doing: Content | None) -> None:
        self.status_bar.doing = doing
        self.status_bar.refresh()

    def action_zoom(self) -> None:
        """The pane with the keyboard fills the window, and back."""
        if self.maximized is not None:
            self.minimize()
        elif self.focused is not None:
            panes = (one for one in self.focused.ancestors_with_self if one.has_class("pane"))
            pane = next(panes, None)
            if isinstance(pane, Widget):
                self.maximize(pane, container=False)

    def open_page(self, url: str) -> None:
        """Open a page in the browser, and say its address, which is what counts over SSH."""
        if self.desk.browse(url):
            say(self, f"{url} is opened in the browser")
        else:
            say(self, f"{url}\nNo browser was found here; y copies the address")

    def copy(self, text: str, what: str) -> None:
        """Put text into the clipboard of the terminal, also through SSH."""
        shown = inert(text)
        self.app.copy_to_clipboard(shown)
        say(self, f"{what} copied: {shown}")


class Dialog(ModalScreen[T], Generic[T]):
    """A box over a screen; esc leaves it without doing anything."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "cancel")]

    def action_leave(self) -> None:
        """Nothing is wanted."""
        self.dismiss(None)


def say(screen: Screen[T], text: str) -> None:
    """Tell that something was done."""
    screen.notify(inert(text, lines=True), markup=False)


def complain(screen: Screen[T], failed: ApiError | Unreachable) -> None:
    """Tell what went wrong and what to do next."""
    sentence, hint = why(failed)
    lines = "\n".join(line for line in (sentence, hint, "! shows details") if line)
    screen.notify(inert(lines, lines=True), severity="error", timeout=10, markup=False)


def why(failed: ApiError | Unreachable) -> tuple[str, str]:
    """What went wrong, and what to do next."""
    if isinstance(failed, Unreachable):
        return failed.sentence, failed.hint
    return failed.problem.detail, failed.problem.hint or ""

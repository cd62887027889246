"""The terminal UI on the box at a socket: opened, run, and left with the terminal as it was found."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.signal import Signal
from textual.timer import Timer
from textual.worker import WorkerFailed

from nanoscale_box.client import BoxClient, Unreachable
from nanoscale_box.core.text import inert, redact
from nanoscale_box.tui import around, palette, themes
from nanoscale_box.tui.box import Box
from nanoscale_box.tui.crash import note_crash
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.driver import TerminalDriver
from nanoscale_box.tui.feed import Feed
from nanoscale_box.tui.key_map import actions, unknown
from nanoscale_box.tui.model import Model
from nanoscale_box.tui.prefs import Prefs, read_prefs, remember_theme
from nanoscale_box.tui.screens.base import BoxScreen
from nanoscale_box.tui.screens.choices import SettingsScreen
from nanoscale_box.tui.screens.connect import GithubScreen
from nanoscale_box.tui.screens.doctor import DoctorScreen
from nanoscale_box.tui.screens.environment import EnvironmentPane
from nanoscale_box.tui.screens.help import Help
from nanoscale_box.tui.screens.home import HomeScreen
from nanoscale_box.tui.screens.journal import Journal
from nanoscale_box.tui.screens.new_project import NewProjectScreen
from nanoscale_box.tui.screens.plan import PlanScreen
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.tui.screens.steering import Steering
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.log_pane import LogPane
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.wire import shapes

KEEPS_RUNNING: Final = "The box and its apps keep running. Come back with: nanoscale-box"
_REPAINTS: Final = 20


_WITH_KEYS: Final[tuple[type[DOMNode], ...]] = (
    BoxScreen, HomeScreen, ProjectScreen, Steering, NewProjectScreen, PlanScreen, GithubScreen, DoctorScreen,
    SettingsScreen, EnvironmentPane, ListPane, Rows, LogPane,
)  # fmt: skip


class BoxApp(App[None]):
    """Holds the desk and the screens; it is only a client, and what it knows it was told."""

    TITLE = "nanoscale-box"
    CSS_PATH = "box.tcss"
    ENABLE_COMMAND_PALETTE = True
    HORIZONTAL_BREAKPOINTS = [(0, "-tiny"), (60, "-narrow"), (120, "-wide")]  # noqa: RUF012 - declared by Textual
    VERTICAL_BREAKPOINTS = [(0, "-flat"), (16, "-low"), (30, "-tall")]  # noqa: RUF012 - declared by Textual
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+g", "github", "GitHub", show=False, id="app.github"),
        Binding("ctrl+p", "command_palette", "all actions", show=False),
        Binding("question_mark,f1", "help", "help", key_display="?", id="app.help"),
        Binding("ctrl+e", "doctor", "doctor", show=False, id="app.doctor"),
        Binding("ctrl+o", "settings", "settings of this UI", show=False, id="app.settings"),
        Binding("exclamation_mark", "journal", "what was done", show=False, key_display="!", id="app.journal"),
        Binding("q", "quit", "quit", id="app.quit"),
        Binding("ctrl+c", "quit", "quit", show=False, priority=True),
    ]

    def __init__(
        self,
        box: Box,
        *,
        environ: Mapping[str, str] = os.environ,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        browse: Callable[[str], bool] | None = None,
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.crash: BaseException | None = None
        self._pending: Timer | None = None
        self._changed: Signal[None] = Signal(self, "changed")
        self._heard: Signal[shapes.Event] = Signal(self, "heard")
        model = Model()
        prefs = read_prefs(environ)
        self.desk = Desk(
            prefs=prefs,
            read_only=prefs.read_only,
            box=box,
            model=model,
            feed=Feed(box, model, changed=self._note_change, heard=self._heard.publish, looked_at=self._shows_usage),
            changed=self._changed,
            heard=self._heard,
            now=now,
            browse=browse or (lambda url: around.browse(url, environ)),
            environ=environ,
        )
        for theme in (themes.DARK, themes.LIGHT):
            self.register_theme(theme)
        self._choose(prefs)
        if "TEXTUAL_ANIMATIONS" not in environ:
            self.animation_level = "none"

    def _shows_usage(self) -> bool:
        return isinstance(self.screen, HomeScreen | ProjectScreen)

    def _choose(self, prefs: Prefs) -> None:
        """Take over what the owner chose, as far as it is understood; the rest is told."""
        flaws = [*prefs.flaws, *unknown(prefs.keys, actions((BoxApp, *_WITH_KEYS), {}))]
        self.theme = prefs.theme if prefs.theme in self.available_themes else themes.DARK.name
        if prefs.theme not in {None, self.theme}:
            flaws.append(f"there is no theme {prefs.theme!r}; the palette (ctrl+p) lists them")
        self.set_keymap(prefs.keys)
        self.desk.prefs = replace(prefs, flaws=tuple(flaws))

    def get_default_screen(self) -> Screen[None]:
        """Home."""
        return HomeScreen(self.desk)

    def on_mount(self) -> None:
        """Begin to listen."""
        self.run_worker(self.desk.feed.run(), group="feed")
        self.theme_changed_signal.subscribe(self, lambda theme: self._remember(theme.name))
        for flaw in self.desk.prefs.flaws:
            self.notify(inert(f"{flaw}\nctrl+o shows all settings"), severity="warning", markup=False)

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Every action that has a key, then Textual's own."""
        yield from palette.commands(screen)
        yield SystemCommand("Theme", "change the colours", self.action_change_theme)
        yield SystemCommand("Screenshot", "save a picture (SVG) of the screen, redacted", self.action_picture)

    def action_help(self) -> None:
        """What this screen is and all its keys."""
        if not self.screen.is_modal:
            self.push_screen(Help(type(self.screen).__name__, self.screen.active_bindings))

    def action_journal(self) -> None:
        """What was done from here, and how to do the same by command."""
        if not self.screen.is_modal:
            self.push_screen(Journal(self.desk))

    def action_doctor(self) -> None:
        """What the box finds out about itself."""
        if not self.screen.is_modal and not isinstance(self.screen, DoctorScreen):
            self.push_screen(DoctorScreen(self.desk))

    def action_settings(self) -> None:
        """What is chosen for the terminal UI."""
        if not self.screen.is_modal and not isinstance(self.screen, SettingsScreen):
            self.push_screen(SettingsScreen(self.desk, actions((BoxApp, *_WITH_KEYS), self.desk.prefs.keys)))

    def action_picture(self) -> None:
        """Save the screen as SVG where it was started, without anything that looks like a secret."""
        svg = redact(self.export_screenshot(title=self.TITLE))
        path = Path.cwd() / f"nanoscale-box-{self.desk.now():%Y%m%d-%H%M%S}.svg"
        try:
            path.write_text(svg, encoding="utf-8")
        except OSError as error:
            self.notify(inert(f"{path} cannot be written: {error.strerror}"), severity="error", markup=False)
        else:
            self.notify(inert(f"The screen is saved as {path}"), markup=False)

    def _remember(self, theme: str) -> None:
        if theme == self.desk.prefs.theme:
            return
        try:
            remember_theme(self.desk.prefs.file, theme)
        except OSError as error:
            self.notify(inert(f"The theme is not remembered: {error}"), severity="warning", markup=False)
        else:
            self.desk.prefs = replace(self.desk.prefs, theme=theme)

    def action_new_project(self) -> None:
        """Make a project."""
        self.push_screen(NewProjectScreen(self.desk))

    def action_github(self) -> None:
        """The connection with GitHub."""
        if not self.screen.is_modal and not isinstance(self.screen, GithubScreen):
            self.push_screen(GithubScreen(self.desk))

    def _note_change(self) -> None:
        """Tell the screens, at most twenty times a second."""
        if self._pending is None:
            self._pending = self.set_timer(1 / _REPAINTS, self._tell_change)

    def _tell_change(self) -> None:
        self._pending = None
        self._changed.publish(None)

    def _fatal_error(self) -> None:
        """Textual prints a traceback with local values here; ours goes to a file, without them."""
        error = self._exception
        self.crash = error.error if isinstance(error, WorkerFailed) else error
        self._close_messages_no_wait()


async def attach(socket: Path, *, parting: str = KEEPS_RUNNING, environ: Mapping[str, str] = os.environ) -> int:
    """Run the terminal UI on the box at `socket`; give an exit status; `parting` is said when one leaves."""
    return await run(lambda: BoxClient.dial(socket), environ, parting)


async def run(dial: Callable[[], Box], environ: Mapping[str, str], parting: str) -> int:
    """The same on any box."""
    if environ.get("TERM") in {None, "", "dumb"}:
        sys.stderr.write("nanoscale-box: this terminal cannot move its cursor (TERM)\n  see: nanoscale-box status\n")
        return 2
    try:
        async with dial() as box:
            app = BoxApp(box, environ=environ)
            with _stopped_by_signals(app):
                await app.run_async()
    except Unreachable as gone:
        sys.stderr.write(f"nanoscale-box: {inert(gone.sentence)}\n  {inert(gone.hint)}\n")
        return 1
    if app.crash is not None:
        place = note_crash(app.crash, environ)
        where = f"; what happened is in {place}" if place else ""
        sys.stderr.write(f"nanoscale-box: the terminal UI ended because of an error of its own{where}\n")
        sys.stderr.write("  the box itself goes on; open the terminal UI again with: nanoscale-box\n")
        return 1
    if parting:
        sys.stderr.write(f"{parting}\n")
    return app.return_code or 0


@contextmanager
def _stopped_by_signals(app: BoxApp) -> Iterator[None]:
    """A closed terminal or a kill ends the UI as `q` does; who handles these signals already goes on doing so."""
    loop = asyncio.get_running_loop()
    free = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) is signal.SIG_DFL]
    for one in free:
        loop.add_signal_handler(one, app.exit)
    try:
        yield
    finally:
        for one in free:
            loop.remove_signal_handler(one)

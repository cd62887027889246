"""GitHub: connects by itself where nothing is connected yet, else shows how the connection stands."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.core.figures import counted
from nanoscale_box.tui import ways
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain
from nanoscale_box.tui.qr import qr_code
from nanoscale_box.tui.screens.base import BoxScreen, say, why
from nanoscale_box.tui.screens.confirm import Confirm
from nanoscale_box.tui.widgets.bars import connection
from nanoscale_box.tui.widgets.github_rows import (
    ORDERLY,
    account_columns,
    account_words,
    hook_columns,
    hook_words,
)
from nanoscale_box.tui.widgets.invitations import browser_words, device_words, register_words
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.tui.widgets.told import Told
from nanoscale_box.tui.words import advised, clock
from nanoscale_box.wire import shapes


class GithubScreen(BoxScreen):
    """The page to open, as address and QR code, until GitHub has sent the browser back; then the connection."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "connect", "connect", id="github.connect"),
        Binding("v", "device", "use a code", id="github.device"),
        Binding("x", "end_device", "cancel the code", id="github.end_device"),
        Binding("o", "open", "browser", id="github.open"),
        Binding("y", "copy_url", "copy the address", id="github.copy"),
        Binding("Y", "copy_code", "copy the code", show=False, id="github.copy_code"),
        Binding("s", "sync", "refresh", id="github.sync"),
        Binding("R", "repair", "repair webhooks", id="github.repair"),
        Binding("1", "pane('accounts')", "go to accounts", show=False),
        Binding("2", "pane('hooks')", "go to webhooks", show=False),
        Binding("X", "disconnect", "disconnect", id="github.disconnect"),
        Binding("escape", "back", "back"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.title_bar.where = Content.styled("GitHub", Tone.STRONG.value)
        self.story = Static(id="story")
        self.accounts: ListPane[shapes.Installation] = ListPane(
            Content("1 Accounts"),
            account_columns(),
            key=lambda one: str(one.installation_id),
            words=lambda one: f"{one.account_login} {one.account_type} {one.repository_selection}",
            sorting="as GitHub has them",
            empty=plain("▲ The App is installed on no account: c goes to GitHub to install it.", Tone.WARN),
            id="accounts",
        )
        self.hooks: ListPane[shapes.Hook] = ListPane(
            Content("2 Webhooks"),
            hook_columns(desk),
            key=lambda one: f"{one.repo_id} {one.hook_id}",
            words=lambda one: f"{one.full_name} {one.state} {one.detail or ''}",
            sorting="the App's first",
            empty=plain("No webhook yet; the first project of a repository makes one.", Tone.DIM),
            id="hooks",
        )
        self.detail = Told(classes="finding")
        self.code = Static(id="code")
        self.redirect: shapes.Redirect | None = None
        self._before: str | None = None
        self._failed: Content | None = None
        self._asking = False
        self._opened = False
        self._hooks_for: shapes.GithubStatus | None = None

    def body(self) -> ComposeResult:
        """The story and the code; once connected the story is short, and lists follow."""
        with VerticalScroll(id="github"):
            yield self.story
            yield self.code
        yield self.accounts
        yield self.hooks
        yield self.detail

    def on_mount(self) -> None:
        """Begin, where that is what one came for."""
        self.desk.heard.subscribe(self, self.take)
        super().on_mount()

    def tick(self) -> None:
        """Times grow older."""
        self.hooks.rows.tick()
        device = self.desk.device
        if device is not None and self.desk.now() >= device.expires_at:
            self.desk.device = None
            if self.redirect is device:
                self._end_code(plain("✕ The code ran out before it was entered on GitHub.", Tone.BAD))
        elif device is not None:
            self._tell()

    @on(Rows.Moved)
    def moved(self, event: Rows.Moved) -> None:
        """Another account or webhook."""
        self._tell_detail(event.rows)

    @on(events.DescendantFocus)
    def entered(self, event: events.DescendantFocus) -> None:
        """The other list."""
        if isinstance(event.widget, Rows):
            self._tell_detail(event.widget)

    def renew(self) -> None:
        """Show how it stands."""
        github = self.desk.model.github
        if github is not None:
            self.accounts.show(github.installations)
            self._load_hooks(github)
        if github is not None and self._before is None:
            self._before = github.state
            device = self.desk.device
            if device is not None and self.desk.now() < device.expires_at:
                self.redirect = device  # the code that was left is still good
            elif github.state == "connected":
                self.accounts.focus_list()
            elif not self.desk.read_only:
                self.action_connect()
        self._tell()
        self.refresh_bindings()

    def take(self, event: shapes.Event) -> None:
        """GitHub has sent the browser back, or repositories were refreshed."""
        if event.kind != "github":
            return
        match event.data.get("change"):
            case "connected":
                self.redirect = self.desk.device = None
                say(self, f"Connected as {event.data.get('account_login') or 'your account'}")
            case "registered" if self.redirect is not None:
                say(self, "The App is registered; GitHub goes on to install it")
            case "connect_failed":
                told = advised(str(event.data.get("detail") or ""), str(event.data.get("hint") or ""))
                self._end_code(plain(f"✕ {told}", Tone.BAD))
            case "synced":
                say(self, f"{counted(int(event.data.get('repositories', 0)), 'repository', 'repositories')} in scope")
            case "sync_failed":
                self.notify(plain(str(event.data.get("detail"))).plain, severity="error", markup=False)
            case _:
                pass
        self._tell()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Only what makes sense now."""
        connected = bool(self.desk.model.github and self.desk.model.github.connected)
        match action:
            case "open" | "copy_url":
                return self.redirect is not None
            case "device":
                return self.desk.device is None
            case "end_device" | "copy_code":
                return self.desk.device is not None
            case "sync" | "disconnect" | "repair":
                return connected
            case _:
                return True

    def offers(self, action: str) -> bool:
        """A code is named where it connects the first account; `v` works later too. What is listed opens nothing."""
        github = self.desk.model.github
        match action:
            case "choose":
                return False
            case "device":
                return github is not None and github.state in {"registered", "reconnect"}
            case _:
                return True

    def action_connect(self) -> None:
        """Register the App where there is none, else connect an account."""
        github = self.desk.model.github
        unregistered = github is None or github.state == "unconfigured"
        self._ask(self.desk.box.register_app if unregistered else self.desk.box.start_connect, browse=True)

    def action_device(self) -> None:
        """Connect with a code that is entered on GitHub in any browser anywhere, where the App allows it."""
        github = self.desk.model.github
        if github is None or github.state == "unconfigured":
            say(self, "A code needs an App of your own first; c registers it with one click")
        else:
            self._ask(self.desk.box.start_device, browse=False)

    def action_end_device(self) -> None:
        """Let the code connect nothing any more."""
        if self.desk.device is not None and self.may_change():
            self.act(self._end_device(), "cancelling the code")

    def action_copy_code(self) -> None:
        """Take the code along."""
        if self.desk.device is not None:
            self.copy(self.desk.device.user_code or "", "Code")

    def action_open(self) -> None:
        """Open the page."""
        if self.redirect is not None:
            self.open_page(self.redirect.redirect_url)

    def action_copy_url(self) -> None:
        """Take the address along."""
        if self.redirect is not None:
            self.copy(self.redirect.redirect_url, "Address")

    def action_sync(self) -> None:
        """Ask GitHub for repositories again."""
        if self.may_change():
            self.act(self._sync(), "refreshing repositories", ways.SYNC)

    def action_repair(self) -> None:
        """Have GitHub's webhooks mended."""
        if self.may_change():
            self.act(self._repair(), "repairing webhooks", ways.REPAIR)

    def action_pane(self, name: str) -> None:
        """Put the keyboard into a list."""
        self.query_one(f"#{name}", ListPane).focus_list()

    def action_disconnect(self) -> None:
        """Forget the account, after asking."""
        if not self.may_change():
            return
        login = self.desk.model.github.account_login if self.desk.model.github else ""
        body = Content(
            "This revokes the box's access on GitHub and forgets its tokens. "
            "Pushes are not deployed any more; running apps stay up."
        )

        def answered(wanted: bool | None) -> None:
            if wanted:
                self.act(self._disconnect(), "disconnecting", ways.DISCONNECT)

        self.app.push_screen(Confirm(join("Disconnect ", plain(login, limit=40)), body, "Disconnect"), answered)

    def action_back(self) -> None:
        """Leave; a page that was opened stays good."""
        self.dismiss()

    def _ask(self, way: Callable[[], Awaitable[shapes.Redirect]], *, browse: bool) -> None:
        if not self._asking and self.may_change():
            self._asking, self._failed, self.redirect = True, None, None
            self.run_worker(self._begin(way, browse=browse), group="connect")
            self._tell()

    async def _begin(self, way: Callable[[], Awaitable[shapes.Redirect]], *, browse: bool) -> None:
        try:
            self.redirect = await way()
        except (ApiError, Unreachable) as failed:
            sentence, hint = why(failed)
            self._failed = join(plain(f"✕ {sentence}", Tone.BAD), "\n", plain(hint, Tone.DIM))
        else:
            self.desk.device = self.redirect if self.redirect.user_code else self.desk.device
            self._opened = browse and self.desk.browse(self.redirect.redirect_url)
        finally:
            self._asking = False
        self._tell()
        self.refresh_bindings()

    async def _end_device(self) -> str:
        await self.desk.box.stop_device()
        self._end_code(None)
        return "The code is cancelled; whoever enters it connects nothing"

    def _end_code(self, failed: Content | None) -> None:
        self.redirect = self.desk.device = None
        self._failed = failed
        self._tell()
        self.refresh_bindings()

    async def _sync(self) -> str:
        await self.desk.box.sync_repos()
        return ""

    async def _repair(self) -> str:
        before = sum(one.state not in ORDERLY for one in self.hooks.rows.items)
        found = await self.desk.box.hooks(repair=True)
        self._show_hooks(found)
        left = sum(one.state not in ORDERLY for one in found)
        return f"{counted(max(0, before - left), 'webhook')} repaired, {left} not in order"

    def _load_hooks(self, github: shapes.GithubStatus) -> None:
        if github.connected and self._hooks_for != github:
            self._hooks_for = github
            self.run_worker(self._ask_hooks(), group="hooks", exclusive=True)

    async def _ask_hooks(self) -> None:
        self.hooks.say_empty(plain("◐ asking GitHub …", Tone.BUSY))
        try:
            found = await self.desk.box.hooks()
        except (ApiError, Unreachable) as failed:
            self.hooks.say_empty(plain(f"✕ {advised(*why(failed))}", Tone.BAD))
            return
        self.hooks.say_empty(plain("No webhook yet; the first project of a repository makes one.", Tone.DIM))
        self._show_hooks(found)

    def _show_hooks(self, found: list[shapes.Hook]) -> None:
        if self.is_attached:
            self.hooks.show(found)
            self._tell_detail(self.focused if isinstance(self.focused, Rows) else self.accounts.rows)

    def _tell_detail(self, rows: Rows[Any]) -> None:
        account, hook = self.accounts.rows.current, self.hooks.rows.current
        if rows is self.hooks.rows and hook is not None:
            self.detail.say(hook_words(self.desk, hook))
        elif account is not None:
            self.detail.say(account_words(account))

    async def _disconnect(self) -> str:
        await self.desk.box.disconnect()
        return "Disconnected; c connects again"

    def _tell(self) -> None:
        github, redirect = self.desk.model.github, self.redirect
        self.set_class(redirect is None and bool(github and github.connected), "-connected")
        if redirect is None:
            self.code.update(Content(""))
        else:
            self.story.update(self._invitation(redirect, github))
            self._draw_code(redirect.redirect_url)
            return
        if self._failed is not None:
            self.story.update(
                join(self._failed, "\n\n", keyed("*c* connects in the browser, *v* with a code, *esc* goes back."))
            )
        elif github is None or self._asking:
            self.story.update(plain("◐ asking the box …", Tone.BUSY))
        else:
            self.story.update(_standing(github))

    def _invitation(self, redirect: shapes.Redirect, github: shapes.GithubStatus | None) -> Content:
        if redirect.user_code:
            return device_words(redirect, self.desk.now(), self.size.width - 4)
        way = browser_words if github is not None and github.state != "unconfigured" else register_words
        return way(redirect, self.desk.environ, opened=self._opened)

    def _draw_code(self, url: str) -> None:
        """The code where all of it can be seen; half of one helps nobody."""
        code = qr_code(url)
        lines = code.plain.splitlines()
        needs = len(lines[0]) + 6, len(lines) + 14
        fits = self.size.width >= needs[0] and self.size.height >= needs[1]
        told = plain(f"A window of {needs[0]}x{needs[1]} shows the address as a QR code too.", Tone.DIM)
        self.code.update(code if fits else told)

    def on_resize(self) -> None:
        """The code may fit now."""
        self._tell()


def _standing(github: shapes.GithubStatus) -> Content:
    lines = [connection(github)]
    if github.rate is not None:
        lines[0] = join(lines[0], plain(f", again all at {clock(github.rate.reset_at)[11:16]}", Tone.DIM))
    lines += [plain(f"▲ {problem}", Tone.WARN) for problem in github.problems]
    if github.connected:
        how = {
            "webhook": "GitHub tells the box of pushes; it also looks by itself, so that none is lost.",
            "polling": "The box looks for pushes by itself; nothing has to reach it from outside.",
        }
        lines.append(Content.styled(how.get(github.mode, ""), Tone.DIM.value))
    else:
        lines.append(keyed("*c* connects in the browser; *v* connects with a code, without a browser here."))
    return Content("\n").join(lines)

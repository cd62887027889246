"""GitHub: connects by itself where nothing is connected yet, else shows how the connection stands."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui.around import tunnel
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain
from nanoscale_box.tui.qr import qr_code
from nanoscale_box.tui.screens.base import BoxScreen, say, why
from nanoscale_box.tui.screens.confirm import Confirm
from nanoscale_box.tui.widgets.bars import connection
from nanoscale_box.tui.words import clock
from nanoscale_box.wire import shapes


class GithubScreen(BoxScreen):
    """The page to open, as address and QR code, until GitHub has sent the browser back; then the connection."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "connect", "connect", id="github.connect"),
        Binding("o", "open", "browser", id="github.open"),
        Binding("y", "copy_url", "copy the address", id="github.copy"),
        Binding("s", "sync", "refresh repositories", id="github.sync"),
        Binding("X", "disconnect", "disconnect", id="github.disconnect"),
        Binding("escape", "back", "back"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.title_bar.where = Content.styled("GitHub", Tone.STRONG.value)
        self.story = Static(id="story")
        self.code = Static(id="code")
        self.redirect: shapes.Redirect | None = None
        self._before: str | None = None
        self._failed: Content | None = None
        self._asking = False
        self._opened = False

    def body(self) -> ComposeResult:
        """The story and the code."""
        with VerticalScroll(id="github"):
            yield self.story
            yield self.code

    def on_mount(self) -> None:
        """Begin, where that is what one came for."""
        self.desk.heard.subscribe(self, self.take)
        super().on_mount()

    def renew(self) -> None:
        """Show how it stands."""
        github = self.desk.model.github
        if github is not None and self._before is None:
            self._before = github.state
            if github.state != "connected":
                self.action_connect()
        self._tell()
        self.refresh_bindings()

    def take(self, event: shapes.Event) -> None:
        """GitHub has sent the browser back, or repositories were refreshed."""
        if event.kind != "github":
            return
        match event.data.get("change"):
            case "connected":
                self.redirect = None
                say(self, f"Connected as {event.data.get('account_login') or 'your account'}")
            case "registered" if self.redirect is not None:
                say(self, "The App is registered; GitHub goes on to install it")
            case "synced":
                say(self, f"{event.data.get('repositories')} repositories are in scope")
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
            case "sync" | "disconnect":
                return connected
            case _:
                return True

    def action_connect(self) -> None:
        """Register the App where there is none, else connect an account."""
        if not self._asking:
            self._asking = True
            self._failed = None
            self.run_worker(self._begin(), group="connect")

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
        self.act(self._sync(), "refreshing repositories")

    def action_disconnect(self) -> None:
        """Forget the account, after asking."""
        login = self.desk.model.github.account_login if self.desk.model.github else ""
        body = Content(
            "This revokes the box's access on GitHub and forgets its tokens. "
            "Pushes are not deployed any more; running apps stay up."
        )

        def answered(wanted: bool | None) -> None:
            if wanted:
                self.act(self._disconnect(), "disconnecting")

        self.app.push_screen(Confirm(join("Disconnect ", plain(login, limit=40)), body, "Disconnect"), answered)

    def action_back(self) -> None:
        """Leave; a page that was opened stays good."""
        self.dismiss()

    async def _begin(self) -> None:
        box, github = self.desk.box, self.desk.model.github
        try:
            unregistered = github is None or github.state == "unconfigured"
            self.redirect = await (box.register_app() if unregistered else box.start_connect())
        except (ApiError, Unreachable) as failed:
            sentence, hint = why(failed)
            self._failed = join(plain(f"✕ {sentence}", Tone.BAD), "\n", plain(hint, Tone.DIM))
        else:
            self._opened = self.desk.browse(self.redirect.redirect_url)
        finally:
            self._asking = False
        self._tell()
        self.refresh_bindings()

    async def _sync(self) -> str:
        await self.desk.box.sync_repos()
        return ""

    async def _disconnect(self) -> str:
        await self.desk.box.disconnect()
        return "Disconnected; c connects again"

    def _tell(self) -> None:
        github, redirect = self.desk.model.github, self.redirect
        if redirect is None:
            self.code.update(Content(""))
        else:
            self.story.update(self._invitation(redirect, registering=bool(github and github.state == "unconfigured")))
            self._draw_code(redirect.redirect_url)
            return
        if self._failed is not None:
            self.story.update(join(self._failed, "\n\n", keyed("*c* tries again, *esc* goes back.")))
        elif github is None or self._asking:
            self.story.update(plain("◐ asking the box …", Tone.BUSY))
        else:
            self.story.update(_standing(github))

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

    def _invitation(self, redirect: shapes.Redirect, *, registering: bool) -> Content:
        what = (
            "Your box registers its own GitHub App: one click on GitHub, then choose its repositories."
            if registering
            else "Sign in on GitHub and choose which repositories your box may read."
        )
        opened = "The page is open in your browser:" if self._opened else "Open this page:"
        lines = [Content.styled(what, Tone.STRONG.value), Content(opened), plain(redirect.redirect_url, Tone.LINK)]
        if command := tunnel(redirect.redirect_url, self.desk.environ):
            lines += [
                Content("You are here over SSH. On the machine you sit at, run this first:"),
                plain(command, Tone.KEY),
            ]
        good = f"◐ waiting for GitHub; the page is good until {clock(redirect.expires_at)[11:16]}"
        lines += [plain(good, Tone.BUSY), keyed("*o* opens it, *y* copies it, *esc* goes back and leaves it good.")]
        return Content("\n").join(lines)


def _standing(github: shapes.GithubStatus) -> Content:
    lines = [connection(github), Content("")]
    for one in github.installations:
        scope = "all repositories" if one.repository_selection == "all" else "selected repositories"
        dot = plain("  ·  ", Tone.DIM)
        row = join(
            plain(one.account_login, Tone.STRONG, limit=60), dot, plain(one.account_type.lower(), limit=20), dot, scope
        )
        if one.suspended:
            row = join(row, dot, plain("▲ suspended: lift that on GitHub", Tone.WARN))
        if one.missing_permissions:
            missing = ", ".join(one.missing_permissions)
            row = join(row, "\n  ", plain(f"▲ may not yet: {missing}; grant it on GitHub", Tone.WARN))
        lines.append(row)
    if github.connected and not github.installations:
        lines.append(plain("▲ The App is installed on no account: c goes to GitHub to install it.", Tone.WARN))
    if github.connected:
        how = {
            "webhook": "GitHub tells the box of pushes; it also looks by itself, so that none is lost.",
            "polling": "The box looks for pushes by itself; nothing has to reach it from outside.",
        }
        told = Content.styled(how.get(github.mode, ""), Tone.DIM.value)
        lines += [Content(""), told, keyed("*c* connects again, *s* refreshes repositories, *X* disconnects.")]
    else:
        lines.append(keyed("*c* connects."))
    return Content("\n").join(lines)

"""The three ways to connect an account, told: register the box's own App, sign in with a browser, or enter a code."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from textual.content import Content

from nanoscale_box.tui.around import tunnel
from nanoscale_box.tui.letters import large
from nanoscale_box.tui.plain import Tone, keyed, plain
from nanoscale_box.tui.words import clock, lasted
from nanoscale_box.wire import shapes


def register_words(redirect: shapes.Redirect, environ: Mapping[str, str], *, opened: bool) -> Content:
    """The page that registers the App."""
    what = "Your box registers its own GitHub App: one click on GitHub, then choose its repositories."
    keys = keyed("*o* opens it, *y* copies it, *esc* goes back and leaves it good.")
    return _page(what, redirect, environ, opened=opened, keys=keys)


def browser_words(redirect: shapes.Redirect, environ: Mapping[str, str], *, opened: bool) -> Content:
    """The page that connects an account."""
    what = "Sign in on GitHub and choose which repositories your box may read."
    keys = keyed("*o* opens it, *y* copies it, *v* uses a code instead, *esc* goes back.")
    return _page(what, redirect, environ, opened=opened, keys=keys)


def device_words(redirect: shapes.Redirect, now: datetime, width: int) -> Content:
    """The code, large, and where it is entered."""
    left = max(0.0, (redirect.expires_at - now).total_seconds())
    code = redirect.user_code or ""
    until = clock(redirect.expires_at)[11:16]
    return Content("\n").join(
        [
            Content.styled("Enter this code on GitHub, in any browser on any device:", Tone.STRONG.value),
            Content(""),
            large(code, width),
            Content(""),
            plain(code, Tone.STRONG),
            plain(redirect.redirect_url, Tone.LINK),
            plain(f"◐ waiting for GitHub; the code is good until {until}, for {lasted(left)} more", Tone.BUSY),
            keyed("*Y* copies the code, *y* the address. *esc* leaves it good, *x* cancels it."),
        ]
    )


def _page(what: str, redirect: shapes.Redirect, environ: Mapping[str, str], *, opened: bool, keys: Content) -> Content:
    told = "The page is open in your browser:" if opened else "Open this page:"
    lines = [Content.styled(what, Tone.STRONG.value), Content(told), plain(redirect.redirect_url, Tone.LINK)]
    if command := tunnel(redirect.redirect_url, environ):
        lines += [
            Content("You are here over SSH. On the machine you sit at, run this first:"),
            plain(command, Tone.KEY),
        ]
    good = f"◐ waiting for GitHub; the page is good until {clock(redirect.expires_at)[11:16]}"
    return Content("\n").join([*lines, plain(good, Tone.BUSY), keys])

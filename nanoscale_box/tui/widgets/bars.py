"""The lines at the top and the bottom of every screen, and what is said of a window that is too small."""

from __future__ import annotations

from typing import Final

from textual.content import Content
from textual.widget import Widget

from nanoscale_box.core.figures import counted
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain, spread
from nanoscale_box.tui.words import project_word
from nanoscale_box.wire import shapes

LEAST: Final = (60, 16)


class TitleBar(Widget):
    """Where one is, and at the right how all apps stand."""

    ALLOW_SELECT = False

    def __init__(self, desk: Desk, where: Content | None = None) -> None:
        super().__init__()
        self._desk = desk
        self.where = where

    def render(self) -> Content:
        """One line."""
        name = plain("nanoscale-box", Tone.STRONG)
        left = join(name, plain(" / ", Tone.DIM), self.where) if self.where else name
        return spread(left, self._summary(), self.size.width)

    def _summary(self) -> Content:
        words = [project_word(project) for project in self._desk.model.by_name()]
        running = sum(word not in {"live", "down", "failed", "new"} for word in words)
        parts = [
            plain(f"{glyph} {number} {word}", tone)
            for glyph, number, word, tone in (
                ("●", words.count("live"), "live", Tone.GOOD),
                ("◐", running, "under way", Tone.BUSY),
                ("✕", words.count("failed"), "failed", Tone.BAD),
                ("■", words.count("down"), "down", Tone.WARN),
            )
            if number
        ]
        return Content("  ").join(parts)


class StatusBar(Widget):
    """How the box and GitHub stand, what is under way, and what is missing with the key that mends it."""

    ALLOW_SELECT = False

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk
        self.doing: Content | None = None

    def render(self) -> Content:
        """One line."""
        model = self._desk.model
        if model.away is not None:
            away = join(plain("✕ box away: ", Tone.BAD), plain(model.away))
            return spread(away, plain("trying again …", Tone.DIM), self.size.width)
        if model.github is None:
            return plain("◐ asking the box …", Tone.BUSY)
        right = join(plain("◐ ", Tone.BUSY), self.doing) if self.doing else _missing(model.github)
        if self._desk.read_only:
            right = join(right, "  " if right else "", plain("▲ read-only", Tone.WARN))
        return spread(connection(model.github), right, self.size.width)


class TooSmall(Widget):
    """Fills a window in which nothing else could be read."""

    ALLOW_SELECT = False

    def render(self) -> Content:
        """Two sentences."""
        width, height = self.app.size
        return plain(
            f"This window is {width}x{height}; the box needs {LEAST[0]}x{LEAST[1]}. "
            "Make it larger, or leave with q and run: nanoscale-box status"
        )


def connection(github: shapes.GithubStatus) -> Content:
    """The connection in one line."""
    match github.state:
        case "connected":
            parts = [plain(github.account_login or "?", Tone.STRONG, limit=40), plain(github.mode, limit=20)]
            if github.rate is not None:
                parts.append(plain(f"{github.rate.remaining:,} of {github.rate.limit:,} requests left", Tone.DIM))
            return join(plain("● GitHub ", Tone.GOOD), plain(" · ", Tone.DIM).join(parts))
        case "reconnect":
            return plain("▲ GitHub must be connected again", Tone.WARN)
        case "registered":
            return join(plain("○ GitHub ", Tone.BUSY), plain("App registered, no account yet"))
        case _:
            return join(plain("○ GitHub ", Tone.BUSY), plain("not connected"))


def _missing(github: shapes.GithubStatus) -> Content:
    match github.state:
        case "unconfigured":
            return keyed("private repositories need it: *ctrl+g* connects")
        case "registered" | "reconnect":
            return keyed("*ctrl+g* connects")
        case _:
            pass
    suspended = sum(one.suspended for one in github.installations)
    if suspended:
        told = f"▲ {counted(suspended, 'installation')} suspended: "
    elif any(one.missing_permissions for one in github.installations):
        told = "▲ permissions missing: "
    elif not github.installations:
        told = "▲ installed on no account: "
    else:
        return Content("")
    return join(plain(told, Tone.WARN), keyed("*ctrl+g* shows it"))

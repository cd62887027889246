"""Doctor: what the box finds out about itself, why each finding matters, and what mends it."""

from __future__ import annotations

from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.core.figures import counted
from nanoscale_box.tui import ways
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain, tone_of
from nanoscale_box.tui.screens.base import BoxScreen, why
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.tui.widgets.told import Told
from nanoscale_box.tui.words import advised, state
from nanoscale_box.wire import shapes

_WORDS: Final = {"ok": "ok", "warn": "warn", "fail": "failed", "skip": "skipped"}
_ORDER: Final = ("fail", "warn", "ok", "skip")
_ASKING: Final = plain("◐ the doctor is looking …", Tone.BUSY)


class DoctorScreen(BoxScreen):
    """Findings, the worst first; beneath them the one under the cursor in full."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("r", "look", "look again", id="doctor.look"),
        Binding("f", "fix", "mend", id="doctor.fix"),
        Binding("y", "copy_fix", "copy what mends it", id="doctor.copy"),
        Binding("escape", "back", "back"),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.title_bar.where = plain("Doctor", Tone.STRONG)
        self.findings: ListPane[shapes.Finding] = ListPane(
            Content("Findings"),
            _columns(),
            key=lambda one: f"{one.code} {one.title}",
            words=lambda one: f"{one.code} {one.status} {one.title} {one.why}",
            sorting="the worst first",
            empty=_ASKING,
            id="findings",
        )
        self.detail = Told(classes="finding")

    def body(self) -> ComposeResult:
        """The list, and one of it in full."""
        yield self.findings
        yield self.detail

    def on_mount(self) -> None:
        """Look at once."""
        super().on_mount()
        self.action_look()

    def offers(self, action: str) -> bool:
        """A finding opens nothing; its remedy is copied where it has one."""
        one = self.findings.rows.current
        match action:
            case "choose":
                return False
            case "copy_fix":
                return one is not None and bool(one.fix)
            case _:
                return True

    def action_look(self) -> None:
        """Ask again."""
        self.run_worker(self._look(), group="doctor", exclusive=True)

    def action_fix(self) -> None:
        """Have mended what can be without harm."""
        if self.may_change():
            self.act(self._fix(), "mending", ways.FIX)

    def action_copy_fix(self) -> None:
        """Take along what mends the finding under the cursor."""
        one = self.findings.rows.current
        if one is not None and one.fix:
            self.copy(one.fix, "What mends it")

    def action_back(self) -> None:
        """Where one came from."""
        self.dismiss()

    @on(Rows.Moved)
    def moved(self) -> None:
        """Another finding."""
        self._tell()

    async def _look(self) -> None:
        self.findings.say_empty(_ASKING)
        try:
            self._show(await self.desk.box.doctor())
        except (ApiError, Unreachable) as failed:
            self.findings.show([])
            self.findings.say_empty(plain(f"✕ {advised(*why(failed))}", Tone.BAD))

    async def _fix(self) -> str:
        before = {one.code for one in self.findings.rows.items if one.status in {"warn", "fail"}}
        found = await self.desk.box.doctor(fix=True)
        self._show(found)
        left = {one.code for one in found.findings if one.status in {"warn", "fail"}}
        mended = len(before - left)
        return (
            f"{counted(mended, 'finding')} mended, {len(left)} left" if mended else "Nothing could be mended from here"
        )

    def _show(self, found: shapes.Doctor) -> None:
        if self.is_attached:
            self.findings.show(sorted(found.findings, key=lambda one: _rank(one.status)))
            if self.focused is None:
                self.findings.focus_list()
            self._tell()

    def _tell(self) -> None:
        self.refresh_bindings()
        one = self.findings.rows.current
        if one is None:
            self.detail.say(Content(""))
            return
        lines = [plain(one.why)]
        if one.fix:
            how = keyed("   *f* mends it.") if one.fixable and one.status in {"warn", "fail"} else ""
            # First, since a long reason is cut.
            lines.insert(0, join(plain("mend it: ", Tone.DIM), plain(one.fix, Tone.KEY, limit=120), how))
        self.detail.say(Content("\n").join(lines))


def _rank(status: str) -> int:
    return _ORDER.index(status) if status in _ORDER else len(_ORDER)


def _columns() -> list[Column[shapes.Finding]]:
    def stands(one: shapes.Finding) -> Content:
        word = state(_WORDS.get(one.status, one.status))
        return plain(word, tone_of(word))

    return [
        Column(title="State", cell=stands, least=8, most=12),
        Column(title="What", cell=lambda one: plain(one.title), least=20, grow=1),
        Column(title="Code", cell=lambda one: plain(one.code, Tone.DIM), least=10, most=30, above=90),
    ]

"""A project's settings, one a row, each changed where it stands; beneath them what cannot be undone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from textual import on
from textual.content import Content

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui import ways
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.draft import found_in
from nanoscale_box.tui.knobs import KNOBS, Kind, Knob, change_to, shown, value_of, words_for
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.screens.ask import Ask
from nanoscale_box.tui.screens.base import BoxScreen, say
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.wire import shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A setting, or something to do: `action` is one of the screen's."""

    label: str
    value: str
    otherwise: str = ""
    knob: Knob | None = None
    action: str = ""
    about: str = ""


class SettingsPane(ListPane[Row]):
    """The pane of a project's screen: enter changes what is under the cursor."""

    def __init__(self, desk: Desk, project_id: str) -> None:
        super().__init__(
            Content("5 Settings"),
            _columns(),
            key=lambda row: row.label,
            words=lambda row: f"{row.label} {row.value} {row.otherwise} {row.about}",
            sorting="enter changes",
            empty=Content(""),
            id="settings",
        )
        self._desk = desk
        self._project_id = project_id
        self._detected: dict[str, str] = {}

    def load(self) -> None:
        """Ask what the box would do where nothing is told."""
        self.run_worker(self._load(), group="plan", exclusive=True)

    async def _load(self) -> None:
        try:
            plan = await self._desk.box.plan(self._project_id)
        except (ApiError, Unreachable):
            return  # nothing was fetched yet, say; the defaults stay in words
        self._detected = detected(plan)
        project = self._desk.model.projects.get(self._project_id)
        if project is not None and self.is_attached:
            self.renew(project)

    def renew(self, project: shapes.Project) -> None:
        """Show the settings as they are now."""
        rows = [
            Row(
                label=one.label, value=shown(one, project), knob=one, about=one.about,
                otherwise=self._detected.get(one.field, one.otherwise),
            )
            for one in KNOBS
        ]  # fmt: skip
        self.show([*rows, *_deeds(project)])

    @on(Rows.Chosen)
    def chosen(self, event: Rows.Chosen) -> None:
        """Change it, or do it."""
        event.stop()
        row, project = self.rows.current, self._desk.model.projects.get(self._project_id)
        stage = cast("BoxScreen", self.screen)
        if row is None or project is None or not stage.may_change():
            return
        if row.knob is None:
            self.run_worker(stage.run_action(row.action))
        elif row.knob.field == "paused":
            self.run_worker(stage.run_action("resume" if project.paused else "pause"))
        elif row.knob.kind is Kind.SWITCH:
            other = "no" if value_of(row.knob, project) == "yes" else "yes"
            way = ways.change(project, words_for(row.knob, other))
            stage.act(self._switch(project, row.knob, other), f"changing {row.label.lower()}", way)
        else:
            self._ask(project, row.knob)

    def _ask(self, project: shapes.Project, knob: Knob) -> None:
        otherwise = f" Empty: {knob.otherwise}." if knob.otherwise else ""
        about = plain(f"{knob.about}{otherwise}")

        async def take(text: str) -> None:
            await self._change(project, knob, text)

        def taken(text: str | None) -> None:
            if text is not None:
                stage = cast("BoxScreen", self.screen)
                said = _told(project, knob)
                say(stage, said)
                stage.keep(said, ways.change(project, words_for(knob, text)))

        title = join(plain(knob.label), " of ", plain(project.name, limit=40))
        self.app.push_screen(Ask(title, about, value_of(knob, project), take), taken)

    async def _switch(self, project: shapes.Project, knob: Knob, value: str) -> str:
        await self._change(project, knob, value)
        return f"{knob.label} of {project.name}: {value}"

    async def _change(self, project: shapes.Project, knob: Knob, text: str) -> None:
        changed = await self._desk.box.change_project(project.id, change_to(knob, text))
        self._desk.model.projects[project.id] = changed
        if self.is_attached:
            self.renew(changed)


def detected(plan: shapes.PlanPreview) -> dict[str, str]:
    """What holds where nothing is told, by the field that would change it."""
    where = dict.fromkeys(plan.in_file, "nanoscale.toml")
    found = {
        field: f"{text} ({where.get(field, f'{plan.kind}, detected')})"
        for field, text in found_in(plan).items()
        if text
    }
    return found | ({} if "health_path" in where else {"health_path": plan.health_path})


def _told(project: shapes.Project, knob: Knob) -> str:
    if knob.field in {"domains", "name"}:
        return f"{knob.label} of {project.name} is changed"
    return f"{knob.label} of {project.name} is changed; d deploys with it"


def _deeds(project: shapes.Project) -> list[Row]:
    return [
        Row(
            label="Clear caches and deploy", value="", action="deploy_clean",
            about="the next build begins from nothing, which takes longer",
        ),
        Row(
            label="Delete project", value="", action="delete",
            about=f"stops {project.name} and removes all it has here; asks for its name",
        ),
    ]  # fmt: skip


def _columns() -> list[Column[Row]]:
    def label(row: Row) -> Content:
        if row.action == "delete":
            return plain(f"✕ {row.label}", Tone.BAD)
        return plain(row.label, Tone.NORMAL if row.knob else Tone.KEY)

    def value(row: Row) -> Content:
        if row.knob is None:
            return plain(row.about, Tone.DIM)
        return plain(row.value, Tone.STRONG) if row.value else plain(row.otherwise, Tone.DIM)

    return [
        Column(title="Setting", cell=label, least=14, most=24),
        Column(title="Value", cell=value, least=16, grow=2),
        Column(
            title="What it does", cell=lambda row: plain(row.about if row.knob else "", Tone.DIM),
            least=20, grow=3, above=90,
        ),
    ]  # fmt: skip

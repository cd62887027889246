"""A project's environment: which variables are set and since when; their values go in and never come out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, cast

from textual import on
from textual.binding import Binding, BindingType
from textual.content import Content

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.core.figures import counted
from nanoscale_box.tui import ways
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain
from nanoscale_box.tui.screens.ask import MASK, AskVariables
from nanoscale_box.tui.screens.base import BoxScreen, why
from nanoscale_box.tui.screens.confirm import Confirm
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.tui.words import advised, ago, clock
from nanoscale_box.wire import requests, shapes

_NONE = keyed("No variable is set. *a* sets some: type them, or paste a .env.")


class EnvironmentPane(ListPane[shapes.EnvEntry]):
    """The pane of a project's screen; `load` asks the box anew."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("a", "set_variables", "set variables", id="env.set"),
        Binding("x", "unset", "unset", id="env.unset"),
    ]

    def __init__(self, desk: Desk, project_id: str) -> None:
        super().__init__(
            Content("4 Environment"),
            _columns(desk),
            key=lambda one: one.key,
            words=lambda one: one.key,
            sorting="by name",
            empty=plain("◐ asking the box …", Tone.BUSY),
            id="env",
        )
        self._desk = desk
        self._project_id = project_id

    def load(self) -> None:
        """Ask for the names."""
        self.run_worker(self._load(), group="env", exclusive=True)

    @on(Rows.Chosen)
    def chosen(self, event: Rows.Chosen) -> None:
        """A variable is set anew."""
        event.stop()
        self.action_set_variables()

    def action_set_variables(self) -> None:
        """Gather variables, then set them beside those there are."""
        project = self._project()
        if project is None or not self._stage.may_change():
            return

        def gathered(wanted: dict[str, str] | None) -> None:
            if wanted:
                way = ways.set_env(project, wanted)
                self._stage.act(self._set(project, wanted), "setting variables", way)

        about = Content("Others keep their values. The next deployment uses them.")
        self.app.push_screen(AskVariables(join("Variables of ", plain(project.name, limit=40)), about), gathered)

    def action_unset(self) -> None:
        """Remove the variable under the cursor, after asking."""
        project, chosen = self._project(), self.rows.current
        if project is None or chosen is None or not self._stage.may_change():
            return

        def answered(wanted: bool | None) -> None:
            if wanted:
                way = ways.unset_env(project, chosen.key)
                self._stage.act(self._unset(project, chosen.key), f"unsetting {chosen.key}", way)

        body = Content("Its value is forgotten. The app has it until the next deployment.")
        self.app.push_screen(Confirm(join("Unset ", plain(chosen.key, limit=40)), body, "Unset"), answered)

    @property
    def _stage(self) -> BoxScreen:
        return cast("BoxScreen", self.screen)

    def _project(self) -> shapes.Project | None:
        return self._desk.model.projects.get(self._project_id)

    async def _load(self) -> None:
        try:
            found = await self._desk.box.env(self._project_id)
        except (ApiError, Unreachable) as failed:
            self.say_empty(plain(f"✕ {advised(*why(failed))}", Tone.BAD))
            return
        self.say_empty(_NONE)
        self.show(sorted(found, key=lambda one: one.key))

    async def _set(self, project: shapes.Project, wanted: Mapping[str, str]) -> str:
        there = [one.key for one in await self._desk.box.env(project.id) if one.key not in wanted]
        await self._replace(project, {**dict.fromkeys(there), **wanted})
        return f"{counted(len(wanted), 'variable')} set; d deploys, so that the app has them"

    async def _unset(self, project: shapes.Project, key: str) -> str:
        there = [one.key for one in await self._desk.box.env(project.id) if one.key != key]
        await self._replace(project, dict.fromkeys(there))
        return f"{key} is unset; d deploys, so that the app loses it"

    async def _replace(self, project: shapes.Project, wanted: Mapping[str, str | None]) -> None:
        variables = [requests.KeepOrSet(key=key, value=value) for key, value in wanted.items()]
        found = await self._desk.box.replace_env(project.id, variables)
        if self.is_attached:
            self.show(sorted(found, key=lambda one: one.key))


def _columns(desk: Desk) -> list[Column[shapes.EnvEntry]]:
    def when(one: shapes.EnvEntry) -> Content:
        return plain(f"{ago(one.updated_at, desk.now())}, {clock(one.updated_at)}", Tone.DIM)

    return [
        Column(title="Name", cell=lambda one: plain(one.key, Tone.STRONG), least=12, most=40),
        Column(title="Value", cell=lambda one: plain(MASK, Tone.DIM), least=8),
        Column(title="Set", cell=when, least=10, grow=1),
    ]

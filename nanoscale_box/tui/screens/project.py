"""One project: what runs, its deployments, what they printed, and what became of its pushes."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content

from nanoscale_box.client import ApiError, Disconnected, Reconnected, Unreachable
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.screens.base import say, why
from nanoscale_box.tui.screens.environment import EnvironmentPane
from nanoscale_box.tui.screens.settings_pane import SettingsPane
from nanoscale_box.tui.screens.steering import Steering
from nanoscale_box.tui.widgets.deployments import deployment_columns, deployment_words, outcome, overview
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.log_pane import LogFrame, LogPane
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.tui.widgets.told import Told
from nanoscale_box.tui.widgets.verdicts import verdict_columns, verdict_words
from nanoscale_box.tui.words import CANCELLABLE, advised
from nanoscale_box.wire import shapes

_TAIL: Final = 2_000
_SETTLE: Final = 0.12
"""Seconds the cursor rests on a deployment before its log is asked for, so that running through a list asks once."""
_FOLLOWED: Final = plain("◐ follows", Tone.BUSY)
_ENDED: Final = plain("ended", Tone.DIM)


class ProjectScreen(Steering):
    """Deployments, log, why, environment and settings; `1` to `5` reach them."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("c", "cancel", "cancel", id="project.cancel"),
        Binding("b", "roll_back", "roll back", id="project.rollback"),
        Binding("r", "resume", "resume", id="project.resume"),
        Binding("l", "kind", "other log", id="project.log"),
        Binding("w", "why", "why", id="project.why"),
        Binding("Y", "copy_sha", "copy the commit", show=False, id="project.copy_sha"),
        Binding("1", "pane('deployments')", "go to deployments", show=False),
        Binding("2", "pane('log')", "go to the log", show=False),
        Binding("3", "pane('why')", "go to why", show=False),
        Binding("4", "pane('env')", "go to the environment", show=False),
        Binding("5", "pane('settings')", "go to the settings", show=False),
        Binding("e", "pane('env')", "env", id="project.env"),
        Binding("s", "pane('settings')", "settings", id="project.settings"),
        Binding("escape", "back", "back"),
    ]

    def __init__(self, desk: Desk, project_id: str, pane: str = "deployments") -> None:
        super().__init__(desk)
        self.project_id = project_id
        self._pane = pane
        self._kind = "run" if pane == "log" else "build"
        self._shown: tuple[str, str] | None = None
        self._offered: dict[str, bool] = {}
        self.overview = Told(classes="overview")
        self.outcome = Told(classes="detail")
        self.deployments: ListPane[shapes.Deployment] = ListPane(
            Content("1 Deployments"),
            deployment_columns(desk),
            key=lambda deployment: deployment.id,
            words=deployment_words,
            sorting="newest first",
            empty=plain("Nothing was deployed yet.", Tone.DIM),
            at_top=True,
            id="deployments",
        )
        self.why: ListPane[shapes.Verdict] = ListPane(
            Content("3 Why"),
            verdict_columns(desk, with_project=False),
            key=lambda verdict: verdict.id,
            words=verdict_words,
            sorting="newest first",
            empty=plain("Nothing was pushed yet.", Tone.DIM),
            at_top=True,
            id="why",
        )
        self.log_pane = LogPane()
        self.log_frame = LogFrame(self.log_pane, id="log")
        self.env = EnvironmentPane(desk, project_id)
        self.settings = SettingsPane(desk, project_id)

    def body(self) -> ComposeResult:
        """The overview, and beneath or beside each other the panes."""
        yield self.overview
        with Horizontal(id="panes"):
            with Vertical(id="left"):
                yield self.deployments
                yield self.why
                yield self.env
                yield self.settings
                yield self.outcome
            yield self.log_frame

    def on_mount(self) -> None:
        """Ask for the history, and stand in the pane that was asked for."""
        self.desk.feed.open(self.project_id)
        super().on_mount()
        self.action_pane(self._pane)

    def in_hand(self) -> shapes.Project | None:
        """This one."""
        return self.desk.model.projects.get(self.project_id)

    def target(self, project: shapes.Project) -> shapes.Deployment | None:
        """The one under the cursor, if it ran once."""
        chosen = self.deployments.rows.current
        return chosen if chosen is not None and chosen.state == "retired" else None

    def to_cancel(self, project: shapes.Project) -> shapes.Deployment | None:
        """The one under the cursor if it is under way, else the latest."""
        chosen = self.deployments.rows.current
        return chosen if chosen is not None and chosen.state in CANCELLABLE else project.latest

    def offers(self, action: str) -> bool:
        """Cancel only what is under way, go back only from what was left, resume only what is paused."""
        project, chosen = self.in_hand(), self.deployments.rows.current
        match action:
            case "cancel":
                return chosen is not None and chosen.state in CANCELLABLE
            case "roll_back":
                back = any(one.state == "retired" for one in self.deployments.rows.items)
                return chosen is not None and (chosen.state == "retired" or (chosen.state == "live" and back))
            case "resume":
                return project is not None and project.paused
            case _:
                return True

    def renew(self) -> None:
        """Show the model; a project that is gone takes its screen along."""
        project = self.in_hand()
        if project is None:
            if self.desk.model.loaded and self.is_current:
                self.dismiss()
            return
        self.title_bar.where = plain(project.name, Tone.STRONG, limit=60)
        history = self.desk.model.histories.get(self.project_id)
        if history is not None:
            self.deployments.show(history.deployments)
            self.why.show(history.verdicts)
        self.settings.renew(project)
        self._tell()

    def tick(self) -> None:
        """Times grow older."""
        self.deployments.rows.tick()
        self.why.rows.tick()
        self._tell()

    @on(Rows.Moved)
    def moved(self, event: Rows.Moved) -> None:
        """Another deployment: its log, and how it went."""
        self._tell()

    @on(Rows.Chosen)
    def chosen(self, event: Rows.Chosen) -> None:
        """From a deployment into its log, from a verdict to its deployment."""
        if event.rows is self.deployments.rows:
            self.log_pane.focus()
            return
        verdict = self.why.rows.current
        wanted = verdict.deployment_id if verdict else None
        places = [at for at, one in enumerate(self.deployments.rows.items) if one.id == wanted]
        if places:
            self.action_pane("deployments")
            self.deployments.rows.cursor = places[0]
            self._tell()
        else:
            say(self, "Nothing was deployed for this push")

    def action_pane(self, name: str) -> None:
        """Put the keyboard into a pane; those on the left share a place where there is little room."""
        if name == "log":
            self.log_pane.focus()
            return
        for other in ("why", "env", "settings"):
            self.set_class(name == other, f"-{other}")
        if name == "env":
            self.env.load()
        if name == "settings":
            self.settings.load()
        self.query_one(f"#{name}", ListPane).focus_list()

    def action_why(self) -> None:
        """What became of each push, and back to the deployments."""
        self.action_pane("deployments" if self.has_class("-why") else "why")

    def action_kind(self) -> None:
        """The other log of the same deployment."""
        self._kind = "run" if self._kind == "build" else "build"
        self._tell()

    def action_copy_sha(self) -> None:
        """Take the commit under the cursor along."""
        chosen = self.deployments.rows.current
        if chosen is not None and chosen.sha:
            self.copy(chosen.sha, "Commit")

    def action_back(self) -> None:
        """Home."""
        self.dismiss()

    def _tell(self) -> None:
        project, chosen = self.in_hand(), self.deployments.rows.current
        if project is None:
            return
        self.overview.say(overview(project, self.desk.now(), self.desk.model.usage.get(project.id)))
        self.outcome.say(outcome(chosen, self.desk.now()) if chosen else Content(""))
        offered = {action: self.offers(action) for action in ("cancel", "roll_back", "resume")}
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
        wanted = (chosen.id, self._kind) if chosen else None
        if chosen is not None and wanted != self._shown:
            self._shown = wanted
            self.run_worker(self._follow(chosen, self._kind), group="log", exclusive=True)

    async def _follow(self, deployment: shapes.Deployment, kind: str) -> None:
        """Read a log until it ends or another one is wanted."""
        pane = self.log_pane
        name = join("2 ", plain(f"{kind.capitalize()} log of #{deployment.number}"))
        pane.begin(name, plain("◐ asking", Tone.BUSY))
        await asyncio.sleep(_SETTLE)
        pane.stand(_FOLLOWED)
        lines = self.desk.box.deployment_log(deployment.id, kind=kind, tail=_TAIL)
        try:
            async with aclosing(lines) as stream:  # type: ignore[type-var] # always a generator
                async for line in stream:
                    self._take(line)
        except (ApiError, Unreachable) as failed:
            sentence, hint = why(failed)
            pane.write(f"✕ {advised(sentence, hint)}", Tone.BAD)
        pane.stand(_ENDED)

    def _take(self, line: shapes.LogLine | Disconnected | Reconnected) -> None:
        match line:
            case shapes.LogLine():
                self.log_pane.write(line.text)
            case Disconnected():
                self.log_pane.stand(plain("▲ the box is away", Tone.WARN))
            case Reconnected():
                self.log_pane.stand(_FOLLOWED)

"""Home: every project, what became of every push, and how the box stands."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content

from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.plain import Tone, join, keyed, plain, tone_of
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.tui.screens.steering import Steering
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.gauges import cpu, memory
from nanoscale_box.tui.widgets.list_pane import ListPane
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.tui.widgets.told import Told
from nanoscale_box.tui.widgets.verdicts import verdict_columns, verdict_words
from nanoscale_box.tui.words import RUNNING, ago, clock, commit, mark, notes, project_word, state, took, trigger
from nanoscale_box.wire import shapes

_WELCOME = Content("\n").join(
    [
        Content.styled("Push to GitHub, and it is live on this machine.", Tone.STRONG.value),
        Content(""),
        keyed("Press *n* to make the first project: any public repository by its address,"),
        keyed("or one of your own, private ones too, once *ctrl+g* has connected GitHub."),
    ]
)
_NEEDS_PROJECT: Final = frozenset(
    {"open_project", "deploy", "cancel", "roll_back", "pause", "resume", "delete", "open", "copy_url"}
)
_ASKING = Content.styled("Asking the box …", Tone.DIM.value)
_QUIET = Content.styled("Nothing was pushed yet. What becomes of each push, and why, will stand here.", Tone.DIM.value)


class HomeScreen(Steering):
    """The first screen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "app.new_project", "new", id="home.new"),
        Binding("l", "open_project('log')", "logs", id="home.logs"),
        Binding("w", "open_project('why')", "why", id="home.why"),
        # Where no list has the keyboard, `g` is not "to the first row".
        Binding("g", "app.github", "GitHub", show=False),
        Binding("ctrl+g", "app.github", "GitHub", id="app.github"),
        Binding("1", "pane('projects')", "go to projects", show=False),
        Binding("2", "pane('activity')", "go to activity", show=False),
    ]

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.projects: ListPane[shapes.Project] = ListPane(
            Content("1 Projects"),
            self._columns(),
            key=lambda project: project.id,
            words=lambda one: f"{one.name} {one.branch} {project_word(one)} {commit(one.live)}",
            sorting="by name",
            empty=_ASKING,
            id="projects",
        )
        self.activity: ListPane[shapes.Verdict] = ListPane(
            Content("2 Activity"),
            verdict_columns(desk, with_project=True),
            key=lambda verdict: verdict.id,
            words=lambda one: f"{desk.model.name_of(one.project_id)} {verdict_words(one)}",
            sorting="newest first",
            empty=_QUIET,
            at_top=True,
            id="activity",
        )
        self.detail = Told(classes="detail")

    def body(self) -> ComposeResult:
        """Projects, a word on the one under the cursor, activity."""
        yield self.projects
        yield self.detail
        yield self.activity

    def in_hand(self) -> shapes.Project | None:
        """The project under the cursor."""
        return self.projects.rows.current

    def renew(self) -> None:
        """Show the model."""
        model = self.desk.model
        empty = not self.projects.rows.items
        if model.loaded:
            self.projects.say_empty(_WELCOME)
        self.projects.show(model.by_name())
        self.activity.show(model.verdicts)
        first_run = model.loaded and not model.projects
        self.set_class(first_run, "-first-run")
        if first_run and self.focused is not None and not self.focused.display:
            self.set_focus(None)
        if empty and model.projects and self.focused is None:
            self.projects.focus_list()
        self._tell()
        self._share_room()
        self.refresh_bindings()

    def on_resize(self) -> None:
        """Share the room."""
        self._share_room()

    def tick(self) -> None:
        """Times grow older."""
        self.projects.rows.tick()
        self.activity.rows.tick()
        self._tell()

    @on(Rows.Moved)
    def moved(self, event: Rows.Moved) -> None:
        """Tell of another project."""
        self._tell()

    @on(Rows.Chosen)
    def chosen(self, event: Rows.Chosen) -> None:
        """Open a project, from the list or from what became of its push."""
        if event.rows is self.projects.rows:
            self.action_open_project("deployments")
        else:
            verdict = self.activity.rows.current
            if verdict is not None and verdict.project_id in self.desk.model.projects:
                self.app.push_screen(ProjectScreen(self.desk, str(verdict.project_id), "why"))

    def action_open_project(self, pane: str) -> None:
        """Open the project under the cursor."""
        if project := self._project():
            self.app.push_screen(ProjectScreen(self.desk, project.id, pane))

    def action_pane(self, name: str) -> None:
        """Put the keyboard into a pane."""
        self.query_one(f"#{name}", ListPane).focus_list()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Without a project there is nothing to steer."""
        return not (action in _NEEDS_PROJECT and self.in_hand() is None)

    def _share_room(self) -> None:
        """Projects take what they need, up to three fifths; activity has the rest."""
        room = max(8, self.size.height * 3 // 5 - 2)
        needed = len(self.projects.rows.items) + 3 if self.projects.rows.items else 9
        self.projects.styles.height = max(6, min(room, needed))

    def _tell(self) -> None:
        project = self.in_hand()
        if project is None:
            self.detail.say(Content(""))
            return
        told = notes(project)
        running = project.latest is not None and project.latest.state in RUNNING
        noted = join(plain("▲ ", Tone.WARN), plain(" · ".join(told)))
        second = noted if told and not running else self._deployed(project)
        self.detail.say(join(plain(project.url, Tone.LINK), "\n", second))

    def _deployed(self, project: shapes.Project) -> Content:
        latest, live = project.latest, project.live
        if latest is not None and latest.state in RUNNING:
            word = state(latest.state)
            so_far = plain(f", {took(latest, self.desk.now())} so far", Tone.DIM) if latest.started_at else ""
            return join(plain(f"{word} #{latest.number} ", tone_of(word)), plain(commit(latest)), so_far)
        if live is None:
            return plain("not deployed yet", Tone.DIM)
        by = f"#{live.number} by {trigger(live.trigger)} in {took(live, self.desk.now())}"
        return plain(f"{by}, {clock(live.finished_at)}", Tone.DIM)

    def _columns(self) -> list[Column[shapes.Project]]:
        now = self.desk.now

        def stands(one: shapes.Project) -> Content:
            word = state(project_word(one))
            return plain(word, tone_of(word))

        def what(one: shapes.Project) -> Content:
            sha, _, subject = commit(one.live or one.latest).partition(" ")
            return join(plain(sha, Tone.DIM), " ", plain(subject))

        def made(one: shapes.Project) -> Content:
            live = one.live
            return plain(f"#{live.number} {trigger(live.trigger)}, {took(live, now())}" if live else "", Tone.DIM)

        def when(one: shapes.Project) -> Content:
            return plain(ago(one.live.finished_at if one.live else None, now()), Tone.DIM)

        def takes(width: int) -> Callable[[shapes.Project], Content]:
            return lambda one: cpu(self.desk.model.usage.get(one.id), width, aligned=True)

        def holds(one: shapes.Project) -> Content:
            return memory(self.desk.model.usage.get(one.id))

        return [
            Column(title="State", cell=stands, least=6, most=12),
            Column(title="Name", cell=lambda one: plain(one.name, Tone.STRONG), least=8, most=24),
            Column(title="Branch", cell=lambda one: plain(one.branch), least=6, most=16, above=88),
            Column(title="Commit", cell=what, least=14, grow=3),
            Column(title="Note", cell=_mark, least=4, most=12, above=66, below=150),
            Column(title="Note", cell=_note, least=10, grow=2, above=150),
            Column(title="CPU", cell=takes(4), least=3, most=10, above=66, below=112),
            Column(title="CPU", cell=takes(12), least=3, most=18, above=112),
            Column(title="Memory", cell=holds, least=6, most=8, above=112),
            Column(title="Deployed", cell=when, least=10),
            Column(title="By", cell=made, least=8, most=24, above=125),
            Column(title="Address", cell=lambda one: plain(one.url, Tone.LINK), least=12, most=40, above=160),
        ]


def _mark(project: shapes.Project) -> Content:
    return plain(mark(project), Tone.WARN)


def _note(project: shapes.Project) -> Content:
    return plain("; ".join(notes(project)), Tone.WARN)

"""A new project: from a repository of the connected account, or from any public one by its address."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Select, Static

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.tui import ways
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.knobs import BUILD
from nanoscale_box.tui.plain import Tone, join, keyed, plain
from nanoscale_box.tui.screens.ask import AskFields, AskVariables
from nanoscale_box.tui.screens.base import BoxScreen, say, why
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.tui.widgets.choice import Choice
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.fields import Field, address, suggested
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.tui.widgets.search_pane import SearchPane
from nanoscale_box.tui.words import advised, count
from nanoscale_box.wire import requests, shapes

_PAGE: Final = 100
_OFFLINE: Final = keyed(
    "GitHub is not connected, so this takes any *public* repository by its address. *ctrl+g* connects your account."
)
# Which field a refusal of the box belongs to.
_FIELDS: Final = {
    "invalid_url": "url", "source_denied": "url", "source_unreachable": "url", "source_refused": "url",
    "invalid_branch": "branch", "branch_missing": "branch", "invalid_name": "name", "name_taken": "name",
}  # fmt: skip


class NewProjectScreen(BoxScreen):
    """Nothing that was typed is lost: both sources keep what they hold."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "deploy", "deploy", priority=True, id="new.deploy"),
        Binding("ctrl+t", "other_source", "other source", priority=True, id="new.source"),
        Binding("f2", "variables", "variables", id="new.variables"),
        Binding("f3", "build", "how it is built", id="new.build"),
        Binding("ctrl+r", "sync", "refresh repositories", show=False, id="new.sync"),
        Binding("escape", "back", "back"),
    ]

    AUTO_FOCUS = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.title_bar.where = Content.styled("New project", Tone.STRONG.value)
        self.repository: shapes.Repository | None = None
        self._connected: bool | None = None
        self._busy = False
        self.choice = Choice([("github", "GitHub repository"), ("manual", "Manual URL")], id="source")
        self.account: Select[int] = Select([], prompt="all accounts", compact=True, id="account")
        self.repositories: SearchPane[shapes.Repository] = SearchPane(
            Content("Repository"),
            _repository_columns(),
            key=lambda one: one.id,
            ask=self._ask_repositories,
            empty=Content.styled("No repository is in scope yet; ctrl+r asks GitHub again.", Tone.DIM.value),
            id="repositories",
        )
        self.branches: SearchPane[shapes.Branch] = SearchPane(
            Content("Branch"),
            _branch_columns(),
            key=lambda one: one.name,
            ask=self._ask_branches,
            empty=Content.styled("enter on a repository lists its branches.", Tone.DIM.value),
            id="branches",
        )
        self.url = Field("Address", placeholder="https://github.com/owner/repository", id="url")
        self.branch = Field("Branch", placeholder="main", id="branch")
        self.name_field = Field("Name", placeholder="chosen for you", id="name")
        self.note = Static(_OFFLINE, classes="note")
        self.problem = Static(classes="problem")
        self.extras = Static(classes="extras")
        self._variables: dict[str, str] = {}
        self._built: dict[str, str] = {}

    def body(self) -> ComposeResult:
        """The two sources, then what both need."""
        with Horizontal(classes="line source"):
            yield Static("Source", classes="label")
            yield self.choice
        with Vertical(id="from-github"):
            with Horizontal(classes="line"):
                yield Static("Account", classes="label")
                yield self.account
            with Horizontal(id="choices"):
                yield self.repositories
                yield self.branches
        with Vertical(id="from-url"):
            yield self.note
            yield self.url
            yield self.branch
        with Vertical(id="common"):
            yield self.name_field
            yield self.extras
            yield self.problem
            with Horizontal(classes="buttons"):
                yield Button("Variables", id="variables", compact=True)
                yield Button("How it is built", id="build", compact=True)
                yield Button("Deploy", id="deploy", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Hear when repositories were refreshed."""
        self.desk.heard.subscribe(self, self.take)
        super().on_mount()
        self._say_name()
        self._say_extras()

    def renew(self) -> None:
        """Fall back to the address when GitHub is not connected, and come forward when it is again."""
        github = self.desk.model.github
        connected = bool(github and github.connected)
        if connected == self._connected:
            return
        first = self._connected is None
        self._connected = connected
        if connected and github is not None:
            accounts = [(plain(one.account_login), one.installation_id) for one in github.installations]
            self.account.set_options(accounts)
            self.repositories.load()
        if connected and not self.url.value:
            self._choose("github")
        elif not connected:
            self._choose("manual")
        if first:
            self.switched()

    def take(self, event: shapes.Event) -> None:
        """Repositories came in."""
        change = event.data.get("change") if event.kind == "github" else None
        if change in {"syncing", "synced"}:
            self.repositories.load()
        elif change == "sync_failed":
            self.notify(plain(str(event.data.get("detail"))).plain, severity="error", markup=False)

    @property
    def source(self) -> str:
        """`github` or `manual`."""
        return self.choice.chosen

    @on(Choice.Changed)
    def switched(self) -> None:
        """Show the chosen source; without a connection only the address is left, and it says why."""
        if self.source == "github" and not self._connected:
            say(self, "GitHub is not connected; ctrl+g connects it")
            self._choose("manual")
            return
        self.query_one("#from-github").display = self.source == "github"
        self.query_one("#from-url").display = self.source == "manual"
        self.note.display = not self._connected
        if self.focused is not self.choice:
            (self.repositories.input if self.source == "github" else self.url.input).focus()
        self._say_name()

    @on(Select.Changed)
    def account_chosen(self) -> None:
        """Other repositories."""
        self.repository = None
        self.branches.clear()
        self.repositories.load()

    @on(Rows.Chosen, "#repositories Rows")
    def repository_chosen(self) -> None:
        """Its branches, and a name after it."""
        chosen = self.repositories.rows.current
        if chosen is not None:
            self._take_repository(chosen)
            self.branches.rows.focus()

    @on(Rows.Chosen, "#branches Rows")
    def branch_chosen(self) -> None:
        """On to the name."""
        self.name_field.input.focus()

    @on(Input.Changed)
    def typed(self) -> None:
        """The name that is proposed follows what is typed; a complaint about the old text is over."""
        for field in (self.url, self.branch, self.name_field):
            field.complain("")
        self.problem.update(Content(""))
        self._say_name()

    @on(Input.Submitted, "#url Input, #branch Input")
    def on_to_the_next(self) -> None:
        """Enter goes on."""
        self.focus_next()

    @on(Input.Submitted, "#name Input")
    @on(Button.Pressed, "#deploy")
    def action_deploy(self) -> None:
        """Make it."""
        asked = self._asked()
        if asked is not None and not self._busy and self.may_change():
            self._busy = True
            self.act(self._create(asked), "making the project")

    @on(Button.Pressed, "#variables")
    def action_variables(self) -> None:
        """Gather variables; those gathered before are still there."""

        def gathered(wanted: dict[str, str] | None) -> None:
            self._variables = self._variables if wanted is None else wanted
            self._say_extras()

        about = Content("The first deployment has them. Values are sealed, and never shown again.")
        self.app.push_screen(AskVariables(Content("Variables"), about, self._variables), gathered)

    @on(Button.Pressed, "#build")
    def action_build(self) -> None:
        """Say how it is built, where the box shall not find out by itself."""

        def told(wanted: dict[str, str] | None) -> None:
            self._built = self._built if wanted is None else wanted
            self._say_extras()

        about = Content("The box looks at the repository and finds out what to run; what stands here goes before that.")
        self.app.push_screen(AskFields(Content("How it is built"), about, BUILD, self._built), told)

    def action_other_source(self) -> None:
        """The other tab."""
        self._choose("manual" if self.source == "github" else "github")

    def action_sync(self) -> None:
        """Ask GitHub for repositories again."""
        if self.may_change():
            self.act(self._sync(), "refreshing repositories", ways.SYNC)

    def action_back(self) -> None:
        """Home."""
        self.dismiss()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Who goes on with tab means the repository under the cursor."""
        beyond = {self.branches.input, self.branches.rows, self.name_field.input}
        current = self.repositories.rows.current
        if self.source == "github" and self.repository is None and current is not None and event.widget in beyond:
            self._take_repository(current)

    def _choose(self, source: str) -> None:
        self.choice.chosen = source

    def _take_repository(self, chosen: shapes.Repository) -> None:
        self.repository = chosen
        self.branches.border_title = join("Branch of ", plain(chosen.name, limit=30))
        self.branches.clear()
        self.branches.load()
        self._say_name()

    async def _ask_repositories(self, query: str, cursor: str | None) -> shapes.Page[shapes.Repository]:
        account = self.account.value if isinstance(self.account.value, int) else None
        return await self.desk.box.repos(installation_id=account, query=query or None, limit=_PAGE, cursor=cursor)

    async def _ask_branches(self, query: str, cursor: str | None) -> shapes.Page[shapes.Branch]:
        if self.repository is None:
            return shapes.Page(items=[])
        return await self.desk.box.branches(self.repository.repo_id, query=query or None, limit=_PAGE, cursor=cursor)

    def _asked(self) -> requests.CreateProject | None:
        """What is asked of the box; None when something is missing, which is then said."""
        name = self.name_field.value or None
        if self.source == "manual":
            if not self.url.value:
                self.url.complain("An address is needed, like https://github.com/owner/repository")
                return None
            branch = self.branch.value or "main"
            return requests.CreateProject(name=name, repo_url=self.url.value, branch=branch, **self._also())
        head = self.branches.rows.current
        if self.repository is None or head is None:
            missing = "a repository" if self.repository is None else "a branch"
            self.problem.update(plain(f"✕ Choose {missing} first.", Tone.BAD))
            return None
        source = requests.GithubSource(
            installation_id=self.repository.installation_id,
            repo_id=self.repository.repo_id,
            selected_branch=head.name,
        )
        return requests.CreateProject(name=name, github_source=source, **self._also())

    def _also(self) -> dict[str, Any]:
        variables = [requests.EnvVar(key=key, value=value) for key, value in self._variables.items()]
        return {"env_vars": variables, **self._built}

    def _say_extras(self) -> None:
        variables = count(len(self._variables), "variable") if self._variables else "none"
        built = ", ".join(f"{name.partition('_')[0]}: {value}" for name, value in self._built.items())
        self.extras.update(
            join(
                plain("Variables".ljust(11), Tone.DIM), plain(variables), plain("  F2", Tone.KEY), "   ",
                plain("Built  ", Tone.DIM), plain(built or "as detected", limit=60), plain("  F3", Tone.KEY),
            )
        )  # fmt: skip

    async def _create(self, asked: requests.CreateProject) -> str:
        try:
            made = await self.desk.box.create_project(asked)
        except (ApiError, Unreachable) as failed:
            self._complain(failed)
            return ""
        finally:
            self._busy = False
        self.desk.model.projects[made.project.id] = made.project
        if self.is_current:
            self.app.switch_screen(ProjectScreen(self.desk, made.project.id))
        return f"{made.project.name} is made and being deployed"

    async def _sync(self) -> str:
        await self.desk.box.sync_repos()
        return ""

    def _complain(self, failed: ApiError | Unreachable) -> None:
        sentence, hint = why(failed)
        place = _FIELDS.get(failed.problem.code, "") if isinstance(failed, ApiError) else ""
        fields = {"name": self.name_field}
        if self.source == "manual":
            fields |= {"url": self.url, "branch": self.branch}
        if place in fields:
            fields[place].complain(advised(sentence, hint))
            fields[place].input.focus()
        else:
            self.problem.update(plain(f"✕ {advised(sentence, hint)}", Tone.BAD))

    def _say_name(self) -> None:
        source = self.repository.name if self.source == "github" and self.repository else ""
        source = self.url.value if self.source == "manual" else source
        proposed = suggested(source, {project.name for project in self.desk.model.projects.values()})
        self.name_field.input.placeholder = proposed or "chosen for you"
        name = self.name_field.value or proposed
        self.name_field.tell(address(name, self.desk.model.projects.values()))


def _repository_columns() -> list[Column[shapes.Repository]]:
    def marks(one: shapes.Repository) -> Content:
        told = [word for word, on_ in (("archived", one.archived), ("disabled", one.disabled)) if on_]
        used = plain("used", Tone.KEY) if one.project_ids else ""
        words = plain(" ".join((["private"] if one.is_private else []) + told), Tone.DIM)
        return join(words, " " if words and used else "", used)

    return [
        Column(title="Repository", cell=lambda one: plain(one.full_name), least=16, grow=1),
        Column(title="", cell=marks, least=12, most=21),
    ]


def _branch_columns() -> list[Column[shapes.Branch]]:
    return [
        Column(title="Branch", cell=lambda one: plain(one.name), least=8, grow=1),
        Column(title="", cell=lambda one: plain("default" if one.default else "", Tone.DIM), least=7),
    ]

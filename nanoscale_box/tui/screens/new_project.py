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
from nanoscale_box.core.figures import counted
from nanoscale_box.tui import ways
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.draft import Draft
from nanoscale_box.tui.plain import Tone, join, keyed, plain
from nanoscale_box.tui.screens.base import BoxScreen, say, why
from nanoscale_box.tui.screens.plan import Planned, PlanScreen, ask_variables
from nanoscale_box.tui.screens.project import ProjectScreen
from nanoscale_box.tui.widgets.choice import Choice
from nanoscale_box.tui.widgets.columns import Column
from nanoscale_box.tui.widgets.fields import Field, address, suggested
from nanoscale_box.tui.widgets.rows import Rows
from nanoscale_box.tui.widgets.search_pane import SearchPane
from nanoscale_box.tui.words import advised
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
        Binding("ctrl+s", "plan", "see the plan", priority=True, id="new.plan"),
        Binding("ctrl+t", "other_source", "other source", priority=True, id="new.source"),
        Binding("f2", "variables", "variables", id="new.variables"),
        Binding("ctrl+r", "sync", "refresh repositories", show=False, id="new.sync"),
        Binding("escape", "back", "back"),
    ]

    AUTO_FOCUS = ""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.title_bar.where = Content.styled("New project", Tone.STRONG.value)
        self.repository: shapes.Repository | None = None
        self._connected: bool | None = None
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
        self.draft = Draft()

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
                yield Button("See the plan", id="plan", variant="primary", compact=True)

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
        self._withdraw()
        self._say_name()

    @on(Input.Submitted, "#url Input, #branch Input")
    def on_to_the_next(self) -> None:
        """Enter goes on."""
        self.focus_next()

    @on(Input.Submitted, "#name Input")
    @on(Button.Pressed, "#plan")
    def action_plan(self) -> None:
        """See what will be built, and go on from there; what the box said before is asked anew."""
        self._withdraw()
        fields = self._asked()
        if fields is None or not self.may_change():
            return
        self.draft.about(fields.get("github_source") or (fields.get("repo_url"), fields.get("branch")))

        def make(told: dict[str, str]) -> requests.CreateProject:
            variables = [requests.EnvVar(key=key, value=value) for key, value in self.draft.variables.items()]
            return requests.CreateProject(**fields, env_vars=variables, **told)  # type: ignore[arg-type]

        planned = Planned(
            source=self._source_words(), make=make, create=self._create, belongs=self._belongs, complain=self._complain
        )
        self.app.push_screen(PlanScreen(self.desk, self.draft, planned), lambda _: self._say_extras())

    @on(Button.Pressed, "#variables")
    def action_variables(self) -> None:
        """Gather variables; those gathered before are still there."""
        ask_variables(self, self.draft, self._say_extras)

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

    def _asked(self) -> dict[str, Any] | None:
        """Name and source as the box is asked; None when something is missing, which is then said."""
        name = self.name_field.value or None
        if self.source == "manual":
            if not self.url.value:
                self.url.complain("An address is needed, like https://github.com/owner/repository")
                self.url.input.focus()
                return None
            return {"name": name, "repo_url": self.url.value, "branch": self.branch.value or "main"}
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
        return {"name": name, "github_source": source}

    def _source_words(self) -> Content:
        """The source, and the address to come."""
        head = self.branches.rows.current
        if self.source == "github" and self.repository is not None and head is not None:
            source, branch = self.repository.full_name, head.name
        else:
            source, branch = self.url.value, self.branch.value or "main"
        name = self.name_field.value or self.name_field.input.placeholder
        place = address(name, self.desk.model.projects.values())
        return join(plain(source, Tone.STRONG, limit=80), plain(f", branch {branch}", limit=60), "\n", place)

    def _say_extras(self) -> None:
        variables = counted(len(self.draft.variables), "variable") if self.draft.variables else "none"
        told = ", ".join(f"{name.partition('_')[0]}: {value or 'none'}" for name, value in self.draft.told().items())
        built = join(plain("   Yours  ", Tone.DIM), plain(told, limit=60)) if told else ""
        self.extras.update(
            join(plain("Variables".ljust(11), Tone.DIM), plain(variables), plain("  F2", Tone.KEY), built)
        )

    async def _create(self, asked: requests.CreateProject) -> str:
        made = await self.desk.box.create_project(asked)
        self.desk.model.projects[made.project.id] = made.project
        if isinstance(self.app.screen, PlanScreen):
            self.app.pop_screen()
        if self.is_current:
            self.app.switch_screen(ProjectScreen(self.desk, made.project.id))
        return f"{made.project.name} is made and being deployed"

    async def _sync(self) -> str:
        await self.desk.box.sync_repos()
        return ""

    def _place(self, failed: ApiError | Unreachable) -> Field | None:
        """The field that a failure is about, if one that is in sight is."""
        place = _FIELDS.get(failed.problem.code, "") if isinstance(failed, ApiError) else ""
        fields = {"name": self.name_field}
        if self.source == "manual":
            fields |= {"url": self.url, "branch": self.branch}
        return fields.get(place)

    def _belongs(self, failed: ApiError | Unreachable) -> bool:
        return self._place(failed) is not None

    def _withdraw(self) -> None:
        """Nothing is wrong, as far as is known."""
        for field in (self.url, self.branch, self.name_field):
            field.complain("")
        self.problem.update(Content(""))

    def _complain(self, failed: ApiError | Unreachable) -> None:
        field = self._place(failed)
        if field is not None:
            field.complain(advised(*why(failed)))
            field.input.focus()

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

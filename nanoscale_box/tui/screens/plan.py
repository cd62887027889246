"""What the box would build of a project that is not made yet: shown, and changed, before anything runs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar, Final

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Static

from nanoscale_box.client import ApiError, Unreachable
from nanoscale_box.core.figures import counted
from nanoscale_box.tui.desk import Desk
from nanoscale_box.tui.draft import Draft
from nanoscale_box.tui.knobs import PLAN
from nanoscale_box.tui.plain import Tone, join, keyed, plain
from nanoscale_box.tui.screens.ask import AskVariables
from nanoscale_box.tui.screens.base import BoxScreen, say, why
from nanoscale_box.tui.widgets.fields import Field
from nanoscale_box.tui.widgets.told import Told
from nanoscale_box.tui.words import advised, lasted
from nanoscale_box.wire import requests, shapes

Failure = ApiError | Unreachable
_OTHERWISE: Final = {knob.field: knob.otherwise for knob in PLAN}


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a plan is made for, and who takes over from it."""

    source: Content
    """Where the files come from, and where the app will answer."""
    make: Callable[[dict[str, str]], requests.CreateProject]
    """The request, with what is told of the plan."""
    create: Callable[[requests.CreateProject], Awaitable[str]]
    belongs: Callable[[Failure], bool]
    """Whether a failure is about something that was typed before."""
    complain: Callable[[Failure], None]
    """Say such a failure where it was typed."""


class PlanScreen(BoxScreen):
    """Looks by itself; what was typed in the draft stays, however often it looks."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "deploy", "deploy", priority=True, id="new.deploy"),
        Binding("f5,ctrl+r", "look", "look again", id="new.look"),
        Binding("f4", "as_found", "as detected", id="new.detected"),
        Binding("f2", "variables", "variables", id="new.variables"),
        Binding("escape", "back", "back"),
    ]
    AUTO_FOCUS = ""

    def __init__(self, desk: Desk, draft: Draft, planned: Planned) -> None:
        super().__init__(desk)
        self.title_bar.where = Content.styled("New project / plan", Tone.STRONG.value)
        self.draft = draft
        self._planned = planned
        self._began: datetime | None = None
        self._heard = ""
        self._failed: Content | None = None
        self._busy = False
        self.head = Told(id="found")
        self.fields = {knob.field: Field(knob.label, placeholder=knob.otherwise, id=knob.field) for knob in PLAN}
        self.variables_line = Told(classes="extras")
        self.problem = Static(classes="problem")

    def body(self) -> ComposeResult:
        """What was found, then each part of it."""
        yield self.head
        with VerticalScroll(id="parts", can_focus=False):
            yield from self.fields.values()
            yield self.variables_line
        with Vertical(id="plan-end"):
            yield self.problem
            with Horizontal(classes="buttons"):
                yield Button("Look again", id="look", compact=True)
                yield Button("Variables", id="variables", compact=True)
                yield Button("Deploy", id="deploy", variant="primary", compact=True)

    def on_mount(self) -> None:
        """Show what is known, and look where that is not enough."""
        super().on_mount()
        self._fill()
        if self.draft.fresh:
            self.query_one("#deploy").focus()
        else:
            self.action_look()

    def tick(self) -> None:
        """The time it takes grows."""
        self._tell()

    @on(Input.Changed)
    def typed(self) -> None:
        """Keep it; a complaint about what stood there before is over."""
        if self._keep():
            self.problem.update(Content(""))
        self._tell()

    @on(Input.Submitted)
    def on_to_the_next(self) -> None:
        """Enter goes on."""
        self.focus_next()

    @on(Button.Pressed, "#look")
    def action_look(self) -> None:
        """Fetch the source and find out."""
        self._keep()
        if self._began is None:
            self._began, self._failed, self._heard = self.desk.now(), None, ""
            self.run_worker(self._look(self.draft.told()), group="look", exclusive=True)
        self._tell()

    def action_as_found(self) -> None:
        """Leave the field with the keyboard to the box again."""
        for name, field in self.fields.items():
            if field.input.has_focus:
                field.input.value = self.draft.found(name)

    @on(Button.Pressed, "#variables")
    def action_variables(self) -> None:
        """Gather variables; those gathered before are still there."""
        ask_variables(self, self.draft, self._tell)

    @on(Button.Pressed, "#deploy")
    def action_deploy(self) -> None:
        """Make it as it stands here; where the box has not looked yet, look first."""
        if self._busy or not self.may_change():
            return
        self._keep()
        if self._began is not None:
            say(self, "The box still looks; ctrl+s deploys once the plan is here")
        elif not self.draft.ready:
            say(self, "The box looks again first; ctrl+s deploys then")
            self.action_look()
        else:
            self._busy = True
            self.act(self._create(), "making the project")

    def action_back(self) -> None:
        """To the source; what is typed here stays."""
        self._keep()
        self.dismiss()

    def _keep(self) -> bool:
        """Keep what stands in the fields now, whether or not Textual has told of it yet; whether something is new."""
        new = [name for name, field in self.fields.items() if field.value != self.draft.value(name)]
        for name in new:
            self.draft.hold(name, self.fields[name].value)
        return bool(new)

    async def _look(self, told: dict[str, str]) -> None:
        try:
            plan = await self.desk.box.plan_anew(self._planned.make(told), self._hear)
        except (ApiError, Unreachable) as failed:
            self._take_failure(failed)
        else:
            self._keep()
            self.draft.take(plan, told)
        finally:
            self._began = None
        self._fill()
        if self.focused is None and self.is_current:
            self.query_one("#deploy" if self.draft.plan else "#root_directory Input").focus()

    def _hear(self, said: str) -> None:
        self._heard = said
        self._tell()

    async def _create(self) -> str:
        try:
            return await self._planned.create(self._planned.make(self.draft.told()))
        except (ApiError, Unreachable) as failed:
            self._take_failure(failed)
            self._tell()
            return ""
        finally:
            self._busy = False

    def _take_failure(self, failed: Failure) -> None:
        if self._began is not None:
            self.draft.lost()
        if self._planned.belongs(failed) and self.is_current:
            self.dismiss()
            self._planned.complain(failed)
            return
        told = plain(f"✕ {advised(*why(failed))}", Tone.BAD)
        if self._began is None:
            self.problem.update(told)
        else:
            self._failed = told

    def _fill(self) -> None:
        """Put what the draft has into the fields."""
        for name, field in self.fields.items():
            with field.input.prevent(Input.Changed):
                if field.value != self.draft.value(name):
                    field.input.value = self.draft.value(name)
            field.input.disabled = self.draft.in_file(name)
        self._tell()

    def _tell(self) -> None:
        self.head.say(join(self._planned.source, "\n", self._standing()))
        for name, field in self.fields.items():
            field.tell(self._beneath(name))
            field.input.placeholder = self._if_empty(name)
        number = len(self.draft.variables)
        told = counted(number, "variable") if number else "none"
        self.variables_line.say(
            join(plain("Variables".ljust(13), Tone.DIM), plain(told), plain("  F2", Tone.KEY), plain(" sets some"))
        )

    def _if_empty(self, name: str) -> str:
        if self.draft.plan is None or name == "root_directory":
            return _OTHERWISE[name]
        return "as detected" if self.draft.found(name) and not self.draft.changed(name) else "none"

    def _standing(self) -> Content:
        if self._began is not None:
            seconds = (self.desk.now() - self._began).total_seconds()
            busy = plain(f"◐ fetching the source and looking … {lasted(seconds) if seconds >= 1 else ''}", Tone.BUSY)
            return join(busy, "\n", plain(f"  {self._heard}", Tone.DIM, limit=100)) if self._heard else busy
        if self._failed is not None:
            return join(self._failed, "\n", keyed("Set what is missing below, then *F5* looks again."))
        plan = self.draft.plan
        return plan_words(plan, fresh=self.draft.fresh) if plan else keyed("*F5* looks what can be built.")

    def _beneath(self, name: str) -> Content:
        """What stands beneath a field, where there is something to say."""
        if self.draft.in_file(name):
            return plain("nanoscale.toml in the repository says so.", Tone.DIM)
        if not self.draft.changed(name):
            return Content("")
        emptied = "" if self.draft.value(name) else "none; "
        found = self.draft.found(name)
        told = f"{emptied}detected: {found}" if found else f"{emptied}yours; nothing is detected"
        return join(plain(told, Tone.DIM, limit=120), keyed("  *F4* takes it back") if found else "")


def plan_words(plan: shapes.PlanPreview, *, fresh: bool) -> Content:
    """What kind of app it is and by what, what runs beside it, and what this machine lacks for it."""
    lines = [join(plain(f"● {plan.kind}", Tone.GOOD, limit=30), plain(f"  {plan.why}", Tone.DIM))]
    known = {knob.field for knob in PLAN}
    beside = [one for one in plan.commands if f"{one.name}_command" not in known]
    lines += [plain(f"  beside it runs {one.name}: {one.command}", Tone.DIM) for one in beside]
    if plan.missing:
        lacks = ", ".join(plan.missing)
        lines += [
            plain(f"▲ This machine lacks {lacks}, so a deployment would fail.", Tone.WARN),
            keyed("  Install it, or change the commands below; *F5* looks again."),
        ]
    elif not fresh:
        lines.append(keyed("  Changed since the box looked; *F5* looks what it needs."))
    return Content("\n").join(lines)


def ask_variables(screen: BoxScreen, draft: Draft, then: Callable[[], None]) -> None:
    """Gather the variables of the first deployment; `then` is called with them kept, or left as they were."""

    def gathered(wanted: dict[str, str] | None) -> None:
        draft.variables = draft.variables if wanted is None else wanted
        then()

    about = Content("The first deployment has them. Values are sealed, and never shown again.")
    screen.app.push_screen(AskVariables(Content("Variables"), about, draft.variables), gathered)

"""What can be done to a project wherever one is in hand: on home, and on its own screen."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType

from nanoscale_box.tui import ways
from nanoscale_box.tui.plain import Tone, join, plain
from nanoscale_box.tui.screens.base import BoxScreen, say
from nanoscale_box.tui.screens.confirm import Confirm, ConfirmByName
from nanoscale_box.tui.widgets.deployments import what_changes
from nanoscale_box.tui.words import CANCELLABLE, short
from nanoscale_box.wire import requests, shapes


class Steering(BoxScreen):
    """A screen on which one project is the one in hand."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("d", "deploy", "deploy", id="project.deploy"),
        Binding("C", "deploy_clean", "clear caches and deploy", show=False, id="project.clean"),
        Binding("o", "open", "open in browser", show=False, id="project.open"),
        Binding("y", "copy_url", "copy the address", show=False, id="project.copy"),
        Binding("p", "pause", "pause pushes", show=False, id="project.pause"),
        Binding("r", "resume", "resume pushes", show=False, id="project.resume"),
        Binding("c", "cancel", "cancel the deployment", show=False, id="project.cancel"),
        Binding("b", "roll_back", "roll back", show=False, id="project.rollback"),
        Binding("D,delete", "delete", "delete the project", show=False, id="project.delete"),
    ]

    def in_hand(self) -> shapes.Project | None:
        """The project that a key is meant for."""
        return None

    def target(self, project: shapes.Project) -> shapes.Deployment | None:
        """The deployment that a roll-back goes to; None leaves the choice to the box."""
        return None

    def to_cancel(self, project: shapes.Project) -> shapes.Deployment | None:
        """The deployment that a cancel is meant for."""
        return project.latest

    def action_deploy(self) -> None:
        """Deploy the branch's head now."""
        if project := self._to_change():
            self.act(self._deploy(project), f"deploying {project.name}", ways.deploy(project))

    def action_cancel(self) -> None:
        """Stop what is being deployed."""
        project = self._to_change()
        if project is None:
            return
        deployment = self.to_cancel(project)
        if deployment is None or deployment.state not in CANCELLABLE:
            say(self, f"Nothing of {project.name} is being deployed that could be cancelled")
        else:
            self.act(self._cancel(deployment), f"cancelling #{deployment.number}", ways.cancel(deployment))

    def action_roll_back(self) -> None:
        """Start a kept release again, after asking."""
        project = self._to_change()
        if project is None:
            return
        target = self.target(project)
        body = what_changes(project, target, self.desk.now())

        def answered(wanted: bool | None) -> None:
            if wanted:
                way = ways.roll_back(project, target)
                self.act(self._roll_back(project, target.id if target else None), f"rolling {project.name} back", way)

        self.app.push_screen(Confirm(join("Roll back ", plain(project.name, limit=40)), body, "Roll back"), answered)

    def action_deploy_clean(self) -> None:
        """Forget the build's caches, then deploy the branch's head."""
        if project := self._to_change():
            way = ways.deploy(project, clear_cache=True)
            self.act(self._deploy(project, clear_cache=True), f"deploying {project.name} from scratch", way)

    def action_pause(self) -> None:
        """Only note pushes."""
        if project := self._to_change():
            self.act(self._pause(project), f"pausing {project.name}", ways.pause(project))

    def action_resume(self) -> None:
        """Deploy pushes again."""
        if project := self._to_change():
            self.act(self._resume(project), f"resuming {project.name}", ways.resume(project))

    def action_delete(self) -> None:
        """Remove a project, once its name is typed."""
        project = self._to_change()
        if project is None:
            return
        body = join(
            "This stops ",
            plain(project.name, Tone.STRONG),
            " and removes its releases, environment, logs and data. The repository stays as it is.",
        )

        def answered(wanted: bool | None) -> None:
            if wanted:
                self.act(self._delete(project), f"deleting {project.name}", ways.delete(project))

        self.app.push_screen(ConfirmByName(project.name, body), answered)

    def action_open(self) -> None:
        """Show the app in a browser."""
        if project := self._project():
            self.open_page(project.url)

    def action_copy_url(self) -> None:
        """Take the app's address along."""
        if project := self._project():
            self.copy(project.url, "Address")

    def _project(self) -> shapes.Project | None:
        project = self.in_hand()
        if project is None:
            say(self, "There is no project here yet; n makes one")
        return project

    def _to_change(self) -> shapes.Project | None:
        return self._project() if self.may_change() else None

    async def _deploy(self, project: shapes.Project, *, clear_cache: bool = False) -> str:
        owed = await self.desk.box.redeploy(project.id, clear_cache=clear_cache)
        return f"{project.name} is being deployed as #{owed.number}" if owed else f"{project.name} is up to date"

    async def _cancel(self, deployment: shapes.Deployment) -> str:
        await self.desk.box.cancel(deployment.id)
        return f"#{deployment.number} is cancelled"

    async def _roll_back(self, project: shapes.Project, deployment_id: str | None) -> str:
        started = await self.desk.box.rollback(project.id, deployment_id)
        return f"{project.name} goes back as #{started.number}" if started else f"{project.name} stays as it is"

    async def _pause(self, project: shapes.Project) -> str:
        await self.desk.box.change_project(project.id, requests.ChangeProject(paused=True))
        return f"{project.name} is paused: pushes are noted, not deployed; r resumes"

    async def _resume(self, project: shapes.Project) -> str:
        owed = await self.desk.box.resume(project.id)
        begin = f", beginning with #{owed.number}: {short(owed.sha)} {owed.subject or ''}".rstrip() if owed else ""
        return f"{project.name} deploys pushes again{begin}"

    async def _delete(self, project: shapes.Project) -> str:
        await self.desk.box.delete_project(project.id)
        return f"{project.name} is deleted"

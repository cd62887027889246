"""What the screens show, as the box told it; events keep it true between two askings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

import msgspec

from nanoscale_box.wire import shapes
from nanoscale_box.wire.usage import Usage

_VERDICTS: Final = 200
_DEPLOYMENTS: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What has to be asked again, because an event tells only that it changed."""

    project_id: str | None = None
    projects: bool = False
    github: bool = False


@dataclass(slots=True)
class History:
    """What is known of a project that was opened: its deployments and verdicts, newest first."""

    deployments: list[shapes.Deployment] = field(default_factory=list)
    verdicts: list[shapes.Verdict] = field(default_factory=list)


@dataclass(slots=True)
class Model:
    """The state of the box."""

    projects: dict[str, shapes.Project] = field(default_factory=dict)
    verdicts: list[shapes.Verdict] = field(default_factory=list)
    histories: dict[str, History] = field(default_factory=dict)
    usage: dict[str, Usage] = field(default_factory=dict)
    """What apps that run take, by project."""
    github: shapes.GithubStatus | None = None
    away: str | None = None
    """Why the box cannot be asked now; None while it answers."""
    loaded: bool = False

    def by_name(self) -> list[shapes.Project]:
        """All projects."""
        return sorted(self.projects.values(), key=lambda project: project.name)

    def name_of(self, project_id: str | None) -> str:
        """A project's name, or a dash for what touched none."""
        project = self.projects.get(project_id or "")
        return project.name if project else "-"

    def replace_projects(self, projects: list[shapes.Project]) -> None:
        """All projects as they are now."""
        self.projects = {project.id: project for project in projects}
        for gone in self.histories.keys() - self.projects.keys():
            del self.histories[gone]

    def apply(self, event: shapes.Event) -> Owed:
        """Take an event in; what its data does not carry is owed."""
        match event.kind:
            case "deployment":
                self._deployment(msgspec.convert(event.data, shapes.Deployment))
                return Owed(project_id=event.project_id)
            case "verdict":
                self._verdict(msgspec.convert(event.data, shapes.Verdict))
                return Owed(project_id=event.project_id)
            case "project" if event.data.get("change") == "deleted":
                self.projects.pop(event.project_id or "", None)
                self.histories.pop(event.project_id or "", None)
                return Owed()
            case "project":
                return Owed(project_id=event.project_id)
            case "github":
                return Owed(github=True, projects=True)
            case _:
                return Owed()

    def _deployment(self, new: shapes.Deployment) -> None:
        if history := self.histories.get(new.project_id):
            rest = [one for one in history.deployments if one.id != new.id]
            history.deployments = sorted([new, *rest], key=lambda one: -one.number)[:_DEPLOYMENTS]
        project = self.projects.get(new.project_id)
        if project is None:
            return
        if project.latest is None or project.latest.number <= new.number:
            project = msgspec.structs.replace(project, latest=new)
        if project.live is not None and project.live.id == new.id:
            project = msgspec.structs.replace(project, live=new)
        self.projects[project.id] = project

    def _verdict(self, new: shapes.Verdict) -> None:
        self.verdicts = _with(self.verdicts, new)
        if history := self.histories.get(new.project_id or ""):
            history.verdicts = _with(history.verdicts, new)


def _with(known: list[shapes.Verdict], new: shapes.Verdict) -> list[shapes.Verdict]:
    """A verdict is told again until it is final: it keeps its place."""
    if any(one.id == new.id for one in known):
        return [new if one.id == new.id else one for one in known]
    return [new, *known][:_VERDICTS]

"""What the terminal UI does, as the command and the API call that do the same."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from nanoscale_box.wire import routes, shapes


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """The same from a shell, and over the socket; neither holds the value of a variable."""

    command: str
    call: str


def deploy(project: shapes.Project, *, clear_cache: bool = False) -> Way:
    """Deploy the branch's head."""
    words = ["deploy", project.name, *(["--clear-cache"] if clear_cache else [])]
    return _way(words, "POST", routes.REDEPLOY, project_id=project.id)


def cancel(deployment: shapes.Deployment) -> Way:
    """Stop a deployment."""
    return _way(["cancel", deployment.id], "POST", routes.CANCEL, deployment_id=deployment.id)


def roll_back(project: shapes.Project, target: shapes.Deployment | None) -> Way:
    """Start a kept release again."""
    words = ["rollback", project.name, *(["--to", str(target.number)] if target else [])]
    return _way(words, "POST", routes.ROLLBACK, project_id=project.id)


def pause(project: shapes.Project) -> Way:
    """Only note pushes."""
    return _way(["pause", project.name], "PATCH", routes.PROJECT, project_id=project.id)


def resume(project: shapes.Project) -> Way:
    """Deploy pushes again."""
    return _way(["resume", project.name], "POST", routes.RESUME, project_id=project.id)


def delete(project: shapes.Project) -> Way:
    """Remove a project."""
    return _way(["projects", "delete", project.name], "DELETE", routes.PROJECT, project_id=project.id)


def change(project: shapes.Project, words: Sequence[str]) -> Way:
    """Change a setting."""
    return _way(["projects", "set", project.name, *words], "PATCH", routes.PROJECT, project_id=project.id)


def set_env(project: shapes.Project, names: Collection[str]) -> Way:
    """Set variables."""
    words = ["env", "set", project.name, *(f"{name}=VALUE" for name in names)]
    return _way(words, "PUT", routes.ENV, project_id=project.id)


def unset_env(project: shapes.Project, name: str) -> Way:
    """Remove a variable."""
    return _way(["env", "unset", project.name, name], "PUT", routes.ENV, project_id=project.id)


FIX: Final = Way(command="nanoscale-box doctor --fix", call=f"POST {routes.DOCTOR}/fix")
SYNC: Final = Way(command="nanoscale-box github sync", call=f"POST {routes.REPOS_SYNC}")
REPAIR: Final = Way(command="nanoscale-box github hooks --repair", call=f"POST {routes.HOOKS_REPAIR}")
DISCONNECT: Final = Way(command="nanoscale-box github disconnect", call=f"POST {routes.DISCONNECT}")


def _way(words: Sequence[str], method: str, route: str, **parts: str) -> Way:
    return Way(command=shlex.join(["nanoscale-box", *words]), call=f"{method} {route.format(**parts)}")

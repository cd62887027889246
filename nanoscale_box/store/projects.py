"""Projects with their hosts, links and environment."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.errors import Code, Conflict, Invalid, NotFound
from nanoscale_box.core.model import DeploymentId, InstallationId, Link, Project, ProjectId, RepoId, SourceProvider
from nanoscale_box.core.settings import SETTINGS, ProjectSettings
from nanoscale_box.store.rows import json_of, json_text, time_of, time_text
from nanoscale_box.store.sql import Row, Sql, Value, columns, inserting, selecting, updating, upserting

_PROJECT: Final = (
    "id", "name", "source_provider", "branch", "created_at", "updated_at", "repo_url", "install_command",
    "build_command", "run_command", "output_directory", "root_directory", "paused_reason", "pinned_deployment_id",
    "live_deployment_id", "down", *SETTINGS, "wait_for_ci",
)  # fmt: skip
_LINK: Final = (
    "project_id", "installation_id", "repo_id", "repo_node_id", "owner_login", "repo_name", "full_name",
    "default_branch", "selected_branch", "is_private", "webhook_id", "active",
)  # fmt: skip
_LINK_ROW: Final = ("id", *_LINK, "created_at", "updated_at")
_COLUMNS: Final = (columns("projects", _PROJECT), columns("project_github_links", _LINK))
_SELECT: Final = selecting(
    "projects LEFT JOIN project_github_links ON project_github_links.project_id = projects.id", *_COLUMNS
)
_BY_ID: Final = f"{_SELECT} WHERE projects.id = ?"
_BY_NAME: Final = f"{_SELECT} WHERE projects.name = ?"
_ALL: Final = f"{_SELECT} ORDER BY projects.name"
# Begun at the link, which is never without its project.
_LINKED: Final = selecting(
    "project_github_links CROSS JOIN projects ON projects.id = project_github_links.project_id", *_COLUMNS
)
_ON_REPOSITORY: Final = f"{_LINKED} WHERE project_github_links.repo_id = ? ORDER BY projects.name"
_BY_WEBHOOK: Final = f"{_LINKED} WHERE project_github_links.webhook_id = ? ORDER BY projects.name"
_ADD: Final = inserting("projects", (*_PROJECT, "source_repo_id"))
_UPDATE: Final = updating("projects", (*_PROJECT, "source_repo_id"), "id")
_PUT_LINK: Final = upserting("project_github_links", _LINK_ROW, "project_id", keep=("id", "created_at"))

_MOST_REMEMBERED: Final = 1000
"""Repositories."""


class Projects:
    """The projects; engine.records says what each method promises."""

    __slots__ = ("_remembered", "_sql")

    def __init__(self, sql: Sql, *, remember: bool = False) -> None:
        self._sql = sql
        self._remembered: dict[RepoId, tuple[Project, ...]] | None = {} if remember else None

    def forget(self) -> None:
        """Read anew what is remembered, after a change of projects or one that was undone."""
        if self._remembered is not None:
            self._remembered.clear()

    def add(self, project: Project) -> None:
        """`Conflict` `name_taken` when the name or a host is in use."""
        self.forget()
        if self._sql.one("SELECT 1 FROM projects WHERE name = ?", (project.name,)):
            raise Conflict(Code.NAME_TAKEN, f"there is a project named {project.name} already: choose another name")
        self._sql.change(_ADD, _values(project))
        self._put_hosts(project)
        self._put_link(project)

    def get(self, project_id: ProjectId) -> Project | None:
        """The project, or None."""
        return self._first(self._sql.one(_BY_ID, (project_id,)))

    def by_name(self, name: str) -> Project | None:
        """The project of exactly this name, or None."""
        return self._first(self._sql.one(_BY_NAME, (name,)))

    def on_repository(self, repo_id: RepoId) -> Sequence[Project]:
        """Projects linked to the repository, by name."""
        known = self._remembered
        found = known.get(repo_id) if known is not None else None
        if found is None:
            found = tuple(self._each(self._sql.all(_ON_REPOSITORY, (repo_id,))))
            if known is not None:
                if len(known) >= _MOST_REMEMBERED:
                    known.clear()
                known[repo_id] = found
        return found

    def by_webhook(self, webhook_id: int) -> list[Project]:
        """Projects that share the repository hook, by name."""
        return self._each(self._sql.all(_BY_WEBHOOK, (webhook_id,)))

    def update(self, project: Project) -> None:
        """Write every field; a link that stays keeps its secret. `NotFound` when the project is gone."""
        self.forget()
        if not self._sql.change(_UPDATE, (*_values(project), project.id)):
            raise NotFound(Code.NOT_FOUND, f"the project {project.name} is not there any more")
        if self._hosts(project.id) != project.hosts:
            self._sql.change("DELETE FROM project_hosts WHERE project_id = ?", (project.id,))
            self._put_hosts(project)
        self._put_link(project)

    def remove(self, project_id: ProjectId) -> None:
        """Drop the project and what belongs to it; the rows of others that name it stay."""
        self.forget()
        self._sql.change("DELETE FROM projects WHERE id = ?", (project_id,))

    def link_secret(self, project_id: ProjectId) -> str | None:
        """The sealed secret of the link's hook; None while there is none."""
        row = self._sql.one(
            "SELECT webhook_secret_encrypted FROM project_github_links WHERE project_id = ?", (project_id,)
        )
        return (row[0] or None) if row else None

    def set_link_secret(self, project_id: ProjectId, sealed: str) -> None:
        """Keep the sealed secret of the link's hook."""
        statement = "UPDATE project_github_links SET webhook_secret_encrypted = ? WHERE project_id = ?"
        if not self._sql.change(statement, (sealed, project_id)):
            raise NotFound(Code.NOT_FOUND, "the project has no link to a repository")

    def env(self, project_id: ProjectId) -> list[tuple[str, str, datetime]]:
        """Key, sealed value and time of the last change, by key."""
        rows = self._sql.all(
            "SELECT key, value_encrypted, updated_at FROM project_env WHERE project_id = ? ORDER BY key", (project_id,)
        )
        return [(key, sealed, time_of(at)) for key, sealed, at in rows]

    def put_env(self, project_id: ProjectId, key: str, sealed: str, now: datetime) -> None:
        """Keep one variable."""
        self._sql.change(
            "INSERT INTO project_env (project_id, key, value_encrypted, updated_at) VALUES (?, ?, ?, ?)"
            " ON CONFLICT (project_id, key) DO UPDATE SET value_encrypted = excluded.value_encrypted,"
            " updated_at = excluded.updated_at",
            (project_id, key, sealed, time_text(now)),
        )

    def drop_env(self, project_id: ProjectId, key: str) -> None:
        """Forget one variable."""
        self._sql.change("DELETE FROM project_env WHERE project_id = ? AND key = ?", (project_id, key))

    def _put_hosts(self, project: Project) -> None:
        for host in project.hosts:
            if self._sql.one("SELECT 1 FROM project_hosts WHERE host = ?", (host,)):
                raise Conflict(Code.NAME_TAKEN, f"the host {host} is in use already: choose another")
            self._sql.change(
                "INSERT INTO project_hosts (host, project_id, position) SELECT ?, ?, count(*) FROM project_hosts"
                " WHERE project_id = ?",
                (host, project.id, project.id),
            )

    def _put_link(self, project: Project) -> None:
        link = project.link
        if link is None:
            self._sql.change("DELETE FROM project_github_links WHERE project_id = ?", (project.id,))
            return
        if link.project_id != project.id:
            raise Invalid(Code.INVALID, "a link belongs to the project that carries it")
        now = time_text(project.updated_at)
        self._sql.change(_PUT_LINK, (project.id, *_link_values(link), now, now))

    def _hosts(self, project_id: ProjectId) -> tuple[str, ...]:
        rows = self._sql.all("SELECT host FROM project_hosts WHERE project_id = ? ORDER BY position", (project_id,))
        return tuple(host for (host,) in rows)

    def _first(self, row: Row | None) -> Project | None:
        return None if row is None else _project(row, self._hosts(row[0]))

    def _each(self, rows: Iterable[Row]) -> list[Project]:
        return [_project(row, self._hosts(row[0])) for row in rows]

    def list(self) -> list[Project]:
        """Every project, by name."""
        hosts: dict[str, list[str]] = {}
        for project_id, host in self._sql.all("SELECT project_id, host FROM project_hosts ORDER BY position"):
            hosts.setdefault(project_id, []).append(host)
        return [_project(row, tuple(hosts.get(row[0], ()))) for row in self._sql.all(_ALL)]


def _values(project: Project) -> tuple[Value, ...]:
    return (
        project.id,
        project.name,
        project.source_provider,
        project.branch,
        time_text(project.created_at),
        time_text(project.updated_at),
        project.repo_url,
        project.install_command,
        project.build_command,
        project.run_command,
        project.output_directory,
        project.root_directory,
        project.paused_reason,
        project.pinned_deployment_id,
        project.live_deployment_id,
        project.down,
        *_settings_values(project.settings),
        project.wait_for_ci,
        project.link.repo_id if project.link else None,
    )


def _link_values(link: Link) -> tuple[Value, ...]:
    return (
        link.project_id,
        link.installation_id,
        link.repo_id,
        link.repo_node_id,
        link.owner_login,
        link.repo_name,
        link.full_name,
        link.default_branch,
        link.selected_branch,
        link.is_private,
        link.webhook_id,
        link.active,
    )


def _project(row: Row, hosts: tuple[str, ...]) -> Project:
    return Project(
        id=ProjectId(row[0]),
        name=row[1],
        hosts=hosts,
        source_provider=SourceProvider(row[2]),
        branch=row[3],
        created_at=time_of(row[4]),
        updated_at=time_of(row[5]),
        repo_url=row[6],
        link=_link(row[len(_PROJECT) :]),
        install_command=row[7],
        build_command=row[8],
        run_command=row[9],
        output_directory=row[10],
        root_directory=row[11],
        paused_reason=row[12],
        pinned_deployment_id=DeploymentId(row[13]) if row[13] is not None else None,
        live_deployment_id=DeploymentId(row[14]) if row[14] is not None else None,
        down=bool(row[15]),
        settings=_settings(row[16 : 16 + len(SETTINGS)]),
        wait_for_ci=bool(row[16 + len(SETTINGS)]),
    )


def _settings_values(settings: ProjectSettings) -> tuple[Value, ...]:
    watched = json_text(settings.watch_paths) if settings.watch_paths else None
    return (watched, *(getattr(settings, name) for name in SETTINGS[1:]))


def _settings(row: Row) -> ProjectSettings:
    named = dict(zip(SETTINGS, row, strict=True))
    watched = named["watch_paths"]
    return ProjectSettings(**{**named, "watch_paths": tuple(json_of(watched)) if watched else ()})


def _link(row: Row) -> Link | None:
    if row[0] is None:
        return None
    return Link(
        project_id=ProjectId(row[0]),
        installation_id=InstallationId(row[1]),
        repo_id=RepoId(row[2]),
        repo_node_id=row[3],
        owner_login=row[4],
        repo_name=row[5],
        full_name=row[6],
        default_branch=row[7],
        selected_branch=row[8],
        is_private=bool(row[9]),
        webhook_id=row[10],
        active=bool(row[11]),
    )

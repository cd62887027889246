"""The cached repositories: kept, listed by name, and searched by a few letters."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.github_model import Repository
from nanoscale_box.core.model import InstallationId, RepoId
from nanoscale_box.engine.records import Page
from nanoscale_box.store.fuzzy import Names
from nanoscale_box.store.rows import cursor_of, key_of, rows_wanted, time_of, time_text
from nanoscale_box.store.sql import Row, Sql, columns, selecting, upserting

_NAMES: Final = (
    "installation_id", "repo_id", "node_id", "owner_login", "name", "full_name", "default_branch", "is_private",
    "html_url", "clone_url", "archived", "disabled", "last_synced_at",
)  # fmt: skip
_SELECT: Final = selecting("github_repositories", columns("github_repositories", _NAMES))
_BY_ID: Final = f"{_SELECT} WHERE repo_id = ?"
# SQLite seeks in an index with a collation by single comparisons only, not by a pair of columns.
_AFTER: Final = "full_name COLLATE NOCASE >= ?1 AND (full_name COLLATE NOCASE > ?1 OR repo_id > ?2)"
_ORDER: Final = "ORDER BY full_name COLLATE NOCASE, repo_id LIMIT ?3"
_ALL: Final = f"{_SELECT} WHERE {_AFTER} {_ORDER}"
_IN_ONE: Final = f"{_SELECT} WHERE installation_id = ?4 AND {_AFTER} {_ORDER}"
_PUT: Final = upserting("github_repositories", ("id", *_NAMES), "repo_id", keep=("id",))
_FIRST: Final = ("", -(2**63))
_SEARCH: Final = [int, int, int, int, str, int]


class Catalogue:
    """The repositories of all installations."""

    __slots__ = ("_names", "_remember", "_sql")

    def __init__(self, sql: Sql, *, remember: bool) -> None:
        self._sql = sql
        self._remember = remember
        self._names: dict[InstallationId | None, tuple[int, Names]] = {}

    def put(self, repositories: Sequence[Repository], now: datetime) -> None:
        """Keep them as they are now, known by `repo_id`."""
        at = time_text(now)
        rows = [
            (
                f"rep_{one.repo_id}",
                one.installation_id,
                one.repo_id,
                one.node_id,
                one.owner_login,
                one.name,
                one.full_name,
                one.default_branch,
                one.is_private,
                one.html_url,
                one.clone_url,
                one.archived,
                one.disabled,
                at,
            )
            for one in repositories
        ]
        self._sql.change_each(_PUT, rows)
        self._changed()

    def keep_only(self, installation_id: InstallationId, keep: Sequence[RepoId]) -> list[RepoId]:
        """Drop the installation's others; give what was dropped."""
        statement = "SELECT repo_id FROM github_repositories WHERE installation_id = ? ORDER BY repo_id"
        kept = frozenset(keep)
        gone = [RepoId(repo_id) for (repo_id,) in self._sql.all(statement, (installation_id,)) if repo_id not in kept]
        self.drop(gone)
        return gone

    def drop(self, repo_ids: Sequence[RepoId]) -> None:
        """Forget repositories and their branches."""
        keys = [(repo_id,) for repo_id in repo_ids]
        self._sql.change_each("DELETE FROM github_repositories WHERE repo_id = ?", keys)
        self._sql.change_each("DELETE FROM github_branches WHERE repo_id = ?", keys)
        self._sql.change_each("DELETE FROM github_branch_syncs WHERE repo_id = ?", keys)
        self._changed()

    def get(self, repo_id: RepoId) -> Repository | None:
        """The repository, or None."""
        row = self._sql.one(_BY_ID, (repo_id,))
        return _repository(row) if row else None

    def listed(self, installation_id: InstallationId | None, page: Page) -> tuple[list[Repository], str | None]:
        """By full name, upper and lower case alike."""
        after = _FIRST if page.cursor is None else key_of(page.cursor, "repositories", [str, int])
        if installation_id is None:
            rows = self._sql.all(_ALL, (*after, rows_wanted(page)))
        else:
            rows = self._sql.all(_IN_ONE, (*after, rows_wanted(page), installation_id))
        found = [_repository(row) for row in rows[: page.limit]]
        if len(rows) <= page.limit:
            return found, None
        return found, cursor_of("repositories", found[-1].full_name, found[-1].repo_id)

    def search(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[list[Repository], str | None]:
        """Those whose name holds the letters of the query in order, best match first."""
        matches = self._searchable(installation_id).matches(query)
        begin = 0
        if page.cursor is not None:
            last = tuple(key_of(page.cursor, "search", _SEARCH))
            begin = next((place for place, match in enumerate(matches) if match > last), len(matches))
        wanted = matches[begin : begin + rows_wanted(page)]
        rows = [self._sql.one(_BY_ID, (match[-1],)) for match in wanted[: page.limit]]
        found = [_repository(row) for row in rows if row]
        return found, cursor_of("search", *wanted[page.limit - 1]) if len(wanted) > page.limit else None

    def _searchable(self, installation_id: InstallationId | None) -> Names:
        row = self._sql.one("SELECT version FROM github_cache_version WHERE only = 1")
        version = int(row[0]) if row else 0
        known = self._names.get(installation_id)
        if known and known[0] == version:
            return known[1]
        names = Names(self._sql.all(_NAMES_OF_ALL) if installation_id is None else self._of(installation_id))
        if self._remember:
            self._names = {key: kept for key, kept in self._names.items() if kept[0] == version}
            self._names[installation_id] = (version, names)
        return names

    def _of(self, installation_id: InstallationId) -> list[Row]:
        return self._sql.all(_NAMES_OF_ONE, (installation_id,))

    def _changed(self) -> None:
        self._sql.change("UPDATE github_cache_version SET version = version + 1 WHERE only = 1")


_NAMES_OF_ALL: Final = "SELECT repo_id, name, full_name FROM github_repositories"
_NAMES_OF_ONE: Final = f"{_NAMES_OF_ALL} WHERE installation_id = ?"


def _repository(row: Row) -> Repository:
    return Repository(
        installation_id=InstallationId(row[0]),
        repo_id=RepoId(row[1]),
        node_id=row[2],
        owner_login=row[3],
        name=row[4],
        full_name=row[5],
        default_branch=row[6],
        is_private=bool(row[7]),
        html_url=row[8],
        clone_url=row[9],
        archived=bool(row[10]),
        disabled=bool(row[11]),
        last_synced_at=time_of(row[12]),
    )

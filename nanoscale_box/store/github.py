"""The account link, installations, repositories and branches, as GitHub told them last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from nanoscale_box.core.github_model import Account, Branch, Installation, Repository
from nanoscale_box.core.model import InstallationId, RepoId, Sha, UserId
from nanoscale_box.engine.records import Page
from nanoscale_box.store.fuzzy import Names
from nanoscale_box.store.repositories import Catalogue
from nanoscale_box.store.rows import (
    cursor_of,
    json_of,
    json_text,
    key_of,
    rows_wanted,
    time_of,
    time_or_none,
    time_text,
    time_text_or_none,
)
from nanoscale_box.store.sql import Row, Sql, columns, selecting, upserting

_OWNER: Final = UserId("usr_owner")
_LINK: Final = "ghl_owner"
_INSTALLATION: Final = (
    "installation_id", "account_login", "account_type", "target_type", "target_id", "repository_selection",
    "suspended", "permissions",
)  # fmt: skip
_PUT_ACCOUNT: Final = upserting(
    "github_user_links",
    (
        "id", "local_user_id", "github_user_id", "github_login", "access_token_encrypted", "refresh_token_encrypted",
        "token_expires_at", "created_at", "updated_at",
    ),
    "id",
    keep=("created_at",),
)  # fmt: skip
_PUT_INSTALLATION: Final = upserting(
    "github_installations",
    ("id", "local_user_id", *_INSTALLATION, "created_at", "updated_at"),
    "installation_id",
    keep=("id", "local_user_id", "created_at"),
)
_INSTALLATIONS: Final = selecting("github_installations", columns("github_installations", _INSTALLATION))
_BY_ID: Final = f"{_INSTALLATIONS} WHERE installation_id = ?"
_BY_LOGIN: Final = f"{_INSTALLATIONS} ORDER BY account_login COLLATE NOCASE, installation_id"


class GithubCache:
    """What the box knows of GitHub; engine.records says what each method promises."""

    __slots__ = ("_repositories", "_sql")

    def __init__(self, sql: Sql, *, remember: bool) -> None:
        """`remember` keeps what searches need between transactions, which only a connection that never writes may."""
        self._sql = sql
        self._repositories = Catalogue(sql, remember=remember)

    def owner(self) -> UserId:
        """The one user of the box."""
        return _OWNER

    def account(self) -> Account | None:
        """The connected account, or None."""
        row = self._sql.one("SELECT github_user_id, github_login FROM github_user_links WHERE id = ?", (_LINK,))
        return Account(github_user_id=row[0], login=row[1]) if row else None

    def tokens(self) -> tuple[str, str | None, datetime | None] | None:
        """Sealed access token, sealed refresh token, expiry; None while no account is connected."""
        row = self._sql.one(
            "SELECT access_token_encrypted, refresh_token_encrypted, token_expires_at FROM github_user_links"
            " WHERE id = ?",
            (_LINK,),
        )
        return (row[0], row[1], time_or_none(row[2])) if row else None

    def put_account(
        self,
        account: Account,
        access_sealed: str,
        refresh_sealed: str | None,
        expires_at: datetime | None,
        now: datetime,
    ) -> None:
        """Keep the account and its sealed tokens in place of any other."""
        at = time_text(now)
        who = (_LINK, _OWNER, account.github_user_id, account.login)
        self._sql.change(_PUT_ACCOUNT, (*who, access_sealed, refresh_sealed, time_text_or_none(expires_at), at, at))

    def link_id(self) -> str:
        """The row tokens are sealed for."""
        return _LINK

    def drop_account(self) -> None:
        """Forget the account and its tokens."""
        self._sql.change("DELETE FROM github_user_links WHERE id = ?", (_LINK,))

    def put_installation(self, installation: Installation, now: datetime) -> None:
        """Keep an installation as it is now."""
        at = time_text(now)
        self._sql.change(
            _PUT_INSTALLATION,
            (
                f"ins_{installation.installation_id}",
                _OWNER,
                installation.installation_id,
                installation.account_login,
                installation.account_type,
                installation.target_type,
                installation.target_id,
                installation.repository_selection,
                installation.suspended,
                json_text(dict(installation.permissions)),
                at,
                at,
            ),
        )

    def installations(self) -> list[Installation]:
        """Every installation, by account."""
        return [_installation(row) for row in self._sql.all(_BY_LOGIN)]

    def installation(self, installation_id: InstallationId) -> Installation | None:
        """The installation, or None."""
        row = self._sql.one(_BY_ID, (installation_id,))
        return _installation(row) if row else None

    def drop_installation(self, installation_id: InstallationId) -> None:
        """Forget an installation and its repositories."""
        self._repositories.keep_only(installation_id, ())
        self._sql.change("DELETE FROM github_installations WHERE installation_id = ?", (installation_id,))

    def put_repositories(self, repositories: Sequence[Repository], now: datetime) -> None:
        """Keep repositories as they are now; `now` becomes their `last_synced_at`."""
        self._repositories.put(repositories, now)

    def drop_repositories(self, installation_id: InstallationId, keep: Sequence[RepoId]) -> list[RepoId]:
        """Forget the installation's repositories but those to keep; give the forgotten."""
        return self._repositories.keep_only(installation_id, keep)

    def drop_repository(self, repo_id: RepoId) -> None:
        """Forget one repository."""
        self._repositories.drop([repo_id])

    def repository(self, repo_id: RepoId) -> Repository | None:
        """The repository, or None."""
        return self._repositories.get(repo_id)

    def repositories(
        self, installation_id: InstallationId | None, query: str, page: Page
    ) -> tuple[list[Repository], str | None]:
        """Those that match, best first; all by full name when the query is empty."""
        if query.strip():
            return self._repositories.search(installation_id, query, page)
        return self._repositories.listed(installation_id, page)

    def put_branches(self, repo_id: RepoId, branches: Sequence[Branch], now: datetime) -> None:
        """Keep the branches in place of those known before."""
        self._sql.change("DELETE FROM github_branches WHERE repo_id = ?", (repo_id,))
        self._sql.change_each(
            "INSERT OR REPLACE INTO github_branches (repo_id, name, sha, is_default) VALUES (?, ?, ?, ?)",
            [(repo_id, branch.name, branch.sha, branch.default) for branch in branches],
        )
        self._sql.change(
            "INSERT OR REPLACE INTO github_branch_syncs (repo_id, synced_at) VALUES (?, ?)", (repo_id, time_text(now))
        )

    def branches(self, repo_id: RepoId, query: str, page: Page) -> tuple[list[Branch], str | None]:
        """The repository's branches, the default first, then best match or name."""
        rows = self._sql.all("SELECT name, sha, is_default FROM github_branches WHERE repo_id = ?", (repo_id,))
        order = _best_first(rows, query) if query.strip() else sorted((not row[2], "", row[0]) for row in rows)
        if page.cursor is not None:
            last = tuple(key_of(page.cursor, "branches", [int, str, str]))
            order = [key for key in order if key > last]
        known = {row[0]: Branch(name=row[0], sha=Sha(row[1]), default=bool(row[2])) for row in rows}
        wanted = order[: rows_wanted(page)]
        found = wanted[: page.limit]
        following = cursor_of("branches", int(found[-1][0]), *found[-1][1:]) if len(wanted) > page.limit else None
        return [known[name] for _, _, name in found], following

    def branches_synced_at(self, repo_id: RepoId) -> datetime | None:
        """When the branches were asked for last, or None."""
        row = self._sql.one("SELECT synced_at FROM github_branch_syncs WHERE repo_id = ?", (repo_id,))
        return time_of(row[0]) if row else None


def _best_first(rows: Sequence[Row], query: str) -> list[tuple[bool, str, str]]:
    """Sort keys of the branches that match: default, rank as text that sorts, name."""
    names = Names((place, row[0], row[0]) for place, row in enumerate(rows))
    return sorted(
        (not rows[place][2], "".join(f"{part:06}" for part in rank), rows[place][0])
        for *rank, _, place in names.matches(query)
    )


def _installation(row: Row) -> Installation:
    return Installation(
        installation_id=InstallationId(row[0]),
        account_login=row[1],
        account_type=row[2],
        target_type=row[3],
        target_id=row[4],
        repository_selection=row[5],
        suspended=bool(row[6]),
        permissions=json_of(row[7]),
    )

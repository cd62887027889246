"""All aggregates on one connection."""

from __future__ import annotations

from nanoscale_box.store.audit import Audit
from nanoscale_box.store.deliveries import Deliveries
from nanoscale_box.store.deployments import Deployments
from nanoscale_box.store.events import Events
from nanoscale_box.store.github import GithubCache
from nanoscale_box.store.keeper import Keeper
from nanoscale_box.store.projects import Projects
from nanoscale_box.store.seals import Seals
from nanoscale_box.store.sql import Sql
from nanoscale_box.store.tokens import Tokens
from nanoscale_box.store.verdicts import Verdicts


class StoreRecords:
    """What work receives: good inside the transaction it was called in, and in no other thread."""

    __slots__ = (
        "_audit",
        "_deliveries",
        "_deployments",
        "_events",
        "_github",
        "_keeper",
        "_projects",
        "_seals",
        "_sql",
        "_tokens",
        "_verdicts",
    )

    def __init__(self, sql: Sql, *, reads_only: bool) -> None:
        # Whoever writes knows of every change. What the other connection wrote and undid again is never seen by one
        # that only reads.
        self._projects = Projects(sql, remember=not reads_only)
        self._deployments = Deployments(sql)
        self._deliveries = Deliveries(sql)
        self._verdicts = Verdicts(sql)
        self._events = Events(sql)
        self._github = GithubCache(sql, remember=reads_only)
        self._keeper = Keeper(sql)
        self._tokens = Tokens(sql)
        self._audit = Audit(sql)
        self._seals = Seals(sql)
        self._sql = sql

    def undone(self) -> None:
        """Something that was written in this transaction is not there any more."""
        self._projects.forget()

    @property
    def projects(self) -> Projects:
        """Projects, links, environment."""
        return self._projects

    @property
    def deployments(self) -> Deployments:
        """Deployments; the queue."""
        return self._deployments

    @property
    def deliveries(self) -> Deliveries:
        """Recorded deliveries."""
        return self._deliveries

    @property
    def verdicts(self) -> Verdicts:
        """Verdicts."""
        return self._verdicts

    @property
    def events(self) -> Events:
        """Events."""
        return self._events

    @property
    def github(self) -> GithubCache:
        """Account, installations, repositories, branches."""
        return self._github

    @property
    def keeper(self) -> Keeper:
        """Small things, states, jobs."""
        return self._keeper

    @property
    def tokens(self) -> Tokens:
        """Bearer tokens."""
        return self._tokens

    @property
    def audit(self) -> Audit:
        """Who did what."""
        return self._audit

    @property
    def seals(self) -> Seals:
        """Every sealed text."""
        return self._seals

    def flaw(self) -> str | None:
        """The first thing SQLite finds damaged, or None."""
        row = self._sql.one("PRAGMA quick_check(1)")
        return None if row is None or row[0] == "ok" else str(row[0])

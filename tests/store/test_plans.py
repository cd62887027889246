"""What is asked all the time is found by an index, however many rows there are."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator

import pytest

from nanoscale_box.core.lifecycle import RUNNING, DeploymentState
from nanoscale_box.core.model import (
    DeliveryId,
    DeploymentId,
    InstallationId,
    Outcome,
    ProjectId,
    RepoId,
    Trigger,
)
from nanoscale_box.engine.records import Page
from nanoscale_box.store.records import StoreRecords
from nanoscale_box.store.rows import cursor_of
from tests.store.samples import NOW, A, B, deployment, in_memory, linked, project, records_on, verdict

P, D = ProjectId("prj_hello"), DeploymentId("dep_hello_1")

HOT: dict[str, Callable[[StoreRecords], object]] = {
    "deliveries.get": lambda r: r.deliveries.get(DeliveryId("guid-1")),
    "deliveries.count_same_push": lambda r: r.deliveries.count_same_push(RepoId(7), "refs/heads/main", A, B),
    "deliveries.list": lambda r: r.deliveries.list(Page()),
    "deliveries.list on": lambda r: r.deliveries.list(Page(cursor=cursor_of("deliveries", 5))),
    "projects.get": lambda r: r.projects.get(P),
    "projects.by_name": lambda r: r.projects.by_name("hello"),
    "projects.on_repository": lambda r: r.projects.on_repository(RepoId(7)),
    "projects.by_webhook": lambda r: r.projects.by_webhook(3),
    "projects.link_secret": lambda r: r.projects.link_secret(P),
    "projects.env": lambda r: r.projects.env(P),
    "deployments.get": lambda r: r.deployments.get(D),
    "deployments.queued": lambda r: r.deployments.queued(P),
    "deployments.running": lambda r: r.deployments.running(P),
    "deployments.last_failed": lambda r: r.deployments.last_failed(P),
    "deployments.latest": lambda r: r.deployments.latest(P),
    "deployments.list": lambda r: r.deployments.list(P, Page()),
    "deployments.all_in": lambda r: r.deployments.all_in([DeploymentState.QUEUED, *RUNNING]),
    "deployments.next_number": lambda r: r.deployments.next_number(P),
    "deployments.update": lambda r: r.deployments.update(deployment()),
    "verdicts.list": lambda r: r.verdicts.list(P, Page()),
    "verdicts.list all": lambda r: r.verdicts.list(None, Page()),
    "verdicts.of_delivery": lambda r: r.verdicts.of_delivery(DeliveryId("guid-1")),
    "verdicts.newest": lambda r: r.verdicts.newest(P, Trigger.POLL),
    "verdicts.conclude": lambda r: r.verdicts.conclude(D, Outcome.DEPLOYED, "deployed", "as #1", NOW),
    "events.after": lambda r: r.events.after(5, 100),
    "github.repository": lambda r: r.github.repository(RepoId(7)),
    "github.repositories": lambda r: r.github.repositories(None, "", Page()),
    "github.repositories in": lambda r: r.github.repositories(InstallationId(1), "", Page()),
    "github.branches": lambda r: r.github.branches(RepoId(7), "", Page()),
    "keeper.get": lambda r: r.keeper.get("app"),
    "keeper.take_state": lambda r: r.keeper.take_state("digest", "flow", NOW),
    "keeper.due_jobs": lambda r: r.keeper.due_jobs(NOW, 20),
    "projects.remove": lambda r: r.projects.remove(P),
}

UNSORTED = frozenset(HOT) - {"projects.on_repository", "projects.by_webhook", "deployments.all_in"}
"""Those whose answer comes in order from the index; the others sort the few rows they found."""


@pytest.fixture
def traced() -> Iterator[tuple[sqlite3.Connection, StoreRecords, list[str]]]:
    """A database with one of each, and the statements that run on it from now on."""
    connection = in_memory()
    records = records_on(connection)
    records.projects.add(linked())
    records.projects.add(project("other"))
    records.deployments.add(deployment())
    records.verdicts.add(verdict())
    statements: list[str] = []
    connection.set_trace_callback(statements.append)
    yield connection, records, statements
    connection.close()


@pytest.mark.parametrize("name", HOT)
def test_nothing_hot_reads_a_whole_table(traced: tuple[sqlite3.Connection, StoreRecords, list[str]], name: str) -> None:
    connection, records, statements = traced
    HOT[name](records)
    connection.set_trace_callback(None)
    asked = [statement for statement in statements if not statement.startswith("--")]
    assert asked
    for statement in asked:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")]
        assert not [step for step in plan if step.startswith("SCAN")], (statement, plan)
        if name in UNSORTED:
            assert not [step for step in plan if "TEMP B-TREE" in step], (statement, plan)

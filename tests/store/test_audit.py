"""The audit: only ever added to, and whoever gets around that is found out."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from nanoscale_box.core.audit import Act
from nanoscale_box.engine.records import AuditFilter, Page
from nanoscale_box.store.audit import Audit
from nanoscale_box.store.sql import Sql
from tests.store.samples import NOW, in_memory, later

GUARDS = ("audit_is_not_altered", "audit_is_not_shortened")


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = in_memory()
    yield connection
    connection.close()


@pytest.fixture
def audit(connection: sqlite3.Connection) -> Audit:
    audit = Audit(Sql(connection))
    for number in range(1, 8):
        who, action = ("uid:0", "delete_project") if number % 2 else ("github", "delivery.accepted")
        audit.add(Act(who=who, action=action, target=f"prj_{number % 3}", detail="é\0"), later(number))
    return audit


def test_entries_are_listed_newest_first_by_pages_and_filters(audit: Audit) -> None:
    first, more = audit.list(AuditFilter(), Page(limit=5))
    rest, end = audit.list(AuditFilter(), Page(limit=5, cursor=more))
    assert ([one.id for one in first], [one.id for one in rest], end) == ([7, 6, 5, 4, 3], [2, 1], None)
    assert rest[-1].at == later(1) and rest[-1].act.detail == "é\0"

    def ids(wanted: AuditFilter) -> list[int]:
        return [one.id for one in audit.list(wanted, Page())[0]]

    assert ids(AuditFilter(who="github")) == [6, 4, 2]
    assert ids(AuditFilter(action="delete")) == [7, 5, 3, 1]
    assert ids(AuditFilter(action="_elete")) == ids(AuditFilter(who="uid")) == []
    assert ids(AuditFilter(who="uid:0", target="prj_1")) == [7, 1]


def test_a_whole_audit_is_whole(audit: Audit) -> None:
    found = audit.check()
    assert (found.entries, found.broken_at) == (7, None)
    assert found.newest_digest == audit.list(AuditFilter(), Page(limit=1))[0][0].digest
    assert Audit(Sql(in_memory())).check().entries == 0


@pytest.mark.parametrize("statement", ["UPDATE audit SET who = 'x'", "DELETE FROM audit WHERE id = 3"])
def test_the_database_refuses_to_alter_or_remove(audit: Audit, connection: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError, match="only ever added to"):
        connection.execute(statement)
    assert audit.check().broken_at is None


@pytest.mark.parametrize(
    ("statement", "broken_at"),
    [
        ("UPDATE audit SET who = 'uid:1' WHERE id = 3", 3),
        ("UPDATE audit SET target = NULL WHERE id = 7", 7),
        ("UPDATE audit SET at = '2026-03-01T12:00:05.123457Z' WHERE id = 5", 5),
        ("DELETE FROM audit WHERE id = 4", 5),
        ("DELETE FROM audit WHERE id = 1", 2),
        ("DELETE FROM audit WHERE id > 5", 6),
        ("DELETE FROM audit", 1),
    ],
)
def test_what_was_altered_or_removed_without_the_guards_shows(
    audit: Audit, connection: sqlite3.Connection, statement: str, broken_at: int
) -> None:
    for guard in GUARDS:
        connection.execute(f"DROP TRIGGER {guard}")
    connection.execute(statement)
    assert audit.check().broken_at == broken_at
    audit.add(Act(who="box", action="box.started"), NOW)
    assert audit.check().broken_at is not None  # and nothing that comes after hides it

"""Every column with sealed texts is known, so that none is forgotten when keys change."""

from __future__ import annotations

import re

from nanoscale_box.adapters.vault import Vault, VaultKey
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Place
from nanoscale_box.store.seals import _SOURCES, Seals
from nanoscale_box.store.sql import Sql
from tests.house.tree import PRODUCT, sources
from tests.store.samples import in_memory

OLD, NEW = VaultKey(key=b"\1" * 32), VaultKey(key=b"\2" * 32)


def test_every_place_that_something_is_sealed_for_is_looked_at() -> None:
    text = "".join(source.path.read_text() for source in sources(PRODUCT / "engine"))
    places = set(re.findall(r'Place\(table="(\w+)", row=[^)]*?, column=f?"([\w{}]+)"\)', text))
    sealed = {(table, column.replace("{which}", which)) for table, column in places for which in ("access", "refresh")}
    assert sealed == {(source.table, source.column) for source in _SOURCES}
    connection = in_memory()
    tables = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    columns = {(table, row[1]) for table in tables for row in connection.execute(f"PRAGMA table_info({table})")}
    named = {(table, column) for table, column in columns if column.endswith("_encrypted")}
    assert named <= {(source.table, source.column) for source in _SOURCES}


def test_texts_of_other_keys_are_found_once_each_and_replaced_in_their_place() -> None:
    connection = in_memory()
    vault, both, seals = Vault([OLD]), Vault([NEW, OLD]), Seals(Sql(connection))
    for number in range(5):
        place = Place(table="keeper", row=f"name{number}", column="text")
        connection.execute("INSERT INTO keeper VALUES (?, ?)", (place.row, vault.seal(Secret(f"s{number}"), place)))
    connection.execute("INSERT INTO keeper VALUES ('plain', 'v1. is no sealed text')")
    job = Place(table="jobs", row="job_1", column="payload")
    payload = f'{{"sealed":"{vault.seal(Secret("grant"), job)}","id":"job_1"}}'
    for name, text in (("job_1", payload), ("job_2", "not JSON")):
        connection.execute("INSERT INTO jobs (id, kind, payload, due_at) VALUES (?, 'k', ?, '')", (name, text))
    assert {(use.key_id, use.table): use.count for use in seals.uses()} == {
        (OLD.id, "keeper"): 5,
        (OLD.id, "jobs"): 1,
    }
    after, seen = None, []
    while rows := seals.not_by(NEW.id, after, 2):
        for row in rows:
            seen.append(row.place.row)
            seals.replace(row.at, both.seal(both.open(row.text, row.place), row.place))
        after = rows[-1].at
    assert seen == [*(f"name{number}" for number in range(5)), "job_1"]
    assert {use.key_id for use in seals.uses()} == {NEW.id}
    (text,) = connection.execute("SELECT json_extract(payload, '$.sealed') FROM jobs WHERE id = 'job_1'").fetchone()
    assert Vault([NEW]).open(text, job).reveal() == "grant"

"""The schema is the one that was promised, column by column."""

from __future__ import annotations

import sqlite3

import pytest

from tests.store.samples import in_memory

TEXT, INTEGER, DATETIME, BOOLEAN = "TEXT", "INTEGER", "DATETIME", "BOOLEAN"
NOW = "CURRENT_TIMESTAMP"

# Column: type, nullable, default.
PROMISED: dict[str, dict[str, tuple[str, bool, str | None]]] = {
    "github_user_links": {
        "id": (TEXT, False, None),
        "local_user_id": (TEXT, False, None),
        "github_user_id": (INTEGER, False, None),
        "github_login": (TEXT, False, None),
        "access_token_encrypted": (TEXT, False, None),
        "refresh_token_encrypted": (TEXT, True, None),
        "token_expires_at": (DATETIME, True, None),
        "created_at": (DATETIME, False, NOW),
        "updated_at": (DATETIME, False, NOW),
    },
    "github_installations": {
        "id": (TEXT, False, None),
        "local_user_id": (TEXT, False, None),
        "installation_id": (INTEGER, False, None),
        "account_login": (TEXT, False, None),
        "account_type": (TEXT, False, None),
        "target_type": (TEXT, False, None),
        "target_id": (INTEGER, False, None),
        "created_at": (DATETIME, False, NOW),
        "updated_at": (DATETIME, False, NOW),
    },
    "github_repositories": {
        "id": (TEXT, False, None),
        "installation_id": (INTEGER, False, None),
        "repo_id": (INTEGER, False, None),
        "node_id": (TEXT, False, None),
        "owner_login": (TEXT, False, None),
        "name": (TEXT, False, None),
        "full_name": (TEXT, False, None),
        "default_branch": (TEXT, False, None),
        "is_private": (BOOLEAN, False, None),
        "html_url": (TEXT, False, None),
        "clone_url": (TEXT, False, None),
        "archived": (BOOLEAN, False, "0"),
        "disabled": (BOOLEAN, False, "0"),
        "last_synced_at": (DATETIME, False, NOW),
    },
    "project_github_links": {
        "id": (TEXT, False, None),
        "project_id": (TEXT, False, None),
        "installation_id": (INTEGER, False, None),
        "repo_id": (INTEGER, False, None),
        "repo_node_id": (TEXT, False, None),
        "owner_login": (TEXT, False, None),
        "repo_name": (TEXT, False, None),
        "full_name": (TEXT, False, None),
        "default_branch": (TEXT, False, None),
        "selected_branch": (TEXT, False, None),
        "webhook_id": (INTEGER, True, None),
        "webhook_secret_encrypted": (TEXT, False, "''"),
        "active": (BOOLEAN, False, "1"),
        "created_at": (DATETIME, False, NOW),
        "updated_at": (DATETIME, False, NOW),
    },
    "github_webhook_deliveries": {
        "id": (TEXT, False, None),
        "delivery_id": (TEXT, False, None),
        "event_type": (TEXT, False, None),
        "repo_id": (INTEGER, True, None),
        "ref": (TEXT, True, None),
        "head_commit": (TEXT, True, None),
        "handled": (BOOLEAN, False, "0"),
        "status_code": (INTEGER, True, None),
        "error_message": (TEXT, True, None),
        "created_at": (DATETIME, False, NOW),
    },
    "users": {"id": (TEXT, False, None)},
    "projects": {
        "id": (TEXT, False, None),
        "repo_url": (TEXT, True, None),
        "source_provider": (TEXT, False, None),
        "source_repo_id": (INTEGER, True, None),
    },
    "deployments": {"id": (TEXT, False, None)},
}

INDEXES = {
    ("github_user_links", ("local_user_id",), True),
    ("github_user_links", ("github_user_id",), True),
    ("github_installations", ("local_user_id",), False),
    ("github_installations", ("installation_id",), True),
    ("github_repositories", ("installation_id",), False),
    ("github_repositories", ("repo_id",), True),
    ("github_repositories", ("full_name",), False),
    ("project_github_links", ("project_id",), True),
    ("project_github_links", ("repo_id", "selected_branch"), False),
    ("github_webhook_deliveries", ("delivery_id",), True),
}

FOREIGN_KEYS = {
    ("github_user_links", "local_user_id", "users", "id"),
    ("project_github_links", "project_id", "projects", "id"),
}


@pytest.fixture(scope="module")
def schema() -> sqlite3.Connection:
    """A database in memory with the whole schema."""
    return in_memory()


@pytest.mark.parametrize("table", PROMISED)
def test_every_promised_column_is_there(schema: sqlite3.Connection, table: str) -> None:
    found = {
        name: (kind, not required, default)
        for _, name, kind, required, default, _ in schema.execute(f"PRAGMA table_info({table})")
    }
    assert {name: found.get(name) for name in PROMISED[table]} == PROMISED[table]


@pytest.mark.parametrize("table", PROMISED)
def test_the_id_is_the_primary_key(schema: sqlite3.Connection, table: str) -> None:
    keys = [name for _, name, _, _, _, key in schema.execute(f"PRAGMA table_info({table})") if key]
    assert keys == ["id"]


def test_every_promised_index_is_there(schema: sqlite3.Connection) -> None:
    found = {
        (table, tuple(name for _, _, name in schema.execute(f"PRAGMA index_info({index})")), bool(unique))
        for table in PROMISED
        for _, index, unique, _, partial in schema.execute(f"PRAGMA index_list({table})")
        if not partial
    }
    assert found >= INDEXES


def test_every_promised_foreign_key_is_there(schema: sqlite3.Connection) -> None:
    found = {
        (table, row[3], row[2], row[4])
        for table in PROMISED
        for row in schema.execute(f"PRAGMA foreign_key_list({table})")
    }
    assert found >= FOREIGN_KEYS


def test_there_is_one_user_the_owner(schema: sqlite3.Connection) -> None:
    assert schema.execute("SELECT count(*) FROM users").fetchone() == (1,)


@pytest.mark.parametrize("provider", ["manual", "github"])
def test_a_project_has_one_of_two_sources(schema: sqlite3.Connection, provider: str) -> None:
    row = "INSERT INTO projects (id, name, source_provider, branch) VALUES (?, ?, ?, 'main')"
    schema.execute(row, (provider, provider, provider))
    with pytest.raises(sqlite3.IntegrityError):
        schema.execute(row, ("other", "other", provider + "x"))


def test_a_deployment_has_one_of_the_known_states(schema: sqlite3.Connection) -> None:
    schema.execute("INSERT INTO projects (id, name, source_provider, branch) VALUES ('p', 'p', 'manual', 'main')")
    with pytest.raises(sqlite3.IntegrityError):
        schema.execute(
            "INSERT INTO deployments (id, project_id, number, \"trigger\", state) VALUES ('d', 'p', 1, 'push', 'lost')"
        )

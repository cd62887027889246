"""What GitHub tells besides pushes, and what of it is malformed."""

from __future__ import annotations

import pytest

from nanoscale_box.core.errors import Code
from nanoscale_box.core.github import (
    AuthorizationRevoked,
    ChecksNews,
    HookNews,
    InstallationChange,
    RepositoriesChange,
    RepositoryChange,
)
from nanoscale_box.core.model import InstallationId, RepoId, Sha
from tests.core.github_bodies import (
    parse,
    refused,
)

ACCOUNT = {"login": "acme", "id": 5, "type": "Organization"}
INSTALLATION = {
    "id": 42,
    "account": ACCOUNT,
    "target_id": 5,
    "target_type": "Organization",
    "repository_selection": "all",
    "permissions": {"contents": "read"},
    "suspended_at": None,
}
REPOSITORY = {
    "id": 9, "node_id": "R_9", "name": "new", "full_name": "acme/new", "private": True, "owner": ACCOUNT,
    "html_url": "https://h/acme/new",
    "clone_url": "https://h/acme/new.git", "default_branch": "main", "archived": True, "disabled": False,
}  # fmt: skip


def test_an_installation_is_told() -> None:
    for suspended_at, suspended in ((None, False), ("2026-01-01T00:00:00Z", True)):
        delivery = parse(
            {"action": "created", "installation": {**INSTALLATION, "suspended_at": suspended_at}}, "installation"
        )
        change = delivery.change
        assert isinstance(change, InstallationChange)
        assert (delivery.action, delivery.installation_id, change.action) == ("created", 42, "created")
        told = change.installation
        assert (told.installation_id, told.account_login, told.account_type, told.target_id) == (
            42,
            "acme",
            "Organization",
            5,
        )
        assert (told.repository_selection, told.suspended, told.permissions) == ("all", suspended, {"contents": "read"})


def test_repositories_of_an_installation_are_told() -> None:
    body = {
        "action": "added",
        "installation": {"id": 42},
        "repository_selection": "selected",
        "repositories_added": [{"id": 1}, {"id": 2}],
        "repositories_removed": [],
    }
    change = parse(body, "installation_repositories").change
    assert change == RepositoriesChange(
        installation_id=InstallationId(42), selection="selected", added=(RepoId(1), RepoId(2)), removed=()
    )


def test_a_repositorys_fate_is_told() -> None:
    delivery = parse({"action": "renamed", "repository": REPOSITORY, "installation": {"id": 42}}, "repository")
    change = delivery.change
    assert isinstance(change, RepositoryChange) and (change.action, delivery.repo_id) == ("renamed", 9)
    told = change.repository
    assert (told.repo_id, told.installation_id, told.full_name, told.owner_login, told.is_private, told.archived) == (
        9,
        42,
        "acme/new",
        "acme",
        True,
        True,
    )
    alone = parse({"action": "renamed", "repository": REPOSITORY}, "repository").change
    assert isinstance(alone, RepositoryChange) and alone.repository.installation_id == 0


def test_a_revoked_grant_and_hooks_are_told() -> None:
    assert parse({"action": "revoked", "sender": {"id": 3}}, "github_app_authorization").change == AuthorizationRevoked(
        github_user_id=3
    )
    assert parse({"zen": "z", "hook_id": 2**60, "hook": {}}, "ping").change == HookNews(event="ping", hook_id=2**60)
    assert parse({"action": "deleted", "hook_id": 4}, "meta").change == HookNews(event="meta", hook_id=4)


@pytest.mark.parametrize(
    ("event", "said"),
    [("check_suite", {"check_suite": {"head_sha": "a" * 40}}), ("check_run", {"check_run": {"head_sha": "a" * 40}}),
     ("status", {"sha": "a" * 40, "state": "success"})],
)  # fmt: skip
def test_what_ci_says_of_a_commit_is_told(event: str, said: dict[str, object]) -> None:
    change = parse({"action": "completed", "repository": {"id": 9}, **said}, event).change
    assert change == ChecksNews(repo_id=RepoId(9), sha=Sha("a" * 40))
    for other in ({}, {"check_suite": {"head_sha": "main"}, "check_run": None, "sha": "a" * 39}):
        assert refused({"action": "completed", "repository": {"id": 9}, **other}, event).code is Code.MALFORMED_DELIVERY


def test_an_unknown_event_is_a_delivery_all_the_same() -> None:
    delivery = parse({"action": "created\x1b[2J", "repository": {"id": 9}, "new": [1]}, "star")
    assert (delivery.event, delivery.action, delivery.repo_id, delivery.push, delivery.change) == (
        "star",
        "created",
        9,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("event", "body"),
    [("installation", {"action": "created"}), ("installation", {"action": 1, "installation": INSTALLATION}),
    ("installation_repositories", {"action": "added"}),
     ("repository", {"action": "renamed", "repository": {"id": 9}}), ("github_app_authorization",
     {"action": "revoked"}), ("ping", {}), ("star", []), ("star", {"repository": {"id": True}}),
     ("star", b'{"a":1,"a":2}'), ("star", b'{"a":{"b":1,"b":1}}'), ("star", b"[" * 200_000), ("star", b"9" * 5000),
     ("star", b'{"a":NaN}'), ("star", b'{"a":"\\ud800"}')],
)  # fmt: skip
def test_other_events_are_refused_as_malformed(event: str, body: object) -> None:
    assert refused(body, event).code is Code.MALFORMED_DELIVERY

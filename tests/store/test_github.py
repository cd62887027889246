"""The account, installations, repositories and branches as they are kept, listed and searched."""

from __future__ import annotations

import random
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.github_model import Account, Branch
from nanoscale_box.core.model import InstallationId, RepoId, Sha
from nanoscale_box.engine.records import Page
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import NOW, in_memory, installation, later, records_on, repository

ONE, TWO = InstallationId(1), InstallationId(2)


def fill(records: StoreRecords, *names: str) -> None:
    """Repositories with these full names, numbered from 1, in installation 1."""
    records.github.put_repositories([repository(number, name) for number, name in enumerate(names, start=1)], NOW)


def names_of(
    records: StoreRecords, query: str, installation_id: InstallationId | None = None, limit: int = 50
) -> list[str]:
    """The names on all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        rows, cursor = records.github.repositories(installation_id, query, Page(limit=limit, cursor=cursor))
        assert len(rows) <= limit
        found += [row.full_name for row in rows]
        if cursor is None:
            return found


def test_there_is_no_account_at_first_but_a_place_for_its_tokens(records: StoreRecords) -> None:
    assert records.github.account() is None
    assert records.github.tokens() is None
    place = records.github.link_id()
    records.github.put_account(Account(github_user_id=1, login="octo"), "access", "refresh", later(9), NOW)
    assert records.github.link_id() == place
    assert records.github.tokens() == ("access", "refresh", later(9))


def test_another_account_takes_the_place_of_the_first(records: StoreRecords) -> None:
    records.github.put_account(Account(github_user_id=1, login="octo"), "access", "refresh", later(9), NOW)
    records.github.put_account(Account(github_user_id=2, login="other"), "new", None, None, later(5))
    assert records.github.account() == Account(github_user_id=2, login="other")
    assert records.github.tokens() == ("new", None, None)
    records.github.drop_account()
    records.github.drop_account()
    assert records.github.account() is None
    assert records.github.tokens() is None


def test_the_owner_is_the_one_user() -> None:
    with closing(in_memory()) as connection:
        assert connection.execute("SELECT id FROM users").fetchall() == [(records_on(connection).github.owner(),)]


def test_an_installation_is_updated_in_place_and_listed_by_account(records: StoreRecords) -> None:
    records.github.put_installation(replace(installation(1), account_login="zed"), NOW)
    records.github.put_installation(replace(installation(2), account_login="Abc"), NOW)
    changed = replace(installation(1), account_login="zed", suspended=True, permissions={"contents": "read"})
    records.github.put_installation(changed, later(1))
    assert [one.account_login for one in records.github.installations()] == ["Abc", "zed"]
    assert records.github.installation(ONE) == changed
    assert records.github.installation(InstallationId(3)) is None


def test_dropping_an_installation_takes_its_repositories_and_branches(records: StoreRecords) -> None:
    records.github.put_installation(installation(1), NOW)
    records.github.put_repositories([repository(1, "a/a"), repository(2, "b/b", 2)], NOW)
    records.github.put_branches(RepoId(1), [Branch(name="main", sha=Sha("a"))], NOW)
    records.github.drop_installation(ONE)
    assert records.github.installations() == []
    assert names_of(records, "") == ["b/b"]
    assert records.github.branches(RepoId(1), "", Page()) == ([], None)
    assert records.github.branches_synced_at(RepoId(1)) is None


def test_a_repository_is_known_by_its_number_through_renames_and_moves(records: StoreRecords) -> None:
    fill(records, "octo/old")
    moved = repository(1, "other/new", 2)
    records.github.put_repositories([moved], NOW)
    assert records.github.repository(RepoId(1)) == moved
    assert names_of(records, "", ONE) == []
    assert names_of(records, "new", TWO) == ["other/new"]


def test_a_name_may_pass_from_one_repository_to_another(records: StoreRecords) -> None:
    fill(records, "octo/app")
    records.github.put_repositories([repository(2, "octo/app")], NOW)
    assert names_of(records, "", limit=1) == ["octo/app", "octo/app"]
    records.github.drop_repository(RepoId(1))
    assert names_of(records, "app") == ["octo/app"]


def test_what_a_sync_did_not_see_is_dropped_and_named(records: StoreRecords) -> None:
    records.github.put_repositories([repository(number, f"a/{number}") for number in range(1, 6)], NOW)
    records.github.put_repositories([repository(9, "b/9", 2)], NOW)
    assert records.github.drop_repositories(ONE, [RepoId(2), RepoId(4), RepoId(99)]) == [1, 3, 5]
    assert names_of(records, "") == ["a/2", "a/4", "b/9"]
    assert records.github.drop_repositories(ONE, []) == [2, 4]


def test_lists_are_by_full_name_upper_and_lower_case_alike(records: StoreRecords) -> None:
    fill(records, "b/x", "A/x", "a/y", "B/y", "a/X")
    assert names_of(records, "", limit=2) == ["A/x", "a/X", "a/y", "b/x", "B/y"]
    assert names_of(records, "  ", ONE, limit=1) == ["A/x", "a/X", "a/y", "b/x", "B/y"]
    assert names_of(records, "", TWO) == []


def test_a_search_ranks_exact_then_prefix_then_word_then_inside_then_letters(records: StoreRecords) -> None:
    fill(records, "o/unboxed", "o/b-o-x", "o/boxes", "o/my-box", "o/Box", "box/other", "o/nothing")
    assert names_of(records, "box") == ["o/Box", "o/boxes", "o/my-box", "o/unboxed", "o/b-o-x", "box/other"]


def test_few_letters_find_the_name_that_was_meant(records: StoreRecords) -> None:
    fill(records, "octo/nginx-sandbox", "octo/nanoscale-box", "octo/boxes", "octo/answers-in-a-box-of-ox", "octo/nope")
    assert names_of(records, "nsbox")[0] == "octo/nanoscale-box"
    assert names_of(records, "NsBox", ONE)[0] == "octo/nanoscale-box"
    assert names_of(records, "ns box")[0] == "octo/nanoscale-box"
    assert names_of(records, "octo/nanoscale-box") == ["octo/nanoscale-box"]


@pytest.mark.parametrize("query", ["%", "_", "a%b", "[", "*", ".", "\\", "(", "^a$", "\0", "\ud800", "x" * 1_000_000])
def test_letters_with_a_meaning_elsewhere_mean_themselves(records: StoreRecords, query: str) -> None:
    fill(records, "octo/plain")
    assert names_of(records, query) == []


def test_a_percent_sign_and_an_underscore_are_found(records: StoreRecords) -> None:
    fill(records, "octo/under_score", "octo/underscore")
    assert names_of(records, "r_s") == ["octo/under_score"]


def test_ranked_lists_have_pages_too(records: StoreRecords) -> None:
    mixed = random.Random(3)
    fill(records, *{f"octo/{''.join(mixed.choices('boxn-', k=6))}{number}" for number in range(200)})
    whole = names_of(records, "bo", limit=1000)
    assert 50 < len(whole) <= 200
    for limit in (1, 7, len(whole)):
        assert names_of(records, "bo", limit=limit) == whole


def test_a_search_sees_what_changed_since_the_last() -> None:
    with closing(in_memory()) as connection:
        records = records_on(connection, reads_only=True)
        fill(records, "octo/one")
        assert names_of(records, "one") == ["octo/one"]
        records.github.put_repositories([repository(2, "octo/one-more")], NOW)
        assert names_of(records, "one") == ["octo/one", "octo/one-more"]
        records.github.drop_repository(RepoId(1))
        assert names_of(records, "one", ONE) == ["octo/one-more"]


def test_a_search_on_the_writer_forgets_what_was_undone() -> None:
    with closing(in_memory()) as connection:
        records = records_on(connection)
        connection.execute("BEGIN")
        fill(records, "octo/one")
        assert names_of(records, "one") == ["octo/one"]
        connection.execute("ROLLBACK")
        fill(records, "octo/two")
        assert names_of(records, "one") == []
        assert names_of(records, "two") == ["octo/two"]


@settings(max_examples=60, deadline=None)
@given(st.text("abc-/", min_size=1, max_size=4), st.lists(st.text("abc-", min_size=1, max_size=8), max_size=12))
def test_a_search_finds_all_that_hold_the_letters_in_order_and_no_other(query: str, names: list[str]) -> None:
    def holds(name: str) -> bool:
        letters = iter(name)
        return all(letter in letters for letter in query)

    with closing(in_memory()) as connection:
        records = records_on(connection)
        fill(records, *(f"a/{name}" for name in names))
        assert sorted(names_of(records, query, limit=3)) == sorted(f"a/{name}" for name in names if holds(f"a/{name}"))


BRANCHES = [
    Branch(name="feature/x", sha=Sha("1")),
    Branch(name="Main", sha=Sha("2")),
    Branch(name="main", sha=Sha("3"), default=True),
    Branch(name="a-main", sha=Sha("4")),
    Branch(name="日本", sha=Sha("5")),
]


def branch_names(records: StoreRecords, query: str, limit: int) -> list[str]:
    """The names on all pages."""
    found: list[str] = []
    cursor: str | None = None
    while True:
        rows, cursor = records.github.branches(RepoId(7), query, Page(limit=limit, cursor=cursor))
        found += [row.name for row in rows]
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 2, 50])
def test_branches_are_listed_with_the_default_first(records: StoreRecords, limit: int) -> None:
    records.github.put_branches(RepoId(7), BRANCHES, NOW)
    assert branch_names(records, "", limit) == ["main", "Main", "a-main", "feature/x", "日本"]
    assert branch_names(records, "main", limit) == ["main", "Main", "a-main"]
    assert branch_names(records, "本", limit) == ["日本"]
    assert branch_names(records, "zz", limit) == []


def test_branches_are_replaced_as_a_whole(records: StoreRecords) -> None:
    assert records.github.branches_synced_at(RepoId(7)) is None
    records.github.put_branches(RepoId(7), BRANCHES, NOW)
    records.github.put_branches(RepoId(8), BRANCHES, NOW)
    records.github.put_branches(RepoId(7), BRANCHES[:1], later(5))
    assert branch_names(records, "", 50) == ["feature/x"]
    assert records.github.branches_synced_at(RepoId(7)) == later(5)
    records.github.drop_repository(RepoId(7))
    assert records.github.branches_synced_at(RepoId(7)) is None
    assert records.github.branches_synced_at(RepoId(8)) == NOW


def test_a_cursor_of_another_list_is_invalid(records: StoreRecords) -> None:
    fill(records, "octo/a", "octo/ab")
    _, listed = records.github.repositories(None, "", Page(limit=1))
    _, ranked = records.github.repositories(None, "a", Page(limit=1))
    assert listed and ranked
    with pytest.raises(Invalid):
        records.github.repositories(None, "a", Page(cursor=listed))
    with pytest.raises(Invalid):
        records.github.repositories(None, "", Page(cursor=ranked))
    with pytest.raises(Invalid):
        records.github.branches(RepoId(1), "", Page(cursor=ranked))

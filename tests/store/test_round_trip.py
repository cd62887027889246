"""What is read is what was written, whatever it holds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from nanoscale_box.core.errors import Invalid
from nanoscale_box.core.github_model import Account, Branch, Installation, Repository
from nanoscale_box.core.model import DeliveryRow, Deployment, EventKind, Link, Project, RepoId, Sha, Verdict
from nanoscale_box.core.settings import SETTINGS, ProjectSettings
from nanoscale_box.engine.records import Job, Page
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import NOW, delivery, in_memory, project, records_on

texts = st.text(max_size=30)  # without surrogates
whole = st.integers(min_value=-(2**63), max_value=2**63 - 1)
zones = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-11))])
times = st.datetimes(min_value=datetime(1000, 1, 2), max_value=datetime(9999, 12, 30), timezones=zones)  # noqa: DTZ001
for kind, strategy in ((str, texts), (int, whole), (datetime, times)):
    st.register_type_strategy(kind, strategy)

links = st.builds(Link)
settled = st.builds(
    ProjectSettings,
    **{
        name: st.lists(texts, max_size=3).map(tuple)
        if name == "watch_paths"
        else st.none() | st.integers(0, 2**31)
        if "int" in str(ProjectSettings.__annotations__[name])
        else st.none() | texts
        for name in SETTINGS
    },
)
projects = st.builds(
    Project, hosts=st.lists(texts, unique_by=str.casefold, max_size=4).map(tuple), link=st.none(), settings=settled
)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)


@contextmanager
def fresh() -> Iterator[StoreRecords]:
    """A database for one example."""
    with closing(in_memory()) as connection:
        yield records_on(connection)


everything = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@everything
@given(st.tuples(projects, st.none() | links, projects))
def test_projects(case: tuple[Project, Link | None, Project]) -> None:
    first, link, second = case
    with fresh() as records:
        first = replace(first, link=replace(link, project_id=first.id) if link else None)
        records.projects.add(first)
        assert records.projects.get(first.id) == first
        assert records.projects.by_name(first.name) == first
        changed = replace(second, id=first.id)
        records.projects.update(changed)
        assert records.projects.list() == [changed]


@everything
@given(st.builds(Deployment))
def test_deployments(written: Deployment) -> None:
    with fresh() as records:
        records.projects.add(replace(project(), id=written.project_id))
        records.deployments.add(written)
        assert records.deployments.get(written.id) == written
        changed = replace(written, steps=(), failure=None, sha=None)
        records.deployments.update(changed)
        assert records.deployments.latest(written.project_id) == changed


@everything
@given(st.builds(DeliveryRow))
def test_deliveries(written: DeliveryRow) -> None:
    with fresh() as records:
        records.deliveries.add(written)
        assert records.deliveries.get(written.delivery_id) == written
        changed = structs.replace(written, handled=not written.handled, error_message=None)
        records.deliveries.update(changed)
        assert records.deliveries.list(Page()) == ([changed], None)


@everything
@given(st.builds(Verdict))
def test_verdicts(written: Verdict) -> None:
    with fresh() as records:
        records.verdicts.add(written)
        assert records.verdicts.list(None, Page()) == ([written], None)


@everything
@given(st.tuples(st.sampled_from(EventKind), times, st.dictionaries(texts, json_values, max_size=4)))
def test_events(case: tuple[EventKind, datetime, dict[str, object]]) -> None:
    kind, at, data = case
    with fresh() as records:
        written = records.events.add(kind, at, data)
        assert records.events.after(0, 10) == [written]


@everything
@given(st.tuples(st.builds(Account), texts, st.none() | texts, st.none() | times))
def test_accounts(case: tuple[Account, str, str | None, datetime | None]) -> None:
    account, access, refresh, expiry = case
    with fresh() as records:
        records.github.put_account(account, access, refresh, expiry, NOW)
        assert records.github.account() == account
        assert records.github.tokens() == (access, refresh, expiry)


@everything
@given(st.builds(Installation, permissions=st.dictionaries(texts, texts, max_size=3)))
def test_installations(written: Installation) -> None:
    with fresh() as records:
        records.github.put_installation(written, NOW)
        assert records.github.installations() == [written]
        assert records.github.installation(written.installation_id) == written


@everything
@given(st.tuples(st.builds(Repository), times))
def test_repositories(case: tuple[Repository, datetime]) -> None:
    written, now = case
    with fresh() as records:
        records.github.put_repositories([written], now)
        assert records.github.repository(written.repo_id) == replace(written, last_synced_at=now)


@everything
@given(st.lists(st.builds(Branch), unique_by=lambda branch: branch.name, max_size=6))
def test_branches(written: list[Branch]) -> None:
    with fresh() as records:
        repo_id = RepoId(7)
        records.github.put_branches(repo_id, written, NOW)
        found, following = records.github.branches(repo_id, "", Page())
        assert found == sorted(written, key=lambda branch: (not branch.default, branch.name))
        assert following is None


@everything
@given(st.builds(Job))
def test_jobs(written: Job) -> None:
    with fresh() as records:
        records.keeper.add_job(written)
        assert records.keeper.next_job_due() == written.due_at
        assert records.keeper.due_jobs(written.due_at, 5) == [written]


@pytest.mark.parametrize("number", [2**63, -(2**63) - 1, 10**4000])
def test_a_number_that_does_not_fit_is_invalid(records: StoreRecords, number: int) -> None:
    with pytest.raises(Invalid):
        records.deliveries.add(structs.replace(delivery(), status_code=number))
    with pytest.raises(Invalid):
        records.github.repository(RepoId(number))


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_character_is_invalid(records: StoreRecords, text: str) -> None:
    with pytest.raises(Invalid):
        records.deliveries.add(structs.replace(delivery(), ref=text))
    with pytest.raises(Invalid):
        records.projects.by_name(text)
    with pytest.raises(Invalid):
        records.events.add(EventKind.GITHUB, NOW, {"name": text})
    with pytest.raises(Invalid):
        records.github.put_branches(RepoId(7), [Branch(name=text, sha=Sha("a"))], NOW)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_say_is_invalid(records: StoreRecords, value: object) -> None:
    with pytest.raises(Invalid):
        records.events.add(EventKind.GITHUB, NOW, {"value": value})


def test_a_time_without_a_zone_is_a_mistake(records: StoreRecords) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        records.keeper.put_state("digest", "flow", "payload", NOW.replace(tzinfo=None))

"""Projects with their hosts, links and environment."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanoscale_box.core.errors import Code, Conflict, Invalid, NotFound
from nanoscale_box.core.model import DeliveryId, ProjectId, RepoId
from nanoscale_box.engine.records import Page
from nanoscale_box.store.records import StoreRecords
from tests.store.samples import NOW, delivery, deployment, later, linked, project, verdict

P = ProjectId("prj_hello")


def test_a_name_is_given_once(records: StoreRecords) -> None:
    records.projects.add(project())
    with pytest.raises(Conflict) as error:
        records.projects.add(replace(project(), id=ProjectId("prj_2")))
    assert error.value.code is Code.NAME_TAKEN
    assert "hello" in error.value.detail


def test_renaming_to_a_name_in_use_is_refused(records: StoreRecords) -> None:
    records.projects.add(project())
    records.projects.add(project("other"))
    with pytest.raises(Conflict) as error:
        records.projects.update(replace(project("other"), name="hello"))
    assert error.value.code is Code.NAME_TAKEN


@pytest.mark.parametrize("host", ["hello.example.com", "Hello.Example.COM"])
def test_a_host_is_given_once(records: StoreRecords, host: str) -> None:
    records.projects.add(replace(project(), hosts=("hello.example.com",)))
    with pytest.raises(Conflict) as error:
        records.projects.add(replace(project("other"), hosts=(host,)))
    assert error.value.code is Code.NAME_TAKEN
    assert host in error.value.detail


def test_hosts_keep_their_order_and_can_be_changed(records: StoreRecords) -> None:
    for hosts in (("b", "a", "c"), ("c", "b"), (), ("d",)):
        if records.projects.get(P):
            records.projects.update(replace(project(), hosts=hosts))
        else:
            records.projects.add(replace(project(), hosts=hosts))
        found = records.projects.get(P)
        assert found is not None and found.hosts == hosts
        assert [one.hosts for one in records.projects.list()] == [hosts]


def test_projects_are_listed_by_name(records: StoreRecords) -> None:
    for name in ("b", "c", "a"):
        records.projects.add(linked(name))
    assert [one.name for one in records.projects.list()] == ["a", "b", "c"]
    assert [one.name for one in records.projects.on_repository(RepoId(7))] == ["a", "b", "c"]


def test_a_project_is_found_by_its_repository_active_or_not(records: StoreRecords) -> None:
    records.projects.add(linked("a", 7))
    inactive = linked("b", 7)
    assert inactive.link is not None
    inactive = replace(inactive, link=replace(inactive.link, active=False, webhook_id=5))
    records.projects.add(inactive)
    records.projects.add(linked("c", 8))
    records.projects.add(project("d"))
    assert [one.name for one in records.projects.on_repository(RepoId(7))] == ["a", "b"]
    assert records.projects.by_webhook(5) == [inactive]
    assert records.projects.by_webhook(6) == []


def test_a_link_comes_goes_and_comes_again_without_its_secret(records: StoreRecords) -> None:
    records.projects.add(linked())
    assert records.projects.link_secret(P) is None
    records.projects.set_link_secret(P, "sealed")
    records.projects.update(replace(linked(), updated_at=later(5)))
    assert records.projects.link_secret(P) == "sealed"
    records.projects.update(project())
    assert records.projects.link_secret(P) is None
    with pytest.raises(NotFound):
        records.projects.set_link_secret(P, "sealed")
    records.projects.update(linked())
    assert records.projects.get(P) == linked()
    assert records.projects.link_secret(P) is None


def test_a_link_of_another_project_is_refused(records: StoreRecords) -> None:
    with pytest.raises(Invalid):
        records.projects.add(replace(project(), link=linked("other").link))


def test_what_is_not_there_is_none_and_cannot_be_updated(records: StoreRecords) -> None:
    assert records.projects.get(P) is None
    assert records.projects.by_name("hello") is None
    assert records.projects.env(P) == []
    with pytest.raises(NotFound):
        records.projects.update(project())
    with pytest.raises(NotFound):
        records.projects.put_env(P, "KEY", "sealed", NOW)
    records.projects.remove(P)
    records.projects.drop_env(P, "KEY")


def test_variables_are_kept_by_key(records: StoreRecords) -> None:
    records.projects.add(project())
    records.projects.put_env(P, "B", "one", NOW)
    records.projects.put_env(P, "A", "x" * 1_000_000, NOW)
    records.projects.put_env(P, "B", "two", later(1))
    assert records.projects.env(P) == [("A", "x" * 1_000_000, NOW), ("B", "two", later(1))]
    records.projects.drop_env(P, "A")
    assert [key for key, _, _ in records.projects.env(P)] == ["B"]


def test_removing_a_project_takes_what_belongs_to_it_and_nothing_else(records: StoreRecords) -> None:
    records.projects.add(replace(linked(), hosts=("hello.localhost",)))
    records.projects.add(linked("other"))
    records.projects.put_env(P, "A", "sealed", NOW)
    records.deployments.add(deployment())
    records.deployments.add(deployment(1, "other"))
    records.deployments.keep_plan(deployment().id, "{}", "sealed")
    records.deliveries.add(delivery())
    records.verdicts.add(verdict())

    records.projects.remove(P)

    assert records.projects.get(P) is None
    assert records.projects.env(P) == []
    assert records.deployments.get(deployment().id) is None
    assert records.deployments.plan_of(deployment().id) is None
    assert [one.name for one in records.projects.on_repository(RepoId(7))] == ["other"]
    assert records.deployments.get(deployment(1, "other").id) == deployment(1, "other")
    assert records.deliveries.get(DeliveryId("guid-1")) == delivery()
    assert records.verdicts.list(P, Page()) == ([verdict()], None)
    records.projects.add(replace(project(), hosts=("hello.localhost",)))

"""Projects: what may be created and changed, secrets that only go in, and a deletion that leaves nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nanoscale_box.core.errors import BoxError, Code, Conflict, DeployFailed, Invalid, NotFound
from nanoscale_box.core.model import EnvVar, SourceProvider
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.records import Records
from nanoscale_box.engine.views import NewProject, ProjectChanges
from tests.engine.house import House, S, open_house, sha
from tests.fake_github import INSTALLATION, REPO, repository

URL = "https://github.com/ada/site"
GITHUB: dict[str, Any] = {"installation_id": INSTALLATION, "repo_id": REPO, "selected_branch": "main"}


def env(**values: str) -> tuple[EnvVar, ...]:
    return tuple(EnvVar(key=key, value=Secret(value)) for key, value in values.items())


async def manual(house: House, number: int = 1, name: str | None = None) -> None:
    house.world.heads[f"{URL}.git", "main"] = house.world.heads[URL, "main"] = sha(number)
    await house.engine.projects.create(NewProject(repo_url=URL, name=name))


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({}, Code.INVALID_SOURCE),
        ({"repo_url": URL, **GITHUB}, Code.INVALID_SOURCE),
        ({"repo_id": REPO, "selected_branch": "main"}, Code.INVALID_SOURCE),
        ({"repo_url": "https://evil.example.org/a/b"}, Code.INVALID_URL),
        ({"repo_url": "https://user:hunter2@github.com/a/b"}, Code.INVALID_URL),
        ({"repo_url": "file:///etc/passwd"}, Code.INVALID_URL),
        ({"repo_url": URL, "branch": "--upload-pack=x"}, Code.INVALID_BRANCH),
        ({"repo_url": URL, "branch": ""}, Code.INVALID_BRANCH),
        ({**GITHUB, "selected_branch": "a..b"}, Code.INVALID_BRANCH),
        ({**GITHUB, "selected_branch": None}, Code.INVALID_BRANCH),
        ({"repo_url": URL, "name": "Not A Name"}, Code.INVALID_NAME),
        ({"repo_url": URL, "name": "hello"}, Code.NAME_TAKEN),
        ({"repo_url": URL, "domains": ("hello.localhost",)}, Code.NAME_TAKEN),
        ({"repo_url": URL, "env": env(LD_PRELOAD="x")}, Code.INVALID_ENV),
        ({"repo_url": URL, "env": (*env(A="1"), *env(A="2"))}, Code.INVALID_ENV),
        ({**GITHUB, "repo_id": 5555}, Code.REPOSITORY_UNKNOWN),
        ({**GITHUB, "installation_id": 666}, Code.REPOSITORY_UNKNOWN),
        ({**GITHUB, "installation_id": 666, "repo_id": 5555}, Code.INSTALLATION_UNKNOWN),
    ],
)
async def test_what_cannot_be_right_is_refused_and_leaves_nothing(
    house: House, asked: dict[str, Any], code: Code
) -> None:
    await house.live(1)
    before = (await house.engine.projects.list(), await house.engine.feed.last_id())
    with pytest.raises(BoxError) as refused:
        await house.engine.projects.create(NewProject(**asked))
    assert refused.value.code is code
    assert (await house.engine.projects.list(), await house.engine.feed.last_id()) == before
    assert "hunter2" not in refused.value.detail


async def test_a_manual_project_needs_no_github_at_all(tmp_path: Path) -> None:
    async with open_house(tmp_path, app=None, webhooks=False) as house:
        await manual(house)
        await house.idle()
        view = await house.engine.projects.get("site")
        assert (view.state, view.url, view.project.source_provider) == (
            "live",
            "http://site.localhost:8080",
            SourceProvider.MANUAL,
        )
        assert not [name for name in house.world.calls.names if name.startswith("github.")]
        await manual(house, 2, name="second")
        await house.engine.polling.poll()
        await house.idle()
        assert house.serves("site") == house.serves("second") == sha(2)
        await house.check_clean()


async def test_names_and_urls_come_from_github_by_id(house: House) -> None:
    await house.connect()
    house.commit(1)
    view, deployment = await house.engine.projects.create(NewProject(**GITHUB))
    assert (view.project.name, view.state, deployment.trigger) == ("hello", "new", "create")
    link = view.project.link
    assert link and (link.full_name, link.is_private, link.repo_node_id) == ("ada/hello", True, "R_1001")
    assert view.project.repo_url is None
    second, _ = await house.engine.projects.create(NewProject(**GITHUB))
    assert second.project.name != "hello"


async def test_a_repository_that_the_cache_lacks_is_asked_for(house: House) -> None:
    await house.connect()
    fresh = repository(1003, "fresh")
    house.hub.repositories[fresh.repo_id] = fresh
    house.commit(1, repo_id=1003)
    await house.create("fresh", repo_id=1003)
    await house.idle()
    assert house.serves("fresh") == sha(1)


async def test_a_disabled_repository_is_refused(house: House) -> None:
    house.hub.repositories[REPO] = repository(disabled=True)
    await house.connect()
    with pytest.raises(Conflict):
        await house.create()


async def test_values_of_variables_go_in_sealed_and_come_out_only_in_the_app(house: House) -> None:
    await house.live(1)
    projects = house.engine.projects
    await projects.replace_env("hello", [("A", Secret("first-value")), ("B", Secret("second-value"))])
    names = await projects.replace_env("hello", [("B", None), ("C", Secret("third-value"))])
    assert [name.key for name in names] == ["B", "C"]
    assert {name.key for name in await projects.env("hello")} == {"B", "C"}
    with pytest.raises(Invalid) as refused:
        await projects.replace_env("hello", [("NEW", None)])
    assert refused.value.code is Code.INVALID_ENV
    for wrong in ([("PATH", Secret("x"))], [("A", Secret("1")), ("A", Secret("2"))], [("a b", Secret("1"))]):
        with pytest.raises(Invalid):
            await projects.replace_env("hello", wrong)
    assert [name.key for name in await projects.env("hello")] == ["B", "C"]
    await house.push(2)
    await house.idle()
    given = house.world.environments[house.world.starts[-1]]
    assert {one.key: one.value.reveal() for one in given} == {"B": "second-value", "C": "third-value"}
    for file in house.path.glob("box.db*"):
        assert b"-value" not in file.read_bytes()


async def test_a_sealed_value_moved_to_another_project_does_not_open(house: House) -> None:
    await house.live(1)
    await house.live(10, "other", repo_id=1002)
    await house.engine.projects.replace_env("hello", [("KEY", Secret("secret"))])
    hello, other = await house.project(), await house.project("other")

    def steal(records: Records) -> None:
        ((key, sealed, at),) = records.projects.env(hello.id)
        records.projects.put_env(other.id, key, sealed, at)

    await house.database.write(steal)
    await house.engine.projects.redeploy("other", clear_cache=False)
    await house.idle()
    failure = (await house.newest("other")).failure
    assert failure and failure.code == Code.SEAL_BROKEN


async def test_a_new_name_answers_at_once_and_the_old_one_no_more(house: House) -> None:
    await house.live(1)
    view = await house.engine.projects.change(
        "hello", ProjectChanges(fields={"name": "bye", "domains": ["x.example.org"]})
    )
    assert (view.project.name, view.project.hosts) == ("bye", ("bye.localhost", "x.example.org"))
    assert house.serves("bye") == house.world.serves("x.example.org") == sha(1)
    assert set(house.world.routes) == {"bye.localhost", "x.example.org"}
    await house.engine.projects.change("bye", ProjectChanges(fields={"domains": []}))
    assert set(house.world.routes) == {"bye.localhost"}
    await house.check_clean()


async def test_settings_are_kept_and_those_that_cannot_be_right_change_nothing(house: House) -> None:
    house.world.heads[URL, "main"] = sha(1)
    asked = NewProject(repo_url=URL, name="mine", settings={"memory_mb": 256, "watch_paths": ["src/**"]})
    view, _ = await house.engine.projects.create(asked)
    assert (view.project.settings.memory_mb, view.project.settings.watch_paths) == (256, ("src/**",))
    changes = {"memory_mb": None, "stop_seconds": 5}
    changed = await house.engine.projects.change("mine", ProjectChanges(fields=changes))
    assert (changed.project.settings.memory_mb, changed.project.settings.stop_seconds) == (None, 5)
    for wrong in ({"stop_seconds": -1}, {"health_status": "9"}, {"watch_paths": ["/etc"]}):
        with pytest.raises(Invalid):
            await house.engine.projects.change("mine", ProjectChanges(fields=wrong))
        with pytest.raises(Invalid):
            await house.engine.projects.create(NewProject(repo_url=URL, name="other", settings=wrong))
    assert (await house.engine.projects.get("mine")).project.settings == changed.project.settings


async def test_changes_take_effect_with_the_next_deployment(house: House) -> None:
    await house.live(1)
    house.commit(7, branch="next")
    changes = {"branch": "next", "run_command": "serve --fast", "root_directory": "app"}
    view = await house.engine.projects.change("hello", ProjectChanges(fields=changes))
    assert view.project.link and view.project.link.selected_branch == "next"
    assert house.serves() == sha(1)
    assert (await house.push(2)).verdicts[0].code == "other_branch"
    await house.push(8, branch="next")
    await house.idle()
    assert house.serves() == sha(8)


@pytest.mark.parametrize(
    "fields",
    [
        {"name": "Not A Name"},
        {"branch": "a..b"},
        {"domains": ["-"]},
        {"domains": "x.org"},
        {"id": "x"},
        {"name": "other"},
    ],
)
async def test_a_change_that_cannot_be_is_refused_whole(house: House, fields: dict[str, Any]) -> None:
    await house.live(1)
    await house.live(10, "other", repo_id=1002)
    before = await house.project()
    with pytest.raises(BoxError):
        await house.engine.projects.change("hello", ProjectChanges(fields={"run_command": "x", **fields}))
    assert await house.project() == before


async def test_a_pause_holds_pushes_back_and_its_end_lets_them_in(house: House) -> None:
    await house.live(1)
    await house.engine.projects.change("hello", ProjectChanges(fields={"paused": True}))
    assert (await house.push(2)).verdicts[0].reason == "hello is paused: by you"
    await house.engine.polling.poll()
    await house.idle()
    assert house.serves() == sha(1)
    resumed = await house.engine.projects.resume("hello")
    assert resumed and resumed.trigger == "manual"
    await house.idle()
    assert house.serves() == sha(2)
    assert await house.engine.projects.resume("hello") is None


async def test_a_pause_of_githubs_is_not_lifted_by_a_change(house: House) -> None:
    project = await house.live(1)
    assert project.link
    out = replace(project, link=replace(project.link, active=False), paused_reason="gone")
    await house.database.write(lambda records: records.projects.update(out))
    for lift in (
        house.engine.projects.change("hello", ProjectChanges(fields={"paused": False})),
        house.engine.projects.resume("hello"),
    ):
        with pytest.raises(Conflict):
            await lift
    assert (await house.project()).paused_reason == "gone"


async def test_a_deletion_leaves_nothing(house: House) -> None:
    await house.live(1)
    await house.live(10, "other", repo_id=1002)
    await house.engine.projects.replace_env("hello", [("A", Secret("1"))])
    project = await house.project()
    await house.engine.projects.delete("hello")
    await house.idle()
    assert {release.project_id for release in house.world.running} == {(await house.project("other")).id}
    assert set(house.world.routes) == house.world.hosts == {"other.localhost"}
    assert house.world.discarded == [project.id]
    assert house.world.forgotten == ["github-1001"]
    assert [key for key, _ in house.hub.hooks] == [1002]
    with pytest.raises(NotFound):
        await house.engine.projects.get("hello")
    await house.check_clean()
    assert (await house.push(2)).verdicts[0].code == "no_project"
    await house.create()
    await house.idle()
    assert house.serves() == sha(2)


async def test_a_mirror_that_another_project_uses_is_kept(house: House) -> None:
    await house.live(1)
    house.commit(5, branch="next")
    await house.create("staging", branch="next")
    await house.idle()
    await house.engine.projects.delete("hello")
    assert house.world.forgotten == []
    await house.engine.projects.delete("staging")
    assert house.world.forgotten == ["github-1001"]


async def test_a_deletion_that_failed_half_way_can_be_done_again(house: House) -> None:
    await house.live(1)
    house.world.calls.fail("ingress.remove", Conflict(Code.INGRESS_FAILED, "no"))
    with pytest.raises(Conflict):
        await house.engine.projects.delete("hello")
    await house.engine.projects.delete("hello")
    assert (house.world.running, house.world.folders) == ({}, {})


async def test_a_rollback_pins_and_holds_pushes_back_until_resumed(house: House) -> None:
    await house.live(1)
    await house.engine.projects.replace_env("hello", [("WHICH", Secret("second"))])
    await house.push(2)
    await house.idle()
    await house.engine.projects.replace_env("hello", [])
    rollback = await house.engine.projects.rollback("hello", None)
    await house.idle()
    assert house.serves() == sha(1)
    assert await house.states() == ["retired", "retired", "live"]
    project = await house.project()
    first = (await house.deployments())[0]
    assert project.pinned_deployment_id == first.id and project.paused_reason and "#1" in project.paused_reason
    assert (await house.newest()).id == rollback.id
    await house.check_clean()
    assert (await house.push(3)).verdicts[0].code == "paused"
    await house.engine.polling.poll()
    await house.idle()
    assert house.serves() == sha(1)
    await house.restart()
    assert house.serves() == sha(1)
    await house.engine.projects.resume("hello")
    await house.idle()
    assert house.serves() == sha(3)
    assert (await house.project()).pinned_deployment_id is None
    await house.check_clean()


async def test_a_rollback_starts_the_release_with_the_environment_it_had(house: House) -> None:
    await house.live(1)
    await house.engine.projects.replace_env("hello", [("WHICH", Secret("second"))])
    for number in (2, 3):
        await house.push(number)
        await house.idle()
    await house.engine.projects.replace_env("hello", [("WHICH", Secret("now"))])
    builds = house.world.calls.count("builder.build")
    await house.engine.projects.rollback("hello", (await house.deployments())[1].id)
    await house.idle()
    assert house.serves() == sha(2)
    assert [v.value.reveal() for v in house.world.environments[house.world.starts[-1]]] == ["second"]
    assert house.world.calls.count("builder.build") == builds


async def test_a_rollback_to_what_runs_or_is_not_kept_is_refused(house: House) -> None:
    await house.live(1)
    live = await house.newest()
    with pytest.raises(Conflict):
        await house.engine.projects.rollback("hello", live.id)
    with pytest.raises(NotFound):
        await house.engine.projects.rollback("hello", None)
    for number in range(2, 9):
        await house.push(number)
        await house.idle()
    with pytest.raises(NotFound):
        await house.engine.projects.rollback("hello", live.id)
    assert (await house.project()).paused_reason is None


async def test_a_release_that_a_rollback_waits_for_is_not_discarded(tmp_path: Path) -> None:
    async with open_house(tmp_path / "two", keep=2) as small:
        await small.live(1)
        await small.push(2)
        await small.idle()
        await small.push(3)
        await small.engine.projects.rollback("hello", (await small.deployments())[0].id)
        await small.idle()
        assert small.serves() == sha(1)
        await small.engine.projects.resume("hello")
        await small.idle()
        await small.push(4)
        await small.idle()
        assert small.serves() == sha(4)
        await small.check_clean()


async def test_what_differs_from_the_head_is_shown_with_its_reason(house: House) -> None:
    await house.live(1)
    assert (await house.engine.projects.get("hello")).drift is None
    house.world.broken.add(sha(2))
    await house.push(2)
    drift = (await house.engine.projects.get("hello")).drift
    assert drift and drift.reason == "#2 is queued"
    await house.idle()
    drift = (await house.engine.projects.get("hello")).drift
    assert drift and drift.reason == "#2 failed: the build failed"


async def test_a_plan_is_shown_and_nothing_is_left_of_looking(house: House) -> None:
    await house.live(1)
    plan, missing = await house.engine.projects.plan("hello")
    assert plan.kind == "procfile" and missing == ()
    await house.check_clean()


@pytest.mark.parametrize(
    ("pattern", "hint"), [(None, "push it, or choose another"), ("v*", "push one, or choose others")]
)
async def test_a_plan_without_a_head_names_a_command_only_for_a_project_there_is(
    house: House, pattern: str | None, hint: str
) -> None:
    await house.live(1)
    settings = {"tag_pattern": pattern}
    await house.engine.projects.change("hello", ProjectChanges(fields=settings))
    house.world.heads.clear()
    with pytest.raises(DeployFailed, match="the repository has no") as refused:
        await house.engine.projects.plan("hello")
    assert refused.value.hint.startswith(f"{hint}: nanoscale-box projects set hello --")
    with pytest.raises(DeployFailed, match="the repository has no") as refused:
        await house.engine.projects.plan_anew(NewProject(name="later", repo_url=URL, settings=settings))
    assert refused.value.hint == hint


async def test_unknown_names_are_not_found(house: House) -> None:
    for call in (
        house.engine.projects.get("x"),
        house.engine.projects.delete("x"),
        house.engine.projects.redeploy("x", clear_cache=False),
        house.engine.projects.rollback("x", None),
        house.engine.projects.resume("x"),
        house.engine.projects.env("x"),
    ):
        with pytest.raises(NotFound):
            await call
    assert S.LIVE not in [view.state for view in await house.engine.projects.list()]


async def test_deleting_a_project_after_down_leaves_the_ingress_stopped(house: House) -> None:
    await house.live(1)
    await house.engine.projects.down()
    before = house.world.calls.count("ingress.start")
    await house.engine.projects.delete("hello")
    assert house.world.calls.count("ingress.start") == before

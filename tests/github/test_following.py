"""Installations, scopes and repositories change on GitHub, and the box follows while it watches."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from nanoscale_box.client.errors import ApiError
from nanoscale_box.core.github import sign
from nanoscale_box.core.model import DeliveryId, Project, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.sandbox.hooks import events
from nanoscale_box.sandbox.model import InstallationId as SandboxInstallationId
from tests.github.stand import PERMISSIONS, WEBHOOK, Stand


async def change(stand: Stand, project: Project, **order: object) -> Project:
    """Something happens to the project's repository on GitHub; the project as it is afterwards."""
    assert project.link
    await stand.order(f"repos/{project.link.repo_id}", order)
    await stand.sandbox.settled()
    await stand.idle()
    return await stand.project(project.id)


async def push(stand: Stand, repo: str | int = "ada/hello") -> str:
    pushed = await stand.order("push", {"repo": repo, "files": {"page.txt": str(stand.time.now())}})
    await stand.wait(2)
    return str(pushed["after"])


async def test_suspended_and_let_go_on(connected: Stand) -> None:
    project = await connected.create()
    live = connected.serves()
    path = f"installations/{connected.installation_id}"
    await connected.order(path, {"action": "suspend"})
    await connected.synced()
    paused = await connected.project(project.id)
    assert paused.paused_reason == "the installation is suspended on GitHub" and connected.serves() == live
    assert (await connected.client.github_status()).installations[0].suspended
    asked = len(await connected.requests("", "/repositories/"))
    await connected.engine.polling.poll()
    with pytest.raises(ApiError) as refused:
        await connected.client.branches(await connected.repo("ada/website"))
    assert refused.value.problem.code == "installation_suspended"
    assert len(await connected.requests("", "/repositories/")) == asked
    await connected.order(path, {"action": "unsuspend"})
    await connected.synced()
    assert not (await connected.project(project.id)).paused
    assert await push(connected) == connected.serves()


async def test_permissions_that_were_newly_accepted_show_at_once(connected: Stand) -> None:
    some, all_ = {"contents": "read", "metadata": "read"}, PERMISSIONS
    path = f"installations/{connected.installation_id}"
    for given, missing in ((some, ["repository_hooks: write"]), (all_, [])):
        await connected.order(path, {"action": "accept_permissions", "permissions": given})
        (found,) = (await connected.client.github_status()).installations
        assert found.missing_permissions == missing
    told = [one for one in await connected.changes() if one.get("action") == "new_permissions_accepted"]
    assert len(told) == 2


async def test_removed_and_installed_again(connected: Stand) -> None:
    project = await connected.create()
    live = connected.serves()
    await connected.order(f"installations/{connected.installation_id}", {"action": "delete"})
    await connected.synced()
    assert (await connected.project(project.id)).paused_reason == "the App was removed from the account on GitHub"
    assert connected.serves() == live and (await connected.client.repos()).items == []
    slug = (await connected.ask("state"))["apps"][0]["slug"]
    await connected.order("installations", {"app": slug})
    await connected.synced()
    again = await connected.project(project.id)
    assert not again.paused and again.link and again.link.installation_id == connected.installation_id
    assert await push(connected) == connected.serves()


async def test_a_second_account_comes_under_the_same_app(stand: Stand) -> None:
    stand.given = await stand.make_app(public=True)
    await stand.restart()
    stand.sandbox.install(next(iter(stand.sandbox.state.apps.values())), repos=["ada/hello"])
    await stand.authorise(await stand.browser.open((await stand.client.start_connect()).redirect_url))
    await stand.synced()
    assert [one.full_name for one in (await stand.client.repos()).items] == ["ada/hello"]
    await stand.order("installations", {"app": "by-hand", "account": "analytical"})
    await stand.synced()
    found = (await stand.client.github_status()).installations
    assert [(one.account_login, one.repository_selection) for one in found] == [
        ("ada", "selected"), ("analytical", "all"),
    ]  # fmt: skip
    engine = await stand.client.repos(installation_id=found[1].installation_id)
    assert [one.full_name for one in engine.items] == ["analytical/engine"]


async def test_what_leaves_the_selection_pauses_and_what_comes_back_goes_on(connected: Stand) -> None:
    project = await connected.create()
    path = f"installations/{connected.installation_id}"
    await connected.order(path, {"action": "select", "repos": ["ada/website"]})
    out = await connected.project(project.id)
    assert out.paused_reason == "the repository is not within the installation's scope any more"
    await connected.synced()
    assert [one.full_name for one in (await connected.client.repos()).items] == ["ada/website"]
    assert (await connected.client.installations())[0].repository_selection == "selected"
    await connected.client.redeploy(project.id)
    await connected.idle()
    latest = (await connected.engine.projects.get(project.id)).latest
    assert latest and latest.failure and latest.failure.code == "repository_unknown"
    await connected.order(path, {"action": "select", "repos": "all"})
    await connected.synced()
    assert not (await connected.project(project.id)).paused
    assert await push(connected) == connected.serves()


async def test_a_repository_created_meanwhile_shows(connected: Stand) -> None:
    await connected.order("repos", {"name": "fresh"})
    await connected.synced()
    assert [one.full_name for one in (await connected.client.repos(query="fresh")).items] == ["ada/fresh"]


async def test_a_renamed_repository_goes_on_and_its_old_name_is_nobodys(connected: Stand) -> None:
    project = await connected.create()
    renamed = await change(connected, project, rename="world")
    assert renamed.link and renamed.link.full_name == "ada/world" and not renamed.paused
    other = await connected.order("repos", {"name": "hello", "files": {"index.html": "not ours"}})
    before = connected.serves()
    await push(connected, other["id"])
    assert connected.serves() == before and await connected.verdict() == "no_project"
    assert await push(connected, renamed.link.repo_id) == connected.serves()
    assert connected.heads.remotes[-1].url.endswith("/ada/world.git")


async def test_a_rename_that_nobody_told_is_fetched_by_id(connected: Stand) -> None:
    """The old name is another repository's, and the box knows neither."""
    project = await connected.create()
    await connected.order("faults", {"match": {"event": "."}, "kind": "drop", "times": None})
    assert project.link
    await connected.order(f"repos/{project.link.repo_id}", {"rename": "world"})
    await connected.order("repos", {"name": "hello", "private": False, "files": {"index.html": "not ours"}})
    await connected.no_more_faults()
    pushed = await push(connected, project.link.repo_id)
    assert connected.serves() == pushed and connected.heads.remotes[-1].url.endswith("/ada/world.git")
    await connected.synced()
    link = (await connected.project(project.id)).link
    assert link and link.full_name == "ada/world"


@pytest.mark.parametrize("known", [True, False])
async def test_a_transfer_goes_on_where_the_app_is_and_pauses_where_it_is_not(stand: Stand, known: bool) -> None:
    stand.given = await stand.make_app(public=True)
    await stand.restart()
    app = next(iter(stand.sandbox.state.apps.values()))
    stand.sandbox.install(app)
    if known:
        stand.sandbox.install(app, "analytical")
    await stand.authorise(await stand.browser.open((await stand.client.start_connect()).redirect_url))
    await stand.synced()
    project = await stand.create()
    live = stand.serves()
    await change(stand, project, transfer="analytical")
    await stand.synced()
    moved = await stand.project(project.id)
    assert moved.paused is not known and stand.serves() == live
    if known:
        assert moved.link and moved.link.full_name == "analytical/hello"
        assert moved.link.installation_id != stand.installation_id
    else:
        assert moved.paused_reason == "the repository is not within the installation's scope any more"


async def test_archived_deleted_private_and_public(connected: Stand) -> None:
    project = await connected.create()
    live = connected.serves()
    public = await change(connected, project, private=False)
    assert public.link and not public.link.is_private
    private = await change(connected, project, private=True)
    assert private.link and private.link.is_private
    archived = await change(connected, project, archived=True)
    assert archived.paused_reason == "the repository is archived on GitHub"
    assert (await connected.client.repos(query="hello")).items[0].archived
    back = await change(connected, project, archived=False)
    assert not back.paused and connected.serves() == live
    deleted = await change(connected, project, delete=True)
    assert deleted.paused and connected.serves() == live
    await connected.synced()
    assert (await connected.project(project.id)).paused
    assert not (await connected.client.repos(query="hello")).items


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("ping", {"zen": "", "hook_id": 1}),
        ("meta", {"action": "deleted", "hook_id": 12345}),
        ("star", {"action": "created"}),
        ("an_event_of_tomorrow", {"action": "whatever", "x": [1]}),
    ],
)
async def test_what_is_not_known_is_answered_well_and_recorded(
    connected: Stand, event: str, body: dict[str, object]
) -> None:
    raw = json.dumps(body).encode()
    delivery_id = DeliveryId(str(uuid4()))
    (app,) = (await connected.ask("state"))["apps"]
    headers = {
        "Content-Type": "application/json",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": delivery_id,
        "X-Hub-Signature-256": sign(Secret(app["hook"]["secret"]), raw),
        "X-GitHub-Hook-Installation-Target-Type": "integration",
    }
    async with connected.http.post(connected.url + WEBHOOK, data=raw, headers=headers) as answer:
        assert answer.status == 200, await answer.text()
        assert (await answer.json())["reason"]
    row = await connected.database.read(lambda records: records.deliveries.get(delivery_id))
    assert row is not None and row.handled and row.event_type == event


async def test_actions_of_tomorrow_are_answered_well(connected: Stand) -> None:
    project = await connected.create()
    world = connected.sandbox.world
    repo = next(one for one in world.state.repos.values() if one.name == "hello")
    installation = world.state.installations[SandboxInstallationId(connected.installation_id)]
    events.repository_changed(world, repo, "of_tomorrow", world.state.owner(repo))
    events.installation_changed(world, installation, "of_tomorrow", world.state.owner(repo))
    await connected.sandbox.settled()
    told = [one for one in (await connected.ask("deliveries"))["deliveries"] if one["action"] == "of_tomorrow"]
    assert [(one["event"], one["status_code"]) for one in told] == [("repository", 200), ("installation", 200)]
    assert not (await connected.project(project.id)).paused


async def test_a_repository_outside_the_scope_is_asked_about_by_nobody(connected: Stand) -> None:
    other = next(one.id for one in connected.sandbox.state.repos.values() if one.name == "engine")
    with pytest.raises(ApiError) as refused:
        await connected.client.branches(other)
    assert refused.value.problem.code == "repository_unknown"
    assert await connected.requests("", f"/repositories/{RepoId(other)}") == []

"""Disconnecting takes everything back at GitHub and leaves what runs alone; connecting again goes on where it was."""

from __future__ import annotations

from tests.github.stand import Stand


async def connect_again(stand: Stand) -> None:
    page = await stand.browser.open((await stand.client.start_connect()).redirect_url)
    assert "GitHub is connected</h1>" in (await stand.authorise(page)).text
    await stand.synced()


async def test_disconnect_and_connect_again(connected: Stand) -> None:
    project = await connected.create()
    live = connected.serves()
    await connected.client.disconnect()
    await connected.idle()
    state = await connected.ask("state")
    assert state["grants"] == [] and state["user_tokens"] == [] and state["hooks"] == []
    assert await connected.database.read(lambda records: records.github.tokens()) is None
    paused = await connected.project(project.id)
    assert paused.paused_reason == "GitHub was disconnected" and paused.link and paused.link.webhook_id is None
    assert connected.serves() == live
    assert (await connected.client.github_status()).state == "registered"
    pushed = await connected.order("push", {"repo": "ada/hello", "files": {"page.txt": "meanwhile"}})
    await connected.wait(5)
    assert connected.serves() == live and await connected.verdict(project.id) == "paused"
    asked = len(await connected.requests("", "/api/v3/"))
    await connected.engine.polling.poll()
    await connected.wait(3600)
    assert len(await connected.requests("", "/api/v3/")) == asked, "nothing is asked while disconnected"
    await connect_again(connected)
    again = await connected.project(project.id)
    assert not again.paused and again.link and again.link.webhook_id == (await connected.hooks())[0]["id"]
    await connected.engine.polling.poll()
    await connected.wait(5)
    assert connected.serves() == pushed["after"]


async def test_disconnecting_while_github_is_down_is_finished_later(connected: Stand) -> None:
    project = await connected.create()
    await connected.fault("", "/api/v3/", status=503, times=None)
    await connected.client.disconnect()
    assert (await connected.client.github_status()).state == "registered"
    assert (await connected.project(project.id)).paused
    await connected.wait(20)
    await connected.restart()
    assert (await connected.ask("state"))["grants"] and await connected.hooks()
    await connected.no_more_faults()
    await connected.wait(3600)
    state = await connected.ask("state")
    assert state["grants"] == [] and state["hooks"] == []


async def test_connecting_again_before_the_hook_was_removed_keeps_it(connected: Stand) -> None:
    project = await connected.create()
    await connected.fault("DELETE", "/hooks/", status=503, times=None)
    await connected.client.disconnect()
    await connected.wait(5)
    await connect_again(connected)
    await connected.no_more_faults()
    await connected.wait(3600)
    (hook,) = await connected.hooks()
    link = (await connected.project(project.id)).link
    assert link and link.webhook_id == hook["id"]


async def test_a_pause_of_the_owners_own_outlives_both(connected: Stand) -> None:
    project = await connected.create()
    from nanoscale_box.engine.views import ProjectChanges

    await connected.engine.projects.change(project.id, ProjectChanges(fields={"paused": True}))
    await connected.client.disconnect()
    await connect_again(connected)
    assert (await connected.project(project.id)).paused_reason == "by you"


async def test_disconnecting_twice_forgets_the_app_and_projects_find_a_new_one(connected: Stand) -> None:
    project = await connected.create()
    await connected.client.disconnect()
    await connected.idle()
    await connected.client.disconnect()
    assert (await connected.client.github_status()).state == "unconfigured"
    (app,) = (await connected.ask("state"))["apps"]
    await connected.order(f"apps/{app['slug']}", {"delete": True})
    await connected.connect()
    again = await connected.project(project.id)
    assert again.link and again.link.installation_id == connected.installation_id and not again.paused
    pushed = await connected.order("push", {"repo": "ada/hello", "files": {"page.txt": "new app"}})
    await connected.wait(5)
    assert connected.serves() == pushed["after"]


async def test_an_app_deleted_on_github_can_be_disconnected_and_replaced(connected: Stand) -> None:
    (app,) = (await connected.ask("state"))["apps"]
    await connected.order(f"apps/{app['slug']}", {"delete": True})
    await connected.client.disconnect()
    await connected.client.disconnect()
    await connected.connect()
    assert (await connected.client.github_status()).connected


async def test_after_a_grant_was_revoked_on_github_one_step_back_is_not_two(connected: Stand) -> None:
    await connected.create()
    (app,) = (await connected.ask("state"))["apps"]
    await connected.order("authorizations", {"app": app["slug"]}, "DELETE")
    await connected.client.disconnect()
    await connected.idle()
    assert await connected.hooks() == [] and (await connected.client.github_status()).state == "registered"
    await connected.client.disconnect()
    assert (await connected.client.github_status()).state == "unconfigured"

"""Hooks: found and reused, mended when deleted, disabled or old, shared, removed with the last, and the App's own."""

from __future__ import annotations

from typing import Any

import pytest

from tests.github.stand import PERMISSIONS, WEBHOOK, Stand


async def only(stand: Stand) -> dict[str, Any]:
    (hook,) = await stand.hooks()
    return hook


async def pushed_and_live(stand: Stand) -> bool:
    """Whether a push reaches the box by a hook and is deployed."""
    pushed = await stand.order("push", {"repo": "ada/hello", "files": {"page.txt": str(stand.time.now())}})
    await stand.wait(2)
    return stand.serves() == str(pushed["after"])


async def app_hook(stand: Stand, **changes: object) -> dict[str, Any]:
    """The App's own hook, changed on GitHub's side."""
    (app,) = (await stand.ask("state"))["apps"]
    if changes:
        await stand.order(f"apps/{app['slug']}", changes)
        (app,) = (await stand.ask("state"))["apps"]
    return dict(app["hook"])


async def test_a_hook_is_made_with_the_project_and_works(connected: Stand) -> None:
    project = await connected.create()
    hook = await only(connected)
    assert project.link and project.link.webhook_id == hook["id"]
    assert hook["config"]["url"] == connected.url + WEBHOOK and hook["active"] and len(hook["secret"]) == 64
    await app_hook(connected, hook_active=False)
    assert await pushed_and_live(connected)
    assert [one.state for one in await connected.client.hooks()] == ["ok", "ok"]


async def test_an_answer_that_was_lost_makes_no_second_hook(connected: Stand) -> None:
    await connected.fault("POST", "/hooks$", "close", when="after")
    project = await connected.create()
    await connected.wait(60)
    assert (await connected.project(project.id)).link and (await only(connected))["id"]
    link = (await connected.project(project.id)).link
    assert link and link.webhook_id == (await only(connected))["id"]
    await app_hook(connected, hook_active=False)
    assert await pushed_and_live(connected), "the box gave the hook it found its own secret"


@pytest.mark.parametrize(
    ("how", "seen"),
    [("deleted", "missing"), ("disabled", "inactive"), ("events", "inactive"), ("secret unknown", "missing")],
)
async def test_a_hook_that_was_spoilt_on_github_is_mended(connected: Stand, how: str, seen: str) -> None:
    project = await connected.create()
    hook = connected.sandbox.state.hooks[next(iter(connected.sandbox.state.hooks))]
    match how:
        case "deleted":
            del connected.sandbox.state.hooks[hook.id]
        case "disabled":
            hook.active = False
        case "events":
            hook.events = ["issues"]
        case _:
            link = project.link
            assert link
            await connected.database.write(
                lambda records: records.projects.update(_without_hook(project)),
            )
            hook.config.secret = "changed by somebody"
    found = {one.repo_id: one.state for one in await connected.client.hooks()}
    assert project.link and found[project.link.repo_id] == seen
    mended = await connected.client.hooks(repair=True)
    assert [one.detail for one in mended if one.repo_id] == ["it is being mended"]
    await connected.idle()
    await connected.sandbox.settled()
    await app_hook(connected, hook_active=False)
    assert await pushed_and_live(connected) and await only(connected)
    assert {one.state for one in await connected.client.hooks()} == {"ok"}


def _without_hook(project: Any) -> Any:  # noqa: ANN401 - a project
    from dataclasses import replace

    return replace(project, link=replace(project.link, webhook_id=None))


async def test_a_hook_that_tells_its_own_deletion_is_made_anew_at_once(connected: Stand) -> None:
    project = await connected.create()
    first = await only(connected)
    token = next(one.token for one in connected.sandbox.state.installation_tokens.values() if not one.repo_ids)
    address = f"{connected.sandbox.api_url}/repos/ada/hello/hooks/{first['id']}"
    async with connected.http.delete(address, headers={"Authorization": f"Bearer {token}"}) as answer:
        assert answer.status == 204
    await connected.sandbox.settled()
    await connected.idle()
    second = await only(connected)
    link = (await connected.project(project.id)).link
    assert second["id"] != first["id"] and link and link.webhook_id == second["id"]


async def test_a_new_public_address_moves_every_hook_at_the_next_start(connected: Stand) -> None:
    await connected.create()
    before = await only(connected)
    connected.public_url = connected.url.replace("127.0.0.1", "localhost")
    await connected.restart()
    assert [one.state for one in await connected.client.hooks()] == ["old_url", "old_url"]
    await connected.engine.checks.order()
    await connected.idle()
    after = await only(connected)
    assert (after["id"], after["config"]["url"]) == (before["id"], connected.public_url + WEBHOOK)
    assert (await app_hook(connected))["url"] == connected.public_url + WEBHOOK
    assert await pushed_and_live(connected)
    assert [one.state for one in await connected.client.hooks()] == ["ok", "ok"]


async def test_an_old_hook_beside_one_that_leads_here_goes(connected: Stand) -> None:
    project = await connected.create()
    old = connected.sandbox.state.hooks[next(iter(connected.sandbox.state.hooks))]
    old.config.url = "https://old.example/api/integrations/github/webhook"
    token = next(one.token for one in connected.sandbox.state.installation_tokens.values() if not one.repo_ids)
    body = {"config": {"url": connected.url + WEBHOOK, "content_type": "json"}}
    headers = {"Authorization": f"Bearer {token}"}
    async with connected.http.post(
        f"{connected.sandbox.api_url}/repos/ada/hello/hooks", json=body, headers=headers
    ) as answer:
        assert answer.status == 201
    await connected.client.hooks(repair=True)
    await connected.idle()
    link = (await connected.project(project.id)).link
    assert link and link.webhook_id == (await only(connected))["id"] != old.id


async def test_projects_share_a_hook_and_the_last_takes_it_along(connected: Stand) -> None:
    first = await connected.create()
    second = await connected.create(branch="feature/x", project="second")
    hook = await only(connected)
    assert first.link and second.link and second.link.webhook_id == hook["id"]
    await connected.engine.projects.delete(first.id)
    await connected.idle()
    assert await connected.hooks()
    await connected.engine.projects.delete(second.id)
    await connected.idle()
    assert await connected.hooks() == []


async def test_a_project_deleted_while_github_is_down_loses_its_hook_when_github_is_back(connected: Stand) -> None:
    project = await connected.create()
    await connected.fault("", "/api/v3/", status=503, times=None)
    await connected.engine.projects.delete(project.id)
    await connected.wait(30)
    await connected.restart()
    await connected.wait(30)
    assert await connected.hooks()
    await connected.no_more_faults()
    await connected.wait(3600)
    assert await connected.hooks() == []


async def test_no_public_address_means_no_hooks(connected: Stand) -> None:
    await connected.create()
    connected.webhooks = False
    await connected.restart()
    await connected.engine.checks.order()
    await connected.idle()
    assert await connected.hooks() == []
    await connected.create("ada/website")
    assert await connected.hooks() == [] and (await connected.client.github_status()).mode == "polling"
    assert {one.state for one in await connected.client.hooks()} == {"off"}
    connected.webhooks = True
    await connected.restart()
    await connected.engine.checks.order()
    await connected.idle()
    assert len(await connected.hooks()) == 2


async def test_without_the_right_to_webhooks_the_apps_own_hook_is_enough(connected: Stand) -> None:
    some = {"contents": "read", "metadata": "read"}
    number = connected.installation_id
    await connected.order(f"installations/{number}", {"action": "accept_permissions", "permissions": some})
    await connected.synced()
    await connected.create()
    asked = len(await connected.requests("", "/hooks"))
    for _ in range(4):
        await connected.wait(3600)
        await connected.synced()
    assert len(await connected.requests("", "/hooks")) == asked, "what is refused is not asked again and again"
    assert await connected.hooks() == [] and await pushed_and_live(connected)
    status = await connected.client.github_status()
    assert status.installations[0].missing_permissions == ["repository_hooks: write"]
    assert any("works with its own hook alone" in one for one in status.problems)
    findings = await connected.engine.doctor.look()
    assert [one.status for one in findings if one.code == "hook_right"] == ["warn"]
    assert [one.state for one in await connected.client.hooks()] == ["ok", "denied"]
    await connected.order(f"installations/{number}", {"action": "accept_permissions", "permissions": PERMISSIONS})
    await connected.synced()
    assert await only(connected) and not (await connected.client.github_status()).problems


async def test_a_refusal_nobody_announced_ends_the_tries_and_is_told(connected: Stand) -> None:
    """GitHub says 403 although the permissions say yes."""
    await connected.fault(
        "", "/hooks", status=403, times=None, body='{"message": "Resource not accessible by integration"}'
    )
    await connected.create()
    asked = len(await connected.requests("", "/hooks"))
    await connected.wait(7200)
    assert len(await connected.requests("", "/hooks")) == asked
    assert any("has no webhook of its own" in one for one in (await connected.client.github_status()).problems)
    assert await pushed_and_live(connected)
    await connected.no_more_faults()
    await connected.synced()
    assert await only(connected) and not (await connected.client.github_status()).problems


async def test_the_apps_own_hook_is_found_astray_and_led_back(connected: Stand) -> None:
    await app_hook(connected, hook_url="https://old.example/api/integrations/github/webhook")
    assert [one.state for one in await connected.client.hooks()] == ["old_url"]
    await connected.fault("PATCH", "/app/hook/config", status=503, times=3)
    await connected.engine.checks.order()
    await connected.wait(60)
    hook = await app_hook(connected)
    assert hook["url"] == connected.url + WEBHOOK
    project = await connected.create()
    await connected.order(f"installations/{connected.installation_id}", {"action": "suspend"})
    assert (await connected.project(project.id)).paused, "signed with the secret that was sent along"


async def test_an_owners_app_that_leads_elsewhere_is_left_alone(stand: Stand) -> None:
    stand.given = await stand.make_app(hook_attributes={"url": "https://ci.example/hook", "active": True})
    await stand.restart()
    stand.sandbox.install(next(iter(stand.sandbox.state.apps.values())))
    await stand.authorise(await stand.browser.open((await stand.client.start_connect()).redirect_url))
    await stand.synced()
    assert [one.state for one in await stand.client.hooks(repair=True)] == ["foreign"]
    assert (await app_hook(stand))["url"] == "https://ci.example/hook"


async def test_an_apps_hook_that_sends_forms_is_understood(connected: Stand) -> None:
    """The content type is the owner's choice on the App's page."""
    await connected.create()
    app = next(iter(connected.sandbox.state.apps.values()))
    app.hook.content_type = "form"
    connected.sandbox.state.hooks.clear()
    assert await pushed_and_live(connected)
    sent = (await connected.ask("deliveries"))["deliveries"][-1]
    assert sent["request"]["headers"]["Content-Type"] == "application/x-www-form-urlencoded"
    assert (sent["event"], sent["status_code"]) == ("push", 202)

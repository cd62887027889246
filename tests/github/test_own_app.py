"""An App of the owner's own, from the settings; and the device flow, for machines without any browser."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nanoscale_box.client.errors import ApiError
from nanoscale_box.core.secret import Secret
from tests.github.stand import PERMISSIONS, Stand, keys


async def given(stand: Stand, *, webhooks: bool = True) -> None:
    """The box starts again with the App in its settings."""
    app = await stand.make_app()
    stand.given = app if webhooks else replace(app, webhook_secret=Secret(""))
    stand.webhooks = webhooks
    await stand.restart()


@pytest.mark.parametrize("webhooks", [True, False])
async def test_the_owners_app_from_settings_to_a_push_that_is_live(stand: Stand, webhooks: bool) -> None:
    await given(stand, webhooks=webhooks)
    assert (await stand.client.github_status()).state == "registered"
    begun = await stand.client.start_connect()
    page = await stand.authorise(await stand.browser.open(begun.redirect_url))
    assert "Install by-hand" in page.text, "authorised, and sent on to where the App is installed"
    told = next(one for one in await stand.changes() if one["change"] == "connected")
    assert str(told["install_url"]).endswith("/apps/by-hand/installations/new")
    await stand.browser.send(page, "install")
    await stand.synced()
    status = await stand.client.github_status()
    assert (status.connected, status.mode) == (True, "webhook" if webhooks else "polling")
    project = await stand.create()
    assert bool(await stand.hooks()) is webhooks
    pushed = await stand.order("push", {"repo": "ada/hello", "files": {"page.txt": "new"}})
    if not webhooks:
        await stand.engine.polling.poll()
    await stand.wait(2)
    assert stand.serves() == pushed["after"] and (await stand.project(project.id)).live_deployment_id


async def test_a_key_of_another_app_is_told(stand: Stand) -> None:
    app = await stand.make_app()
    other = await stand.make_app(name="other")
    stand.given = replace(app, app_id=other.app_id, private_key=Secret("-----BEGIN nothing"))
    await stand.restart()
    begun = await stand.client.start_connect()
    landed = await stand.authorise(await stand.browser.open(begun.redirect_url))
    assert "That did not work" in landed.text
    failed = (await stand.changes())[-1]
    assert failed["change"] == "connect_failed" and "private key" in str(failed["detail"])


async def test_disconnecting_leaves_an_app_from_settings_where_it_is(stand: Stand) -> None:
    await given(stand)
    await stand.client.disconnect()
    assert (await stand.client.github_status()).state == "registered"


async def device(stand: Stand) -> None:
    await given(stand)
    stand.sandbox.install(next(iter(stand.sandbox.state.apps.values())))
    await stand.order("apps/by-hand", {"device_flow": True})


async def test_the_device_flow_connects_a_machine_without_a_browser(stand: Stand) -> None:
    await device(stand)
    begun = await stand.client.start_device()
    assert begun.redirect_url == f"{stand.sandbox.url}/login/device" and begun.user_code
    await stand.wait(12)
    assert not (await stand.client.github_status()).connected
    await stand.browser.send(await stand.browser.open(begun.redirect_url), "authorize", user_code=begun.user_code)
    await stand.wait(6)
    assert (await stand.client.github_status()).account_login == "ada"
    await stand.synced()
    assert (await stand.client.repos()).items


async def test_the_device_flow_slows_down_when_it_is_told_to(stand: Stand) -> None:
    await device(stand)
    begun = await stand.client.start_device()
    grant = next(iter(stand.sandbox.state.device_grants.values()))
    grant.interval = 30  # GitHub wants more patience than it said
    await stand.wait(120)
    asked = await stand.requests("POST", "/login/oauth/access_token")
    assert 2 <= len(asked) <= 5, "every refusal adds to the pause"
    grant.interval = 5
    await stand.browser.send(await stand.browser.open(begun.redirect_url), "authorize", user_code=begun.user_code or "")
    await stand.wait(90)
    assert (await stand.client.github_status()).connected


@pytest.mark.parametrize("how", ["denied", "expired"])
async def test_a_device_flow_that_comes_to_nothing_says_why(stand: Stand, how: str) -> None:
    await device(stand)
    begun = await stand.client.start_device()
    if how == "denied":
        page = await stand.browser.open(begun.redirect_url)
        await stand.browser.send(page, "authorize", user_code=begun.user_code or "", decision="no")
    await stand.wait(1000)
    failed = (await stand.changes())[-1]
    assert failed["change"] == "connect_failed" and failed["detail"]
    assert ("declined" in str(failed["detail"])) is (how == "denied")
    assert not stand.alarms.pending.get("device flow")


async def test_a_code_that_is_cancelled_connects_nothing(stand: Stand) -> None:
    await device(stand)
    begun = await stand.client.start_device()
    await stand.client.stop_device()
    await stand.client.stop_device()
    await stand.browser.send(await stand.browser.open(begun.redirect_url), "authorize", user_code=begun.user_code or "")
    await stand.wait(1000)
    assert not (await stand.client.github_status()).connected
    assert "connect_failed" not in {one["change"] for one in await stand.changes()}
    again = await stand.client.start_device()
    await stand.browser.send(await stand.browser.open(again.redirect_url), "authorize", user_code=again.user_code or "")
    await stand.wait(6)
    assert (await stand.client.github_status()).connected


async def test_a_device_flow_outlives_an_outage(stand: Stand) -> None:
    await device(stand)
    begun = await stand.client.start_device()
    await stand.fault("POST", "/login/oauth/access_token", status=503, times=2)
    await stand.browser.send(await stand.browser.open(begun.redirect_url), "authorize", user_code=begun.user_code or "")
    await stand.wait(20)
    assert (await stand.client.github_status()).connected


async def test_where_the_device_flow_is_off_a_sentence_says_so(stand: Stand) -> None:
    await given(stand)
    with pytest.raises(ApiError) as refused:
        await stand.client.start_device()
    assert "device flow is switched off" in refused.value.problem.detail and refused.value.problem.hint


def test_the_shared_key_is_a_key() -> None:
    assert keys()[0].startswith("-----BEGIN RSA PRIVATE KEY") and PERMISSIONS["repository_hooks"] == "write"

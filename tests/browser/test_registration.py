"""The way from no App to a connected account, as the owner walks it in a real browser."""

from __future__ import annotations

import pytest

from nanoscale_box.wire import shapes
from tests.browser.steps import ON_AUTHORISE, ON_GITHUB, ON_INSTALL, Owner

pytestmark = pytest.mark.asyncio(loop_scope="session")


def covered(status: shapes.GithubStatus) -> list[tuple[str, str, str]]:
    """Where the App is installed, and on how much."""
    return [(one.account_login, one.account_type, one.repository_selection) for one in status.installations]


async def test_one_click_and_two_yeses_connect_the_account(owner: Owner) -> None:
    browser = owner.browser
    await browser.open(await owner.begins())
    await browser.arrives(ON_GITHUB)
    assert "Create GitHub App" in await browser.text("h1")
    assert "contents: read" in await browser.text()
    await browser.click("#create button")
    await browser.arrives(ON_INSTALL)
    authorise = await owner.installs("ada/hello")
    assert "code_challenge_method=S256" in authorise
    landed = await owner.authorises()
    assert landed == f"{owner.door}/integrations/github?result=connected"
    assert "GitHub is connected" in await browser.text("h1")
    status = await owner.status()
    assert (status.connected, status.account_login, status.mode) == (True, "ada", "webhook")
    assert covered(status) == [("ada", "User", "selected")]
    told = await owner.box.command("github", "status")
    assert told.returncode == 0 and "connected" in told.stdout and "ada" in told.stdout
    assert await browser.complaints() == []
    assert await browser.asked() == {owner.door, owner.sandbox.url}


async def test_no_secret_of_the_app_passes_through_the_browser(owner: Owner) -> None:
    await owner.connects()
    [app] = owner.sandbox.state.apps.values()
    [token] = owner.sandbox.state.user_tokens.values()
    seen = " ".join([one.url + str(one.headers) for one in await owner.browser.answers()])
    assert "code=" in seen
    assert [secret for secret in (app.client_secret, app.hook.secret or "-", token.token) if secret in seen] == []


async def test_without_scripts_there_is_a_button_to_press(owner: Owner) -> None:
    browser = owner.browser
    await browser.scripts(on=False)
    await browser.open(await owner.begins())
    assert "On to GitHub" in await browser.text("h1")
    assert await browser.is_shown("form button")
    await browser.click("form button")
    await browser.arrives(ON_GITHUB)
    await browser.click("#create button")
    await browser.arrives(ON_INSTALL)
    await owner.installs()
    await owner.authorises()
    assert covered(await owner.status()) == [("ada", "User", "all")]


async def test_a_name_that_is_taken_can_be_changed_on_githubs_page(owner: Owner) -> None:
    browser = owner.browser
    await browser.open(await owner.begins())
    await browser.arrives(ON_GITHUB)
    name = await browser.value("input[name=name]")
    taken = {"name": name, "url": "https://example.org", "redirect_url": "https://example.org/back"}
    await owner.order("apps", manifest=taken, owner="eve")
    await browser.click("#create button")
    assert "taken" in await browser.says("already taken")
    await browser.fill("input[name=name]", f"{name}-2")
    await browser.click("#create button")
    await browser.arrives(ON_INSTALL)
    await owner.installs()
    await owner.authorises()
    assert (await owner.status()).connected


async def test_without_a_public_address_the_way_back_is_loopback(owner: Owner) -> None:
    await owner.box.stop()
    await owner.box.start()
    await owner.connects()
    assert await owner.browser.url() == f"{owner.door}/integrations/github?result=connected"
    assert (await owner.status()).mode == "polling"
    [app] = owner.sandbox.state.apps.values()
    assert (app.hook.url, app.events) == (None, [])


async def test_an_organisation_can_own_the_app(owner: Owner) -> None:
    await owner.registers("analytical")
    await owner.installs("analytical/engine")
    await owner.authorises()
    assert covered(await owner.status()) == [("analytical", "Organization", "selected")]
    [app] = owner.sandbox.state.apps.values()
    assert owner.sandbox.state.accounts[app.owner_id].login == "analytical"


async def test_a_member_who_may_only_ask_is_told_to_wait(owner: Owner) -> None:
    browser = owner.browser
    await owner.registers("analytical")
    install = await browser.url()
    await owner.order("browser", login="grace")
    await browser.open(install)
    assert "a request to its owners" in await browser.text("#install")
    await browser.click("#install button")
    await browser.arrives("result=requested")
    assert "Waiting for approval" in await browser.text("h1")
    assert not (await owner.status()).connected


async def test_a_tab_closed_half_way_can_be_taken_up_again(owner: Owner) -> None:
    await owner.registers()
    await owner.browser.open("about:blank")
    assert (await owner.status()).state == "registered"
    async with owner.box.client() as client:
        again = await client.start_connect()
    await owner.browser.open(again.redirect_url)
    url = await owner.browser.arrives(owner.sandbox.url)
    if ON_AUTHORISE not in url:
        await owner.installs()
    await owner.authorises()
    assert (await owner.status()).connected

"""Ways back from GitHub that lead nowhere: each ends on a page that says what happened, and changes nothing."""

from __future__ import annotations

import sqlite3
from urllib.parse import quote, urlencode

import pytest

from nanoscale_box.wire import routes
from tests.browser.steps import ON_AUTHORISE, ON_GITHUB, ON_INSTALL, Owner, state_of

MARKUP = "<img src=x onerror=document.title='owned'><script>document.title='owned'</script><h2 id=owned>owned</h2>"

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_no_is_an_answer(owner: Owner) -> None:
    await owner.registers()
    await owner.installs()
    await owner.browser.click("#cancel button")
    await owner.browser.arrives("result=denied")
    assert "You said no" in await owner.browser.text("h1")
    assert not (await owner.status()).connected
    assert await owner.browser.complaints() == []


async def test_nobody_can_put_words_or_markup_on_the_page(owner: Owner) -> None:
    await owner.connects()
    browser = owner.browser
    for error, result in (("access_denied", {"denied"}), (MARKUP, {"denied", "failed"})):
        async with owner.box.client() as client:
            state = state_of((await client.start_connect()).redirect_url)
        query = urlencode({"error": error, "error_description": MARKUP, "state": state})
        assert await owner.lands(f"{routes.CALLBACK}?{query}") in result
        assert "owned" not in await browser.text() + await browser.ask("document.title")
    await browser.open(f"{owner.door}{routes.LANDING}?result={quote(MARKUP)}&error_description={quote(MARKUP)}")
    assert await browser.text("h1") == "nanoscale-box"
    assert "owned" not in await browser.ask("document.documentElement.outerHTML + document.title")


async def test_back_and_reload_after_connecting_change_nothing(owner: Owner) -> None:
    browser = owner.browser
    await owner.connects()
    callback = [one.url for one in await browser.answers() if f"{routes.CALLBACK}?" in one.url]
    await browser.reload()
    assert "GitHub is connected" in await browser.text("h1")
    await browser.back()
    await browser.arrives(ON_AUTHORISE)
    await browser.click("#authorize button")
    await browser.arrives("result=expired")
    assert "it stays so" in await browser.text()
    await browser.open(callback[-1])
    await browser.arrives("result=expired")
    assert (await owner.status()).connected


async def test_a_state_older_than_ten_minutes_is_refused(owner: Owner) -> None:
    await owner.registers()
    await owner.installs()
    with sqlite3.connect(owner.box.home / "box.db", timeout=10) as database:
        database.execute("UPDATE oauth_states SET expires_at = '2020-01-01T00:00:00Z'")
    database.close()
    await owner.browser.click("#authorize button")
    await owner.browser.arrives("result=expired")
    assert "This link is used up" in await owner.browser.text("h1")
    assert not (await owner.status()).connected


async def test_a_state_that_is_not_the_boxs_own_leads_nowhere(owner: Owner) -> None:
    await owner.registers()
    good = state_of(await owner.installs())
    for path in (routes.CALLBACK, routes.SETUP_RETURN, routes.MANIFEST_RETURN):
        for state in (None, "", "connect.AAAA.BBBB", good[:-2] + "xx", "ü" * 10, "\0"):
            query = {"code": "abc", "installation_id": "1"} | ({} if state is None else {"state": state})
            assert await owner.lands(f"{path}?{urlencode(query)}") == "expired"
    for path in (routes.SETUP_RETURN, routes.MANIFEST_RETURN, routes.MANIFEST_PAGE):
        query = {"code": "abc", "installation_id": "1", "state": good}
        assert await owner.lands(f"{path}?{urlencode(query)}") == "expired", "a state of one flow opens another"
    assert not (await owner.status()).connected


async def test_a_made_up_installation_counts_for_nothing(owner: Owner) -> None:
    await owner.registers()
    state = state_of(await owner.browser.url())
    query = urlencode({"installation_id": "999999", "setup_action": "install", "state": state})
    await owner.browser.open(f"{owner.door}{routes.SETUP_RETURN}?{query}")
    await owner.browser.arrives(ON_AUTHORISE)
    await owner.browser.click("#authorize button")
    await owner.browser.arrives(ON_INSTALL)  # GitHub says that there is none, so that comes next
    assert (await owner.status()).installations == []


async def test_an_account_that_does_not_reach_the_installation_is_refused(owner: Owner) -> None:
    await owner.registers()
    authorise = await owner.installs()
    await owner.order("browser", login="eve")
    await owner.browser.open(authorise)
    await owner.browser.click("#authorize button")
    await owner.browser.arrives("result=forbidden")
    assert "Sign in to GitHub with the right account" in await owner.browser.text()
    assert not (await owner.status()).connected
    assert not owner.sandbox.state.grants


async def test_an_older_link_to_the_first_page_says_so(owner: Owner) -> None:
    older, newer = await owner.begins(), await owner.begins()
    await owner.browser.open(older)
    await owner.browser.arrives("result=")
    assert await owner.browser.is_shown("main.bad h1")
    await owner.browser.open(newer)
    await owner.browser.arrives(ON_GITHUB)
    await owner.browser.click("#create button")
    await owner.browser.arrives(ON_INSTALL)


async def test_when_github_does_not_answer_the_page_says_so_and_nothing_is_lost(owner: Owner) -> None:
    browser, fault = owner.browser, {"kind": "status", "status": 503, "body": "<html>Unicorn!"}
    await browser.open(await owner.begins())
    await browser.arrives(ON_GITHUB)
    await owner.order("faults", match={"path": "/app-manifests/"}, times=None, **fault)
    await browser.click("#create button")
    await browser.arrives("result=unreachable")
    assert "GitHub did not answer" in await browser.text("h1")
    assert (await owner.status()).state == "unconfigured"
    owner.sandbox.state.apps.clear()
    owner.sandbox.world.faults.rules.clear()

    await owner.registers()
    authorise = await owner.installs()
    await owner.order("faults", match={"path": "/login/oauth/access_token"}, **fault)
    await browser.click("#authorize button")
    await browser.arrives("result=unreachable")
    assert not (await owner.status()).connected
    async with owner.box.client() as client:
        again = (await client.start_connect()).redirect_url
    assert again != authorise
    await browser.open(again)  # the yes was given already, so GitHub asks no second time
    await browser.arrives("result=connected")
    assert (await owner.status()).connected

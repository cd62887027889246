"""One click from nothing to connected, and every way out half-way: taken up again, or undone, with a sentence."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from nanoscale_box.client.errors import ApiError
from tests.github.stand import Stand


async def state(stand: Stand) -> str:
    return (await stand.client.github_status()).state


async def test_one_click_from_nothing_to_connected(stand: Stand) -> None:
    await stand.connect()
    status = await stand.client.github_status()
    assert (status.connected, status.account_login, status.mode, status.problems) == (True, "ada", "webhook", [])
    assert [one.repository_selection for one in status.installations] == ["all"]
    assert status.rate and status.rate.remaining < status.rate.limit
    assert len((await stand.client.repos()).items) == 4
    assert [one["change"] for one in await stand.changes()][:2] == ["registered", "installation"]


async def test_an_organisation_owns_the_app_and_only_selected_repositories_show(stand: Stand) -> None:
    page = await stand.register("analytical")
    engine = next(str(one.id) for one in stand.sandbox.state.repos.values() if one.name == "engine")
    page = await stand.browser.send(page, "install", selection="selected", repository_ids=engine)
    assert "GitHub is connected</h1>" in (await stand.authorise(page)).text
    await stand.synced()
    (found,) = (await stand.client.github_status()).installations
    assert (found.account_login, found.account_type, found.repository_selection) == (
        "analytical", "Organization", "selected",
    )  # fmt: skip
    assert [one.full_name for one in (await stand.client.repos()).items] == ["analytical/engine"]


async def test_a_tab_from_before_the_app_was_made_changes_nothing(stand: Stand) -> None:
    older = await stand.client.register_app()
    assert await state(stand) == "unconfigured"
    await stand.connect()
    assert "Nothing was connected." in (await stand.browser.open(older.redirect_url)).text
    assert await state(stand) == "connected"


async def test_a_name_that_is_taken_is_changed_on_githubs_page(stand: Stand) -> None:
    begun = await stand.client.register_app()
    form = (await stand.browser.open(begun.redirect_url)).form()
    await stand.make_app(name="taken")
    review = await stand.browser.post(form.action, form.fields)
    again = await stand.browser.send(review, "create", name="taken")
    assert "already taken" in again.text and await state(stand) == "unconfigured"
    page = await stand.browser.send(again, "create", name="free")
    assert "Install free" in page.text and await state(stand) == "registered"


async def test_an_app_that_was_never_installed_leads_to_its_installation_page(stand: Stand) -> None:
    await stand.register()
    await stand.restart()
    begun = await stand.client.start_connect()
    assert "/installations/new?state=" in begun.redirect_url
    page = await stand.browser.send(await stand.browser.open(begun.redirect_url), "install")
    assert "GitHub is connected</h1>" in (await stand.authorise(page)).text


async def test_an_installed_app_that_was_never_authorised_leads_there(stand: Stand) -> None:
    await stand.browser.send(await stand.register(), "install")
    begun = await stand.client.start_connect()
    assert "/login/oauth/authorize?" in begun.redirect_url
    assert "GitHub is connected</h1>" in (await stand.authorise(await stand.browser.open(begun.redirect_url))).text


async def test_a_code_older_than_an_hour_says_so_and_starting_again_works(stand: Stand) -> None:
    await stand.fault("POST", "/app-manifests/", status=404)
    landed = await stand.register()
    assert "This link is used up" in landed.text and await state(stand) == "unconfigured"
    assert "Install" in (await stand.register()).text and await state(stand) == "registered"


async def test_the_wrong_account_is_refused_and_its_grant_is_taken_back(stand: Stand) -> None:
    await stand.browser.send(await stand.register(), "install")
    await stand.order("browser", {"login": "eve"})
    landed = await stand.authorise(await stand.browser.open((await stand.client.start_connect()).redirect_url))
    assert "That account cannot be connected" in landed.text
    assert await state(stand) == "registered" and (await stand.ask("state"))["grants"] == []
    told = (await stand.changes())[-2:]
    failed = next(one for one in told if one["change"] == "connect_failed")
    assert "eve reaches none" in str(failed["detail"]) and "sign in to GitHub as the owner of ada" in str(
        failed["hint"]
    )
    await stand.order("browser", {"login": "ada"})
    landed = await stand.authorise(await stand.browser.open((await stand.client.start_connect()).redirect_url))
    assert "GitHub is connected</h1>" in landed.text


async def test_saying_no_is_told_and_can_be_made_good(stand: Stand) -> None:
    page = await stand.browser.send(await stand.register(), "install")
    landed = await stand.browser.send(page, "cancel")
    assert "You said no" in landed.text
    assert "connect_failed" in {told["change"] for told in await stand.changes()}  # a sync may end after it
    landed = await stand.authorise(await stand.browser.open((await stand.client.start_connect()).redirect_url))
    assert "GitHub is connected</h1>" in landed.text


async def test_a_member_asks_the_organisations_owner_first(stand: Stand) -> None:
    page = await stand.register("analytical")
    await stand.order("browser", {"login": "grace"})
    landed = await stand.browser.send(page, "install", account="analytical")
    assert "Waiting for approval" in landed.text
    assert "an owner of the organisation must approve" in str((await stand.changes())[-1]["detail"])
    assert "/installations/new" in (await stand.client.start_connect()).redirect_url


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_github_that_fails_while_codes_are_exchanged_changes_nothing(stand: Stand, when: str) -> None:
    page = await stand.browser.send(await stand.register(), "install")
    await stand.fault("POST", "/login/oauth/access_token", status=502, when=when)
    assert "GitHub did not answer" in (await stand.authorise(page)).text
    assert await state(stand) == "registered"
    landed = await stand.authorise(await stand.browser.open((await stand.client.start_connect()).redirect_url))
    assert "GitHub is connected</h1>" in landed.text


async def test_disconnecting_without_an_account_forgets_the_app(stand: Stand) -> None:
    await stand.register()
    await stand.client.disconnect()
    assert await state(stand) == "unconfigured"
    assert (await stand.changes())[-1]["change"] == "forgotten"
    with pytest.raises(ApiError) as refused:
        await stand.client.start_connect()
    assert refused.value.problem.code == "github_not_configured"
    await stand.connect()
    assert await state(stand) == "connected"


async def test_a_browser_without_the_boxs_state_is_sent_nowhere(stand: Stand) -> None:
    await stand.register()
    before = await stand.changes()
    for query in ({"installation_id": "1", "setup_action": "install"}, {"installation_id": "1", "state": "x"}):
        landed = await stand.browser.open(f"{stand.url}/api/integrations/github/app/installed?{urlencode(query)}")
        assert "This link is used up" in landed.text
    assert await stand.changes() == before

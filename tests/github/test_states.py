"""What comes back from the browser: states that are ours, live, unspent and of this flow, and answers of our App."""

from __future__ import annotations

import asyncio
from collections import Counter
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from nanoscale_box.demo.browser import Page
from tests.github.stand import Stand

BACK = "/api/integrations/github"


def query_of(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def come_back(stand: Stand, **query: str) -> Page:
    return await stand.browser.open(f"{stand.url}{BACK}/callback?{urlencode(query)}")


async def ready(stand: Stand) -> dict[str, str]:
    """Installed, and about to be authorised: what GitHub was asked, with a code that it would send back."""
    await stand.browser.send(await stand.register(), "install")
    begun = await stand.client.start_connect()
    asked = query_of(begun.redirect_url)
    async with stand.http.get(begun.redirect_url, allow_redirects=False) as answer:
        text = await answer.text()
    token = text.split('name="authenticity_token" value="')[1].split('"')[0]
    fields = {**asked, "decision": "authorize", "authenticity_token": token}
    url = f"{stand.sandbox.url}/login/oauth/authorize"
    async with stand.http.post(url, data=fields, allow_redirects=False) as answer:
        return asked | query_of(answer.headers["Location"])


async def test_the_request_carries_pkce_and_the_exact_address(stand: Stand) -> None:
    asked = await ready(stand)
    assert asked["redirect_uri"] == f"{stand.url}{BACK}/callback"
    assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43
    landed = await come_back(stand, code=asked["code"], state=asked["state"])
    assert "GitHub is connected</h1>" in landed.text
    exchanged = (await stand.requests("POST", "/login/oauth/access_token"))[-1]
    assert exchanged["status"] == 200


@pytest.mark.parametrize("state", [None, "", "connect.made.up", "connect." + "x" * 5000, "\x00\udc80"])
async def test_no_state_of_ours_is_no_way_in(stand: Stand, state: str | None) -> None:
    asked = await ready(stand)
    before = await stand.requests("POST", "/login/oauth/access_token")
    given = {} if state is None else {"state": state.encode("utf-8", "replace").decode()}
    assert "This link is used up" in (await come_back(stand, code=asked["code"], **given)).text
    assert await stand.requests("POST", "/login/oauth/access_token") == before


async def test_a_state_ends_after_ten_minutes(stand: Stand) -> None:
    asked = await ready(stand)
    stand.sandbox.clock.advance(601)
    assert "This link is used up" in (await come_back(stand, code=asked["code"], state=asked["state"])).text


async def test_a_state_works_once_also_fifty_times_at_once(stand: Stand) -> None:
    asked = await ready(stand)
    pages = await asyncio.gather(*(come_back(stand, code=asked["code"], state=asked["state"]) for _ in range(50)))
    results = Counter(query_of(page.url)["result"] for page in pages)
    assert results == {"connected": 1, "expired": 49}
    assert len(await stand.requests("POST", "/login/oauth/access_token")) == 1


async def test_a_state_of_one_flow_is_none_of_another(stand: Stand) -> None:
    asked = await ready(stand)
    url = f"{stand.url}{BACK}/app/registered?{urlencode({'code': asked['code'], 'state': asked['state']})}"
    assert "This link is used up" in (await stand.browser.open(url)).text
    url = f"{stand.url}{BACK}/app/installed?{urlencode({'installation_id': '1', 'state': asked['state']})}"
    assert "This link is used up" in (await stand.browser.open(url)).text
    assert "GitHub is connected</h1>" in (await come_back(stand, code=asked["code"], state=asked["state"])).text


async def test_somebody_elses_code_does_not_fit_our_state(stand: Stand) -> None:
    """The verifier that our state holds is not that of the code."""
    theirs = await ready(stand)
    ours = query_of((await stand.client.start_connect()).redirect_url)
    assert theirs["state"] != ours["state"]
    assert "GitHub is connected</h1>" not in (await come_back(stand, code=theirs["code"], state=ours["state"])).text
    assert not (await stand.client.github_status()).connected


async def test_a_state_of_another_box_is_refused(stand: Stand) -> None:
    asked = await ready(stand)
    await stand.database.write(lambda records: records.keeper.drop("state_key"))
    await stand.restart()
    assert "This link is used up" in (await come_back(stand, code=asked["code"], state=asked["state"])).text


@pytest.mark.parametrize(("issuer", "taken"), [("", False), ("https://evil.example", False), ("ours", True)])
async def test_an_issuer_that_is_named_is_github(stand: Stand, issuer: str, taken: bool) -> None:
    asked = await ready(stand)
    named = f"{stand.sandbox.url}/login/oauth" if issuer == "ours" else issuer
    landed = await come_back(stand, code=asked["code"], state=asked["state"], iss=named)
    assert ("GitHub is connected</h1>" in landed.text) is taken


async def test_an_installation_of_another_app_is_not_ours(connected: Stand) -> None:
    other = await connected.make_app(name="other")
    theirs = connected.sandbox.install(
        next(a for a in connected.sandbox.state.apps.values() if str(a.id) == other.app_id)
    )
    ours = connected.installation_id
    app = await connected.engine.accounts._app.required()
    token = await connected.engine.accounts._connecting.user_token()
    asked = connected.github.user_installations

    async def both(token: object) -> list[object]:
        mine = await asked(token)  # type: ignore[arg-type]
        return [*mine, await connected.github.installation(replace_app(other), theirs.id)]  # type: ignore[arg-type]

    connected.github.user_installations = both  # type: ignore[method-assign, assignment]
    found = await connected.engine.accounts._connecting._installations(app, token)
    assert [one.installation_id for one in found] == [ours]


def replace_app(app: object) -> object:
    return app

"""User authorisation: the web flow, PKCE, refreshing, revoking."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import pytest

from nanoscale_box.sandbox.model import App
from tests.sandbox.actors import MANIFEST, Client, Reply, Walker, basic, s256, shared_keys
from tests.sandbox.conftest import Connected

CALLBACK = "http://127.0.0.1:8787/callback"
VERIFIER = "v" * 43


@pytest.fixture
async def app(client: Client) -> App:
    return await client.sandbox.register_app(MANIFEST, keys=shared_keys())


def authorize_path(app: App, **changes: str) -> str:
    usual = {"client_id": app.client_id, "redirect_uri": CALLBACK, "state": "s1"}
    pkce = {"code_challenge": s256(VERIFIER), "code_challenge_method": "S256"}
    return "/login/oauth/authorize?" + urlencode({**usual, **pkce, **changes})


async def code_for(walker: Walker, app: App, **changes: str) -> str:
    page = await walker.open(authorize_path(app, **changes))
    back = page if page.status == 302 else await walker.send(page, "authorize")
    return back.query["code"]


async def exchange(client: Client, app: App, **fields: str) -> Reply:
    url = f"{client.sandbox.url}/login/oauth/access_token"
    usual = {"client_id": app.client_id, "client_secret": app.client_secret}
    return await client.fetch("POST", url, data={**usual, **fields}, headers={"Accept": "application/json"})


async def signed_in(client: Client, app: App) -> dict[str, Any]:
    code = await code_for(Walker(client=client), app)
    told: dict[str, Any] = (await exchange(client, app, code=code, code_verifier=VERIFIER)).json
    return told


async def test_the_whole_flow_with_pkce(walker: Walker, client: Client, app: App) -> None:
    page = await walker.open(authorize_path(app))
    assert "nanoscale test" in page.text
    back = await walker.send(page, "authorize")
    assert back.headers["Location"].startswith(CALLBACK)
    assert back.query["state"] == "s1"
    told = (await exchange(client, app, code=back.query["code"], code_verifier=VERIFIER, redirect_uri=CALLBACK)).json
    assert told["access_token"].startswith("ghu_")
    assert told["refresh_token"].startswith("ghr_")
    assert (told["expires_in"], told["refresh_token_expires_in"]) == (28800, 15897600)
    assert (told["token_type"], told["scope"]) == ("bearer", "")
    me = await client.call("GET", "/user", told["access_token"])
    assert me.json["login"] == "ada"


async def test_a_second_time_nobody_is_asked(walker: Walker, client: Client, app: App) -> None:
    await signed_in(client, app)
    assert (await walker.open(authorize_path(app))).status == 302


async def test_cancelling_comes_back_as_an_error(walker: Walker, app: App) -> None:
    back = await walker.send(await walker.open(authorize_path(app)), "cancel")
    assert back.query["error"] == "access_denied"
    assert back.query["error_description"] == "The user has denied your application access."
    assert back.query["state"] == "s1"
    assert "code" not in back.query


async def test_a_code_works_once_and_for_ten_minutes(walker: Walker, client: Client, app: App) -> None:
    code = await code_for(walker, app)
    assert "access_token" in (await exchange(client, app, code=code, code_verifier=VERIFIER)).json
    again = await exchange(client, app, code=code, code_verifier=VERIFIER)
    assert again.status == 200
    assert again.json["error"] == "bad_verification_code"
    late = await code_for(walker, app)
    client.sandbox.clock.advance(601)
    assert (await exchange(client, app, code=late, code_verifier=VERIFIER)).json["error"] == "bad_verification_code"


@pytest.mark.parametrize("verifier", ["", "w" * 43])
async def test_the_wrong_verifier_spends_the_code(walker: Walker, client: Client, app: App, verifier: str) -> None:
    code = await code_for(walker, app)
    assert "error" in (await exchange(client, app, code=code, code_verifier=verifier)).json
    assert "error" in (await exchange(client, app, code=code, code_verifier=VERIFIER)).json


async def test_only_s256(walker: Walker, app: App) -> None:
    back = await walker.open(authorize_path(app, code_challenge_method="plain"))
    assert back.query["error"] == "invalid_request"


async def test_wrong_client_secret(walker: Walker, client: Client, app: App) -> None:
    code = await code_for(walker, app)
    reply = await exchange(client, app, code=code, code_verifier=VERIFIER, client_secret="no")
    assert reply.status == 200
    assert reply.json["error"] == "incorrect_client_credentials"


async def test_answers_are_forms_unless_json_is_asked_for(client: Client) -> None:
    reply = await client.fetch("POST", f"{client.sandbox.url}/login/oauth/access_token", data={"client_id": "x"})
    assert reply.text.startswith("error=incorrect_client_credentials&")


async def test_a_json_request_is_understood(walker: Walker, client: Client, app: App) -> None:
    fields = {"client_id": app.client_id, "client_secret": app.client_secret, "code_verifier": VERIFIER}
    fields["code"] = await code_for(walker, app)
    url = f"{client.sandbox.url}/login/oauth/access_token"
    reply = await client.fetch("POST", url, json=fields, headers={"Accept": "application/json"})
    assert reply.json["token_type"] == "bearer"


@pytest.mark.parametrize(
    ("address", "fine"),
    [
        (CALLBACK, True),
        ("http://127.0.0.1:9999/callback", True),
        ("http://127.0.0.1:9999/other", False),
        ("http://127.0.0.1:8787/callback/", False),
        ("http://127.0.0.1:8787/callback?x=1", False),
        ("https://127.0.0.1:8787/callback", False),
        ("http://evil.example/callback", False),
    ],
)
async def test_addresses_to_return_to(walker: Walker, app: App, address: str, fine: bool) -> None:
    page = await walker.open(authorize_path(app, redirect_uri=address))
    if fine:
        assert page.status == 200
    else:
        assert page.headers["Location"].startswith(CALLBACK)
        assert page.query["error"] == "redirect_uri_mismatch"


async def test_the_exchange_checks_the_address_too(walker: Walker, client: Client, app: App) -> None:
    code = await code_for(walker, app)
    reply = await exchange(client, app, code=code, code_verifier=VERIFIER, redirect_uri="http://127.0.0.1:1/callback")
    assert reply.json["error"] == "redirect_uri_mismatch"


async def test_an_unknown_app_is_a_page(walker: Walker) -> None:
    assert (await walker.open("/login/oauth/authorize?client_id=nobody")).status == 404


async def test_a_refresh_token_works_once(client: Client, app: App) -> None:
    old = await signed_in(client, app)
    new = (await exchange(client, app, grant_type="refresh_token", refresh_token=old["refresh_token"])).json
    assert new["access_token"] != old["access_token"]
    assert (await client.call("GET", "/user", old["access_token"])).status == 401
    assert (await client.call("GET", "/user", new["access_token"])).status == 200
    again = await exchange(client, app, grant_type="refresh_token", refresh_token=old["refresh_token"])
    assert again.json["error"] == "bad_refresh_token"


async def test_user_tokens_last_eight_hours_and_refresh_afterwards(client: Client, app: App) -> None:
    old = await signed_in(client, app)
    client.sandbox.clock.advance(28_801)
    assert (await client.call("GET", "/user", old["access_token"])).status == 401
    new = (await exchange(client, app, grant_type="refresh_token", refresh_token=old["refresh_token"])).json
    assert (await client.call("GET", "/user", new["access_token"])).status == 200
    client.sandbox.clock.advance(15_897_601)
    late = await exchange(client, app, grant_type="refresh_token", refresh_token=new["refresh_token"])
    assert late.json["error"] == "bad_refresh_token"


async def test_unknown_grant_type(client: Client, app: App) -> None:
    assert (await exchange(client, app, grant_type="password")).json["error"] == "unsupported_grant_type"


async def test_checking_and_revoking_by_the_app(connected: Connected) -> None:
    client, app = connected.client, connected.app
    token = (await signed_in(client, app))["access_token"]
    path, auth = f"/applications/{app.client_id}", basic(app.client_id, app.client_secret)
    body = {"access_token": token}
    checked = await client.call("POST", f"{path}/token", json=body, headers=auth)
    assert checked.json["user"]["login"] == "ada"
    assert (await client.call("POST", f"{path}/token", json=body)).status == 401
    wrong = basic(app.client_id, "wrong")
    assert (await client.call("POST", f"{path}/token", json=body, headers=wrong)).status == 401
    assert (await client.call("DELETE", f"{path}/token", json=body, headers=auth)).status == 204
    assert (await client.call("GET", "/user", token)).status == 401
    assert (await client.call("POST", f"{path}/token", json=body, headers=auth)).status == 404
    fresh = {"access_token": (await signed_in(client, app))["access_token"]}
    assert (await client.call("DELETE", f"{path}/grant", json=fresh, headers=auth)).status == 204
    await client.sandbox.settled()
    (event,) = connected.inbox.of("github_app_authorization")
    assert event.payload["action"] == "revoked"
    assert (await Walker(client=client).open(authorize_path(app))).status == 200


async def test_the_device_flow(walker: Walker, client: Client, app: App) -> None:
    url = f"{client.sandbox.url}/login/device/code"
    ask = {"client_id": app.client_id}
    json_please = {"Accept": "application/json"}
    off = await client.fetch("POST", url, data=ask, headers=json_please)
    assert off.json["error"] == "device_flow_disabled"
    app.device_flow = True
    told = (await client.fetch("POST", url, data=ask, headers=json_please)).json
    grant = {"device_code": told["device_code"], "grant_type": "urn:ietf:params:oauth:grant-type:device_code"}
    assert (await exchange(client, app, **grant)).json["error"] == "authorization_pending"
    hasty = (await exchange(client, app, **grant)).json
    assert (hasty["error"], hasty["interval"]) == ("slow_down", 10)
    assert (await walker.send(await walker.open("/login/device"), "authorize", user_code="AAAA-AAAA")).status == 404
    page = await walker.open("/login/device")
    assert (await walker.send(page, "authorize", user_code=told["user_code"].lower())).status == 200
    client.sandbox.clock.advance(11)
    token = (await exchange(client, app, client_secret="", **grant)).json
    assert (await client.call("GET", "/user", token["access_token"])).json["login"] == "ada"
    again = {"grant_type": "refresh_token", "refresh_token": token["refresh_token"]}
    new = await exchange(client, app, client_secret="", **again)
    assert "access_token" in new.json

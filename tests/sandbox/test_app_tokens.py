"""An App's own authentication: its JWT, and the installation tokens it mints."""

from __future__ import annotations

from typing import Any

import jwt
import pytest

from nanoscale_box.sandbox import TokenFormat
from nanoscale_box.sandbox.ids import installation_token as new_token
from tests.sandbox.actors import MANIFEST, app_jwt
from tests.sandbox.conftest import Connected


async def test_the_app_by_id_and_by_client_id(connected: Connected) -> None:
    now = connected.client.sandbox.clock.now().timestamp()
    for issuer in (str(connected.app.id), connected.app.client_id):
        reply = await connected.client.call("GET", "/app", app_jwt(connected.app, now, iss=issuer))
        assert reply.status == 200
        assert reply.json["installations_count"] == 1


@pytest.mark.parametrize(
    ("changes", "status", "words"),
    [
        ({"iat": 120}, 401, "'Issued at' claim"),
        ({"exp": -1}, 401, "'Expiration time' claim ('exp') must be"),
        ({"exp": 700}, 401, "too far in the future"),
        ({"exp": None}, 401, "'Expiration time' claim ('exp') must be"),
        ({"iat": None}, 401, "'Issued at' claim"),
        ({"iss": None}, 401, "Missing 'issuer' claim"),
        ({"iss": "1"}, 404, "Integration not found"),
    ],
)
async def test_bad_claims(connected: Connected, changes: dict[str, Any], status: int, words: str) -> None:
    now = connected.client.sandbox.clock.now().timestamp()
    shifted = {key: int(now) + value if isinstance(value, int) else value for key, value in changes.items()}
    reply = await connected.client.call("GET", "/app", app_jwt(connected.app, now, **shifted))
    assert reply.status == status
    assert words in reply.json["message"]


async def test_another_key_and_another_algorithm(connected: Connected) -> None:
    other = await connected.client.sandbox.register_app({**MANIFEST, "name": "other"})
    now = connected.client.sandbox.clock.now().timestamp()
    forged = app_jwt(other, now, iss=connected.app.client_id)
    claims = {"iat": int(now) - 60, "exp": int(now) + 500, "iss": connected.app.client_id}
    hmac_signed = jwt.encode(claims, "k" * 32, "HS256")
    for token in (forged, hmac_signed, "a.b.c"):
        reply = await connected.client.call("GET", "/app", token)
        assert reply.status == 401
        assert reply.json["message"] == "A JSON web token could not be decoded"


async def test_other_credentials_are_no_jwt(connected: Connected) -> None:
    reply = await connected.client.call("GET", "/app", await connected.token())
    assert reply.status == 401
    assert (await connected.client.call("GET", "/app")).status == 401
    assert (await connected.client.call("GET", "/user", connected.jwt)).status == 401


async def test_a_token_narrowed_to_one_repository(connected: Connected) -> None:
    state = connected.client.sandbox.state
    hello = state.repo("ada/hello")
    assert hello is not None
    path = f"/app/installations/{connected.installation.id}/access_tokens"
    order = {"repository_ids": [hello.id], "permissions": {"contents": "read"}}
    told = (await connected.client.call("POST", path, connected.jwt, json=order)).json
    assert told["permissions"] == {"contents": "read", "metadata": "read"}
    assert told["repository_selection"] == "selected"
    assert [repo["full_name"] for repo in told["repositories"]] == ["ada/hello"]
    listed = (await connected.client.call("GET", "/installation/repositories", told["token"])).json
    assert [repo["id"] for repo in listed["repositories"]] == [hello.id]
    assert (await connected.client.call("GET", "/repos/ada/api", told["token"])).status == 404
    assert (await connected.client.call("GET", "/repos/ada/hello/hooks", told["token"])).status == 403


@pytest.mark.parametrize(
    "order",
    [
        {"repository_ids": [1]},
        {"repositories": ["engine"]},
        {"permissions": {"contents": "write"}},
        {"permissions": {"issues": "read"}},
        {"permissions": []},
    ],
)
async def test_no_more_than_the_installation_has(connected: Connected, order: dict[str, Any]) -> None:
    path = f"/app/installations/{connected.installation.id}/access_tokens"
    assert (await connected.client.call("POST", path, connected.jwt, json=order)).status == 422


async def test_a_token_ends_after_an_hour_or_when_revoked(connected: Connected) -> None:
    client = connected.client
    first, second = await connected.token(), await connected.token()
    assert (await client.call("DELETE", "/installation/token", first)).status == 204
    assert (await client.call("GET", "/installation/repositories", first)).status == 401
    assert (await client.call("GET", "/installation/repositories", second)).status == 200
    client.sandbox.clock.advance(3601)
    reply = await client.call("GET", "/installation/repositories", second)
    assert (reply.status, reply.json["message"]) == (401, "Bad credentials")


async def test_suspended_and_removed_installations(connected: Connected) -> None:
    client, token = connected.client, await connected.token()
    path = f"/app/installations/{connected.installation.id}"
    assert (await client.call("PUT", f"{path}/suspended", connected.jwt)).status == 204
    assert (await client.call("GET", "/installation/repositories", token)).status == 403
    assert (await client.call("POST", f"{path}/access_tokens", connected.jwt)).status == 403
    assert (await client.call("DELETE", f"{path}/suspended", connected.jwt)).status == 204
    assert (await client.call("GET", "/installation/repositories", token)).status == 200
    assert (await client.call("DELETE", path, connected.jwt)).status == 204
    assert (await client.call("GET", "/installation/repositories", token)).status == 401
    assert (await client.call("POST", f"{path}/access_tokens", connected.jwt)).status == 404
    assert (await client.call("GET", path, connected.jwt)).status == 404


async def test_installations_by_place(connected: Connected) -> None:
    for path in ("/users/ada/installation", "/repos/ada/hello/installation", "/app/installations"):
        reply = await connected.client.call("GET", path, connected.jwt)
        found = reply.json[0] if isinstance(reply.json, list) else reply.json
        assert found["id"] == connected.installation.id
    assert (await connected.client.call("GET", "/orgs/analytical/installation", connected.jwt)).status == 404


async def test_another_apps_installation_is_not_there(connected: Connected) -> None:
    sandbox = connected.client.sandbox
    other = await sandbox.register_app({**MANIFEST, "name": "other"})
    token = app_jwt(other, sandbox.clock.now().timestamp())
    path = f"/app/installations/{connected.installation.id}"
    assert (await connected.client.call("GET", path, token)).status == 404


@pytest.mark.parametrize(("style", "sizes"), [("short", {40}), ("long", {520}), ("mixed", {40, 520})])
def test_both_forms_of_a_token(style: str, sizes: set[int]) -> None:
    made = [new_token(TokenFormat(style), number) for number in range(4)]
    assert {min(sizes, key=lambda size: abs(size - len(one))) for one in made} == sizes
    assert all(one.startswith("ghs_") for one in made)


async def test_both_forms_are_accepted(connected: Connected) -> None:
    tokens = [await connected.token(), await connected.token()]
    assert {len(one) > 100 for one in tokens} == {True, False}
    for one in tokens:
        assert (await connected.client.call("GET", "/installation/repositories", one)).status == 200

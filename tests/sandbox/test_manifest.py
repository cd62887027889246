"""Registering an App from a manifest, as a browser walks it."""

from __future__ import annotations

import msgspec
import pytest

from nanoscale_box.sandbox.registering import read_manifest, slug_of
from tests.sandbox.actors import MANIFEST, Client, Walker, app_jwt


def encoded(**changes: object) -> str:
    return msgspec.json.encode({**MANIFEST, **changes}).decode()


async def registered_code(walker: Walker, **changes: object) -> str:
    page = await walker.post("/settings/apps/new?state=s1", {"manifest": encoded(**changes)})
    assert page.status == 200, page.text
    back = await walker.send(page, "create")
    assert back.status == 302
    return back.query["code"]


async def test_the_browser_comes_back_with_code_and_state(walker: Walker) -> None:
    page = await walker.post("/settings/apps/new?state=a%20b", {"manifest": encoded()})
    assert "not github.com" in page.text
    back = await walker.send(page, "create")
    assert back.status == 302
    assert back.headers["Location"].startswith("http://127.0.0.1:8787/registered?code=")
    assert back.query["state"] == "a b"


async def test_a_code_converts_once_into_a_working_app(walker: Walker, client: Client) -> None:
    code = await registered_code(walker)
    reply = await client.call("POST", f"/app-manifests/{code}/conversions")
    assert reply.status == 201
    told = reply.json
    assert told["slug"] == "nanoscale-test"
    assert told["permissions"] == {"contents": "read", "metadata": "read", "repository_hooks": "write"}
    assert told["events"] == ["push", "repository"]
    assert told["webhook_secret"] is None
    assert told["pem"].startswith("-----BEGIN RSA PRIVATE KEY-----")
    app = client.sandbox.state.apps[told["id"]]
    me = await client.call("GET", "/app", app_jwt(app, client.sandbox.clock.now().timestamp()))
    assert me.json["client_id"] == told["client_id"]
    again = await client.call("POST", f"/app-manifests/{code}/conversions")
    assert again.status == 404


async def test_a_code_older_than_an_hour_is_unknown(walker: Walker, client: Client) -> None:
    code = await registered_code(walker)
    client.sandbox.clock.advance(3601)
    assert (await client.call("POST", f"/app-manifests/{code}/conversions")).status == 404


async def test_a_hook_brings_a_secret_and_may_be_inactive(walker: Walker, client: Client) -> None:
    hook = {"url": "http://127.0.0.1:1/hook", "active": False}
    code = await registered_code(walker, hook_attributes=hook)
    told = (await client.call("POST", f"/app-manifests/{code}/conversions")).json
    app = client.sandbox.state.apps[told["id"]]
    assert len(told["webhook_secret"]) == 40
    assert not app.hook_active
    assert not client.sandbox.state.deliveries


async def test_an_organisation_registers_only_by_its_owner(walker: Walker, client: Client) -> None:
    path = "/organizations/analytical/settings/apps/new?state=s"
    back = await walker.send(await walker.post(path, {"manifest": encoded()}), "create")
    told = (await client.call("POST", f"/app-manifests/{back.query['code']}/conversions")).json
    assert told["owner"]["login"] == "analytical"
    grace = Walker(client=client, user="grace")
    assert (await grace.post(path, {"manifest": encoded(name="other")})).status == 403
    assert (await walker.post("/organizations/nowhere/settings/apps/new", {"manifest": encoded()})).status == 404


async def test_a_taken_name_can_be_changed_on_the_page(walker: Walker) -> None:
    await registered_code(walker)
    page = await walker.post("/settings/apps/new?state=s2", {"manifest": encoded()})
    refused = await walker.send(page, "create")
    assert refused.status == 422
    assert "already taken" in refused.text
    back = await walker.send(refused, "create", name="another name")
    assert back.status == 302
    assert back.query["state"] == "s2"


async def test_a_form_from_another_site_creates_nothing(walker: Walker, client: Client) -> None:
    refused = await walker.post("/settings/apps/manifest", {"manifest": encoded(), "authenticity_token": "guess"})
    assert refused.status == 422
    assert not client.sandbox.state.apps


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": None}, "url must be"),
        ({"redirect_url": "not a url"}, "redirect_url"),
        ({"redirect_url": None}, "redirect_url"),
        ({"callback_urls": "http://x"}, "callback_urls"),
        ({"callback_urls": [f"http://x.y/{n}" for n in range(11)]}, "at most 10"),
        ({"hook_attributes": {"active": True}}, "hook_attributes"),
        ({"hook_attributes": {"url": "http://x.y", "active": "yes"}}, "hook_attributes.active"),
        ({"public": "yes"}, "public must be"),
        ({"default_permissions": {"webhooks": "write"}}, "not included in the list: webhooks"),
        ({"default_permissions": {"contents": "everything"}}, "Default permission contents"),
        ({"default_permissions": []}, "must be an object"),
        ({"default_permissions": {}, "default_events": ["push"]}, "unsupported: push"),
        ({"default_events": ["lunch"]}, "unknown: lunch"),
        ({"nmae": "x"}, "nmae"),
    ],
)
async def test_what_is_wrong_with_a_manifest_is_said(walker: Walker, changes: dict[str, object], words: str) -> None:
    page = await walker.post("/settings/apps/new", {"manifest": encoded(**changes)})
    assert page.status == 422
    assert words in page.text.replace("&quot;", '"')


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 200_000])
def test_what_is_no_object_is_refused(text: str) -> None:
    assert read_manifest(text).problems


def test_markup_in_a_name_stays_text() -> None:
    assert slug_of("<b>Hello</b> World") == "b-hello-b-world"


async def test_markup_in_a_manifest_is_shown_as_text(walker: Walker) -> None:
    page = await walker.post("/settings/apps/new", {"manifest": encoded(name="<script>x</script>")})
    assert "<script>" not in page.text

"""Installing an App in the browser, changing and removing the installation."""

from __future__ import annotations

from nanoscale_box.sandbox.model import App, Selection
from tests.sandbox.actors import MANIFEST, Client, Data, Receiver, Walker, forms_of, shared_keys


async def make_app(client: Client, inbox: Receiver, **changes: Data) -> App:
    hook = {"url": f"{inbox.url}/app"}
    app = await client.sandbox.register_app({**MANIFEST, "hook_attributes": hook, **changes}, keys=shared_keys())
    await client.sandbox.settled()
    inbox.received.clear()
    return app


async def test_all_repositories_then_the_setup_page(walker: Walker, client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox)
    page = await walker.open(f"/apps/{app.slug}/installations/new?state=s1")
    back = await walker.send(page, "install")
    installation = next(iter(client.sandbox.state.installations.values()))
    assert back.headers["Location"].startswith("http://127.0.0.1:8787/setup?")
    assert back.query == {"installation_id": str(installation.id), "setup_action": "install", "state": "s1"}
    assert installation.selection is Selection.ALL
    await client.sandbox.settled()
    (event,) = inbox.of("installation")
    assert event.payload["action"] == "created"
    assert "ada/hello" in {repo["full_name"] for repo in event.payload["repositories"]}
    assert event.signed_with(app.hook.secret or "")


async def test_only_selected_repositories(walker: Walker, client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox)
    page = await walker.open(f"/apps/{app.slug}/installations/new")
    hello = client.sandbox.state.repo("ada/hello")
    assert hello is not None
    assert str(hello.id) in forms_of(page.text)["install"].offered["repository_ids"]
    none = await walker.send(page, "install", selection="selected")
    assert none.status == 422
    await walker.send(page, "install", selection="selected", repository_ids=[str(hello.id)])
    installation = next(iter(client.sandbox.state.installations.values()))
    assert installation.selection is Selection.SELECTED
    assert installation.repo_ids == {hello.id}


async def test_authorising_during_installation_switches_the_setup_page_off(
    walker: Walker, client: Client, inbox: Receiver
) -> None:
    app = await make_app(client, inbox, request_oauth_on_install=True)
    back = await walker.send(await walker.open(f"/apps/{app.slug}/installations/new?state=s"), "install")
    assert back.headers["Location"].startswith("http://127.0.0.1:8787/callback?")
    assert {"code", "installation_id", "setup_action", "state"} == back.query.keys()


async def test_a_private_app_is_not_there_for_others(client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox)
    eve = Walker(client=client, user="eve")
    assert (await eve.open(f"/apps/{app.slug}/installations/new")).status == 404


async def test_a_public_app_goes_on_an_organisation(walker: Walker, client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox, public=True)
    page = await walker.open(f"/apps/{app.slug}/installations/new")
    assert forms_of(page.text)["install"].offered["account"] == ["ada", "analytical"]
    await walker.send(page, "install", account="analytical")
    (installation,) = client.sandbox.state.installations.values()
    account = client.sandbox.state.accounts[installation.account_id]
    assert account.login == "analytical"
    again = await walker.open(f"/apps/{app.slug}/installations/new")
    assert f"/settings/installations/{installation.id}" in again.text


async def test_a_member_can_only_ask(client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox, public=True)
    grace = Walker(client=client, user="grace")
    page = await grace.open(f"/apps/{app.slug}/installations/new?state=s")
    back = await grace.send(page, "install", account="analytical")
    assert back.query == {"setup_action": "request", "state": "s"}
    assert not client.sandbox.state.installations


async def test_nobody_installs_on_an_account_that_is_not_theirs(client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox, public=True)
    eve = Walker(client=client, user="eve")
    page = await eve.open(f"/apps/{app.slug}/installations/new")
    assert (await eve.send(page, "install", account="ada")).status == 404
    assert not client.sandbox.state.installations


async def test_changing_suspending_and_uninstalling(walker: Walker, client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox, setup_on_update=True)
    state = client.sandbox.state
    installation = client.sandbox.install(app)
    hello, website = state.repo("ada/hello"), state.repo("ada/website")
    assert hello is not None
    assert website is not None
    path = f"/settings/installations/{installation.id}"
    back = await walker.send(await walker.open(path), "save", selection="selected", repository_ids=[str(hello.id)])
    assert back.query["setup_action"] == "update"
    await walker.send(await walker.open(path), "suspend")
    assert installation.suspended_at is not None
    await walker.send(await walker.open(path), "unsuspend")
    await walker.send(await walker.open(path), "uninstall")
    await client.sandbox.settled()
    assert not state.installations
    assert [one.payload["action"] for one in inbox.of("installation")] == ["created", "suspend", "unsuspend", "deleted"]
    (changed,) = inbox.of("installation_repositories")
    assert changed.payload["repository_selection"] == "selected"
    assert website.id in {repo["id"] for repo in changed.payload["repositories_removed"]}
    assert (await Walker(client=client, user="eve").open(path)).status == 404


async def test_signing_in_as_somebody_else(walker: Walker) -> None:
    back = await walker.send(await walker.open("/login"), "", login="eve")
    assert back.status == 302
    assert "sandbox_user=eve" in back.headers["Set-Cookie"]


async def test_an_app_can_be_deleted_by_its_owner(walker: Walker, client: Client, inbox: Receiver) -> None:
    app = await make_app(client, inbox)
    client.sandbox.install(app)
    path = f"/settings/apps/{app.slug}"
    assert (await Walker(client=client, user="eve").open(path)).status == 404
    await walker.send(await walker.open(path), "device_flow")
    assert app.device_flow
    await walker.send(await walker.open(path), "delete")
    assert not client.sandbox.state.apps
    assert not client.sandbox.state.installations

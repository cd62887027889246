"""The whole adapter against the sandbox GitHub, over real HTTP, from connecting to disconnecting."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from dulwich.objects import ObjectID
from dulwich.refs import Ref

from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.core.errors import BoxError, Code, Conflict, NotFound
from nanoscale_box.core.github_model import App, CommitWord, Comparison, Repository, StillWaiting, UserTokens
from nanoscale_box.core.model import InstallationId, RepoId
from nanoscale_box.core.secret import Secret
from nanoscale_box.engine.ports import Github
from nanoscale_box.sandbox import Sandbox, Settings
from nanoscale_box.sandbox.control.answers import repo_named

CALLBACK = "http://127.0.0.1:9/api/integrations/github/callback"
HOOK_URL = "http://127.0.0.1:9/api/integrations/github/webhook"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
MANIFEST = {
    "name": "box of ada",
    "url": "http://127.0.0.1:9",
    "redirect_url": "http://127.0.0.1:9/registered",
    "callback_urls": [CALLBACK],
    "hook_attributes": {"url": HOOK_URL, "active": True},
    "default_permissions": {
        "contents": "read",
        "metadata": "read",
        "repository_hooks": "write",
        "statuses": "write",
        "deployments": "write",
    },
    "default_events": ["push", "repository"],
}


class RealTime:
    """This machine's clock, moved as far as a test moves it."""

    def __init__(self) -> None:
        self.offset = timedelta()
        self.waited = 0.0

    def now(self) -> datetime:
        return datetime.now(UTC) + self.offset

    def monotonic(self) -> float:
        return datetime.now(UTC).timestamp() + self.waited

    async def pause(self, seconds: float) -> None:
        self.waited += seconds


@dataclass(slots=True)
class World:
    """The sandbox, a browser at it, and the adapter."""

    sandbox: Sandbox
    browser: aiohttp.ClientSession
    time: RealTime
    api: GithubApi

    async def control(self, path: str, body: object) -> dict[str, Any]:
        async with self.browser.post(f"{self.sandbox.url}/_sandbox/{path}", json=body) as answer:
            assert answer.status < 300, await answer.text()
            found: dict[str, Any] = await answer.json()
            return found

    async def requests(self) -> list[dict[str, Any]]:
        async with self.browser.get(f"{self.sandbox.url}/_sandbox/requests") as answer:
            found: list[dict[str, Any]] = (await answer.json())["requests"]
            return found

    async def press(self, page: str, name: str) -> dict[str, str]:
        """Send a page's form as it is; the query of where it leads."""
        form = re.search(rf'<form method="post" action="([^"]+)" id="{name}".*?</form>', page, re.DOTALL)
        assert form is not None, page
        fields = re.findall(r'name="([^"]+)" value="([^"]*)"', form[0])
        data = {html.unescape(key): html.unescape(value) for key, value in fields}
        url = self.sandbox.url + html.unescape(form[1])
        async with self.browser.post(url, data=data, allow_redirects=False) as answer:
            assert answer.status == 302, await answer.text()
            return {key: values[0] for key, values in parse_qs(urlsplit(answer.headers["Location"]).query).items()}

    async def registered(self) -> App:
        new = f"{self.sandbox.url}/settings/apps/new?state=abc"
        async with self.browser.post(new, data={"manifest": json.dumps(MANIFEST)}) as answer:
            back = await self.press(await answer.text(), "create")
        assert back["state"] == "abc"
        return await self.api.convert_manifest(back["code"])

    async def authorised(self, app: App) -> UserTokens:
        url = self.api.authorize_url(app, redirect_uri=CALLBACK, state="xyz", code_challenge=CHALLENGE)
        async with self.browser.get(url) as answer:
            back = await self.press(await answer.text(), "authorize")
        assert back["state"] == "xyz"
        return await self.api.exchange_code(app, code=back["code"], redirect_uri=CALLBACK, code_verifier=VERIFIER)

    async def installed(self, app: App, repos: object = "all") -> InstallationId:
        body = {"app": int(app.app_id), "account": "ada", "repos": repos}
        return InstallationId((await self.control("installations", body))["id"])

    async def all_repositories(self, app: App, installation: InstallationId) -> dict[str, Repository]:
        pages = [page async for page in self.api.repositories(app, installation)]
        return {repo.name: repo for page in pages for repo in page}


async def opened(stack: AsyncExitStack, settings: Settings) -> World:
    sandbox = await stack.enter_async_context(Sandbox(home=settings.home, settings=settings))
    browser = await stack.enter_async_context(aiohttp.ClientSession())
    time = RealTime()
    api = GithubApi(sandbox.url, sandbox.api_url, None, time, pause=time.pause, monotonic=time.monotonic)
    stack.push_async_callback(api.close)
    return World(sandbox, browser, time, api)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with AsyncExitStack() as stack:
        yield await opened(stack, Settings(home=tmp_path))


def test_it_is_the_port() -> None:
    port: Github = GithubApi("http://127.0.0.1:9", "http://127.0.0.1:9/api/v3", None, RealTime())
    assert port.budget() is None


async def test_connecting_from_the_manifest_to_the_revoked_grant(world: World) -> None:
    app = await world.registered()
    assert app.slug == "box-of-ada" and app.webhook_secret and app.private_key.reveal().startswith("-----BEGIN")
    with pytest.raises(BoxError) as caught:
        await world.api.convert_manifest("0" * 40)
    assert caught.value.code is Code.GITHUB_STATE

    first = await world.authorised(app)
    assert first.expires_at is not None and first.refresh_token is not None
    assert abs(first.expires_at - world.time.now() - timedelta(hours=8)) < timedelta(minutes=1)
    number, login = await world.api.user(first.access_token)
    assert login == "ada" and number > 0

    second = await world.api.refresh(app, first.refresh_token)
    with pytest.raises(BoxError) as caught:
        await world.api.refresh(app, first.refresh_token)
    assert caught.value.code is Code.GITHUB_RECONNECT

    assert await world.api.user_installations(second.access_token) == []
    installation = await world.installed(app)
    (found,) = await world.api.user_installations(second.access_token)
    assert (found.installation_id, found.account_login, found.account_type) == (installation, "ada", "User")
    assert (found.repository_selection, found.suspended) == ("all", False)
    assert found.permissions["repository_hooks"] == "write"
    assert await world.api.installation(app, installation) == found

    await world.api.revoke_grant(app, second.access_token)
    with pytest.raises(BoxError) as caught:
        await world.api.user(second.access_token)
    assert caught.value.code is Code.GITHUB_RECONNECT


async def test_a_code_without_its_verifier_is_denied(world: World) -> None:
    app = await world.registered()
    url = world.api.authorize_url(app, redirect_uri=CALLBACK, state="xyz", code_challenge=CHALLENGE)
    async with world.browser.get(url) as answer:
        back = await world.press(await answer.text(), "authorize")
    with pytest.raises(BoxError) as caught:
        await world.api.exchange_code(app, code=back["code"], redirect_uri=CALLBACK, code_verifier="w" * 43)
    assert caught.value.code is Code.GITHUB_STATE


async def test_discovering_repositories_and_branches(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    repos = await world.all_repositories(app, installation)
    assert {"hello", "website", "api", "node-app"} <= repos.keys()
    hello, website = repos["hello"], repos["website"]
    assert hello.is_private and not website.is_private and hello.default_branch == "main"
    assert hello.clone_url.startswith(world.sandbox.url)
    assert await world.api.repository(app, installation, hello.repo_id) == hello
    assert await world.api.repository(app, installation, website.repo_id) == website
    assert await world.api.repository(app, installation, RepoId(1)) is None
    branches = await world.api.branches(app, installation, hello)
    assert branches[0].name == "main" and branches[0].default
    assert {"feature/x", "日本"} <= {one.name for one in branches}
    for branch in branches:
        commit = await world.api.head(app, installation, hello.repo_id, branch.name)
        assert commit is not None and commit.sha == branch.sha and commit.subject and commit.author
    assert await world.api.head(app, installation, hello.repo_id, "feature") is None
    budget = world.api.budget()
    assert budget is not None and 0 < budget.remaining < budget.limit == 5000


async def test_only_selected_repositories_are_in_scope_the_public_ones_too(world: World) -> None:
    app = await world.registered()
    website = next(repo for repo in world.sandbox.state.repos.values() if repo.name == "website")
    installation = await world.installed(app, ["hello"])
    assert (await world.all_repositories(app, installation)).keys() == {"hello"}
    assert await world.api.repository(app, installation, RepoId(website.id)) is None
    with pytest.raises(BoxError) as caught:
        await world.api.checkout_token(app, installation, RepoId(website.id))
    assert caught.value.code is Code.REPOSITORY_UNKNOWN


async def test_an_unchanged_head_costs_nothing_and_a_push_shows(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    repo_id = (await world.all_repositories(app, installation))["hello"].repo_id
    first = await world.api.head(app, installation, repo_id, "main")
    assert await world.api.head(app, installation, repo_id, "main") == first
    last = (await world.requests())[-1]
    assert (last["status"], last["counted"]) == (304, False)
    pushed = await world.sandbox.push(int(repo_id), message="Change the page\n\nand why")
    after = await world.api.head(app, installation, repo_id, "main")
    assert first is not None and after is not None and after.sha == pushed.after != first.sha
    assert (after.subject, after.message) == ("Change the page", "Change the page\n\nand why")
    compared = await world.api.compare(app, installation, repo_id, first.sha, after.sha)
    assert compared == Comparison(ahead=1, behind=0, changed=frozenset())


async def test_tags_are_listed_and_stand_for_commits_and_cost_nothing_while_none_comes(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    repo_id = (await world.all_repositories(app, installation))["hello"].repo_id
    pushed = await world.sandbox.push(int(repo_id), message="One for the road")
    with world.sandbox.world.git.open(repo_named(world.sandbox.world, int(repo_id))) as git:
        git.refs[Ref(b"refs/tags/v1.0")] = ObjectID(pushed.after.encode())
    for _ in range(2):
        assert await world.api.tags(app, installation, repo_id) == ["v1.0"]
        commit = await world.api.tag(app, installation, repo_id, "v1.0")
        assert commit and (commit.sha, commit.subject) == (pushed.after, "One for the road")
    assert [(last["status"], last["counted"]) for last in (await world.requests())[-2:]] == [(304, False)] * 2
    assert await world.api.tag(app, installation, repo_id, "v9") is None


async def test_a_checkout_token_reads_one_repository_until_it_is_revoked(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    repos = await world.all_repositories(app, installation)
    token = await world.api.checkout_token(app, installation, repos["hello"].repo_id)

    async def fetched(repo: Repository) -> int:
        basic = base64.b64encode(f"x-access-token:{token.reveal()}".encode()).decode()
        url = f"{repo.clone_url}/info/refs?service=git-upload-pack"
        async with world.browser.get(url, headers={"Authorization": f"Basic {basic}"}) as answer:
            return answer.status

    assert await fetched(repos["hello"]) == 200
    assert await fetched(repos["api"]) in (401, 403, 404)
    kept = world.sandbox.state.installation_tokens[token.reveal()]
    assert kept.permissions == {"contents": "read", "metadata": "read"}
    await world.api.revoke_token(token)
    assert await fetched(repos["hello"]) == 401
    await world.api.revoke_token(token)


async def test_hooks_from_creation_to_deletion(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    repo_id = (await world.all_repositories(app, installation))["hello"].repo_id
    secret = Secret("s" * 32)
    made = await world.api.create_hook(app, installation, repo_id, HOOK_URL, secret)
    assert (made.url, made.active, made.events) == (HOOK_URL, True, ("push", "meta"))
    with pytest.raises(Conflict):
        await world.api.create_hook(app, installation, repo_id, HOOK_URL, secret)
    assert await world.api.hooks(app, installation, repo_id) == [made]
    moved = await world.api.update_hook(app, installation, repo_id, made.hook_id, HOOK_URL + "/2", Secret("t" * 32))
    assert (moved.hook_id, moved.url) == (made.hook_id, HOOK_URL + "/2")
    (kept,) = world.sandbox.state.hooks.values()
    assert kept.config.secret == "t" * 32
    await world.api.delete_hook(app, installation, repo_id, made.hook_id)
    await world.api.delete_hook(app, installation, repo_id, made.hook_id)
    assert await world.api.hooks(app, installation, repo_id) == []
    with pytest.raises(NotFound):
        await world.api.update_hook(app, installation, repo_id, made.hook_id, HOOK_URL, secret)
    await world.api.set_app_hook(app, HOOK_URL + "/app", secret)
    assert await world.api.webhooks.app_hook_url(world.api.as_app(app)) == HOOK_URL + "/app"


async def test_failed_deliveries_of_the_app_are_found_and_asked_for_again(world: World) -> None:
    app = await world.registered()
    await world.installed(app)
    await world.sandbox.push("ada/hello")
    await world.sandbox.settled()
    as_app = world.api.as_app(app)
    since = world.time.now() - timedelta(hours=1)
    found = [one for one in await world.api.webhooks.deliveries(as_app, since) if one.event == "push"]
    assert len(found) == 1 and not found[0].succeeded
    assert await world.api.webhooks.redeliver(as_app, found[0].id)
    await world.sandbox.settled()
    again = [one for one in await world.api.webhooks.deliveries(as_app, since) if one.guid == found[0].guid]
    assert [one.redelivery for one in again] == [True, False]


async def test_the_device_flow(world: World) -> None:
    app = await world.registered()
    with pytest.raises(BoxError, match="switched off"):
        await world.api.oauth.device_code(app)
    await world.control(f"apps/{app.slug}", {"device_flow": True})
    begun = await world.api.oauth.device_code(app)
    assert begun.verification_uri.startswith(world.sandbox.url) and "-" in begun.user_code
    assert isinstance(await world.api.oauth.device_tokens(app, begun), StillWaiting)


async def test_a_word_on_a_commit_is_said(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    repo_id = (await world.all_repositories(app, installation))["hello"].repo_id
    commit = await world.api.head(app, installation, repo_id, "main")
    assert commit is not None
    word = CommitWord(state="success", sentence="live", name="box", deployment_id="dep_1", url="http://hello.localhost")
    for say in (world.api.set_status, world.api.set_deployment):
        await say(app, installation, repo_id, commit.sha, word)
        sent = (await world.requests())[-1]
        assert (sent["method"], sent["status"]) == ("POST", 201)


async def test_suspended_and_removed_installations_say_so(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    hello = (await world.all_repositories(app, installation))["hello"]
    for action, code in (("suspend", Code.INSTALLATION_SUSPENDED), ("delete", Code.INSTALLATION_UNKNOWN)):
        await world.control(f"installations/{installation}", {"action": action})
        with pytest.raises(BoxError) as caught:
            await world.api.head(app, installation, hello.repo_id, "main")
        assert caught.value.code is code, caught.value
        with pytest.raises(BoxError) as caught:
            await world.api.checkout_token(app, installation, hello.repo_id)
        assert caught.value.code is code, caught.value
    assert await world.api.installation(app, installation) is None


async def test_a_renamed_repository_goes_on_by_its_id(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    hello = (await world.all_repositories(app, installation))["hello"]
    await world.control(f"repos/{hello.repo_id}", {"rename": "goodbye"})
    found = await world.api.repository(app, installation, hello.repo_id)
    assert found is not None and (found.name, found.node_id) == ("goodbye", hello.node_id)


@pytest.mark.parametrize(
    ("fault", "pauses"),
    [
        ({"kind": "status", "status": 502, "times": 2}, True),
        ({"kind": "close", "times": 2}, True),
        ({"kind": "truncate", "times": 1}, True),
        ({"kind": "secondary_limit", "seconds": 3, "times": 1}, True),
        ({"kind": "rate_limit", "seconds": 5, "times": 1}, True),
        ({"kind": "delay", "seconds": 0.1}, False),
    ],
)
async def test_trouble_that_passes_is_waited_out(world: World, fault: dict[str, object], pauses: bool) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    hello = (await world.all_repositories(app, installation))["hello"]
    await world.control("faults", fault | {"match": {"path": "/branches/main"}})
    assert await world.api.head(app, installation, hello.repo_id, "main") is not None
    assert (world.time.waited > 0) is pauses


async def test_trouble_that_stays_is_a_sentence(world: World) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    hello = (await world.all_repositories(app, installation))["hello"]
    await world.control("faults", {"kind": "rate_limit", "seconds": 1800, "match": {"path": "/branches/main"}})
    for _ in range(2):
        with pytest.raises(BoxError) as caught:
            await world.api.head(app, installation, hello.repo_id, "main")
        assert caught.value.code is Code.GITHUB_RATE_LIMITED and (caught.value.retry_after or 0) > 1700
    assert [one["fault"] for one in await world.requests()].count("rate_limit") == 1


@pytest.mark.parametrize("off", [timedelta(minutes=20), timedelta(minutes=-20)])
async def test_a_clock_that_is_off_is_said_with_its_skew(world: World, off: timedelta) -> None:
    app = await world.registered()
    installation = await world.installed(app)
    world.time.offset = off
    with pytest.raises(BoxError, match="20 minutes") as caught:
        await world.all_repositories(app, installation)
    assert caught.value.code is Code.GITHUB_CLOCK
    world.time.offset = timedelta()
    assert await world.all_repositories(app, installation)


async def test_five_thousand_repositories_take_51_requests_and_the_second_time_none_that_count(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        world = await opened(stack, Settings(home=tmp_path, sample_repos=4990))
        app = await world.registered()
        installation = await world.installed(app)
        before = len(await world.requests())
        repos = await world.all_repositories(app, installation)
        asked = (await world.requests())[before:]
        assert len(repos) > 4990 and len(asked) <= 51
        assert await world.all_repositories(app, installation) == repos
        again = (await world.requests())[before + len(asked) :]
        assert len(again) == 50 and not any(one["counted"] for one in again)

"""The user's authorisation: codes and refresh tokens work once, and a refusal comes with status 200."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.core.errors import BoxError, Code
from nanoscale_box.core.github_model import StillWaiting, UserTokens
from nanoscale_box.core.secret import Secret
from tests.adapters.github_stage import START, Stage, Time, an_app, hang_up, ok, private_pem, staged

GRANT = "POST /login/oauth/access_token"
DEVICE = "POST /login/device/code"
PAIR = {"access_token": "ghu_new", "expires_in": 28800, "refresh_token": "ghr_new", "token_type": "bearer"}
Set = tuple[Stage, GithubApi]


@pytest.fixture
async def stage_and_api() -> AsyncIterator[Set]:
    async with staged() as both:
        yield both


async def exchange(api: GithubApi) -> UserTokens:
    return await api.exchange_code(
        an_app(), code="the code", redirect_uri="http://127.0.0.1/cb?x=1", code_verifier="v&v"
    )


def test_the_browser_is_sent_with_state_and_challenge() -> None:
    api = GithubApi("https://git.example/", "https://git.example/api/v3", None, Time())
    url = urlsplit(api.authorize_url(an_app(), redirect_uri="https://b/cb?a=b&c", state="s/+", code_challenge="ch"))
    assert f"{url.scheme}://{url.netloc}{url.path}" == "https://git.example/login/oauth/authorize"
    assert parse_qs(url.query) == {
        "client_id": ["Iv1.abc"], "redirect_uri": ["https://b/cb?a=b&c"], "state": ["s/+"],
        "code_challenge": ["ch"], "code_challenge_method": ["S256"],
    }  # fmt: skip


async def test_a_code_is_exchanged_for_a_pair(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(GRANT, ok(PAIR))
    found = await exchange(api)
    assert found == UserTokens(
        access_token=Secret("ghu_new"), refresh_token=Secret("ghr_new"), expires_at=START + timedelta(hours=8)
    )
    (asked,) = stage.asked(GRANT)
    assert asked.headers["accept"] == "application/json" and "authorization" not in asked.headers
    assert parse_qs(asked.body.decode()) == {
        "client_id": ["Iv1.abc"], "client_secret": ["client-secret-text"], "code": ["the code"],
        "redirect_uri": ["http://127.0.0.1/cb?x=1"], "code_verifier": ["v&v"],
    }  # fmt: skip


async def test_tokens_that_do_not_expire_have_no_end(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(GRANT, ok({"access_token": "ghu_new"}))
    found = await exchange(api)
    assert found.refresh_token is None and found.expires_at is None


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("bad_verification_code", Code.GITHUB_STATE), ("incorrect_client_credentials", Code.GITHUB_REFUSED),
        ("redirect_uri_mismatch", Code.GITHUB_REFUSED), ("something\x1b[2J new", Code.GITHUB_REFUSED),
        ("access_denied", Code.GITHUB_DENIED), ("", Code.GITHUB_REFUSED),
        ("bad_refresh_token", Code.GITHUB_RECONNECT),
    ],
)  # fmt: skip
async def test_an_answer_of_200_with_an_error_is_a_refusal(stage_and_api: Set, error: str, code: Code) -> None:
    stage, api = stage_and_api
    stage.on(GRANT, ok({"error": error, "error_description": "x", "access_token": "ghu_no"}))
    with pytest.raises(BoxError) as caught:
        await api.refresh(an_app(), Secret("ghr_old"))
    assert caught.value.code is code and caught.value.hint and caught.value.detail.isprintable()
    assert parse_qs(stage.asked(GRANT)[0].body.decode())["refresh_token"] == ["ghr_old"]


@pytest.mark.parametrize("answer", [hang_up, ok({}, 502), web.Response(body=b"access_token=x&scope="), ok({}), ok([1])])
async def test_what_works_once_is_tried_once(stage_and_api: Set, answer: web.Response) -> None:
    stage, api = stage_and_api
    stage.on(GRANT, answer)
    with pytest.raises(BoxError) as caught:
        await exchange(api)
    assert caught.value.code in (Code.GITHUB_UNREACHABLE, Code.GITHUB_REFUSED) and caught.value.may_retry
    assert len(stage.asked(GRANT)) == 1


async def test_a_limit_on_authorising_is_a_limit(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(GRANT, ok({"message": "slow down"}, 429, retry_after="90"))
    for _ in range(2):
        with pytest.raises(BoxError) as caught:
            await exchange(api)
        assert caught.value.code is Code.GITHUB_RATE_LIMITED
    assert len(stage.asked(GRANT)) == 1


async def test_a_user_whose_token_died_has_to_reconnect(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on("GET /api/v3/user", ok({"message": "Bad credentials"}, 401))
    with pytest.raises(BoxError) as caught:
        await api.user(Secret("ghu_x"))
    assert caught.value.code is Code.GITHUB_RECONNECT
    assert len(stage.seen) == 1


async def test_installations_come_from_every_page_with_their_state(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    account = {"id": 1, "login": "ada", "type": "User"}
    base = {"target_type": "User", "target_id": 1, "account": account, "permissions": {"contents": "read"}}
    one = base | {"id": 1, "repository_selection": "all", "suspended_at": None}
    two = base | {"id": 2, "repository_selection": "selected", "suspended_at": "2026-01-01T00:00:00Z"}
    firm = {"id": 3, "target_type": "Enterprise", "target_id": 9, "account": {"id": 9, "slug": "acme", "name": "Acme"}}
    stage.on(
        "GET /api/v3/user/installations?per_page=100",
        ok({"installations": [one]}, link=f'<{stage.url}/api/v3/user/installations?page=2>; rel="next"'),
    )
    stage.on("GET /api/v3/user/installations?page=2", ok({"installations": [two, firm]}))
    found = await api.user_installations(Secret("ghu_x"))
    assert [(one.installation_id, one.account_login, one.suspended) for one in found] == [
        (1, "ada", False), (2, "ada", True), (3, "acme", False)
    ]  # fmt: skip
    assert found[0].permissions == {"contents": "read"} and found[0].repository_selection == "all"


@pytest.mark.parametrize("status", [204, 404, 422])
async def test_a_grant_is_revoked_with_the_apps_own_credentials(stage_and_api: Set, status: int) -> None:
    stage, api = stage_and_api
    key = "DELETE /api/v3/applications/Iv1.abc/grant"
    stage.on(key, web.Response(status=status))
    await api.revoke_grant(an_app(), Secret("ghu_x"))
    (asked,) = stage.asked(key)
    assert asked.json() == {"access_token": "ghu_x"}
    assert base64.b64decode(asked.headers["authorization"].removeprefix("Basic ")) == b"Iv1.abc:client-secret-text"


async def test_a_manifests_code_is_exchanged_once(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    key = "POST /api/v3/app-manifests/a%2Fb/conversions"
    body = {
        "id": 5,
        "client_id": "Iv",
        "client_secret": "cs",
        "pem": private_pem(),
        "webhook_secret": None,
        "slug": "box",
    }
    stage.on(key, ok(body, 201))
    app = await api.convert_manifest("a/b")
    assert (app.app_id, app.slug, bool(app.webhook_secret), app.from_environment) == ("5", "box", False, False)
    stage.on(key, ok({"message": "Not Found"}, 404))
    for code in ("a/b", "..", ""):
        with pytest.raises(BoxError) as caught:
            await api.convert_manifest(code)
        assert caught.value.code is Code.GITHUB_STATE
    assert len(stage.seen) == 2 and "authorization" not in stage.seen[0].headers


async def test_the_device_flow_waits_slows_down_and_ends(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(
        DEVICE, ok({"device_code": "dc", "user_code": "AB-CD", "verification_uri": "https://x/device", "interval": 5})
    )
    begun = await api.oauth.device_code(an_app())
    assert (begun.user_code, begun.interval, begun.expires_in) == ("AB-CD", 5, 900)
    stage.on(
        GRANT, ok({"error": "authorization_pending"}), ok({"error": "slow_down", "interval": 10}),
        ok({"error": "slow_down"}), ok(PAIR), ok({"error": "access_denied"}),
    )  # fmt: skip
    found = [await api.oauth.device_tokens(an_app(), begun) for _ in range(4)]
    assert found[:3] == [StillWaiting(interval=5), StillWaiting(interval=10), StillWaiting(interval=10)]
    assert isinstance(found[3], UserTokens)
    with pytest.raises(BoxError) as caught:
        await api.oauth.device_tokens(an_app(), begun)
    assert caught.value.code is Code.GITHUB_DENIED
    assert b"client_secret" not in stage.asked(GRANT)[0].body


async def test_a_device_flow_that_is_switched_off_says_so(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(DEVICE, ok({"error": "device_flow_disabled"}))
    with pytest.raises(BoxError, match="switched off"):
        await api.oauth.device_code(an_app())
    stage.on(DEVICE, ok({"interval": 1}))
    with pytest.raises(BoxError, match="form"):
        await api.oauth.device_code(an_app())

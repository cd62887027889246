"""Being a good citizen: limits, pauses, retries, writes one by one, redirects and links within the host."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiohttp import web

from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.core.errors import TRIED_AGAIN, BoxError, Code, Fault
from nanoscale_box.core.model import InstallationId
from nanoscale_box.core.secret import Secret
from tests.adapters.github_stage import (
    INSTALLATION,
    REPO,
    START,
    Stage,
    an_app,
    branch,
    hang_up,
    minted,
    ok,
    repository,
    staged,
)

HEAD = f"GET /api/v3/repositories/{REPO}/branches/main"
HOOKS = f"POST /api/v3/repositories/{REPO}/hooks"
MINT = f"POST /api/v3/app/installations/{INSTALLATION}/access_tokens"
HOOK = {"id": 5, "active": True, "events": ["push"], "config": {"url": "https://box.example/hook"}}
Set = tuple[Stage, GithubApi]


@pytest.fixture
async def stage_and_api() -> AsyncIterator[Set]:
    async with staged() as both:
        yield both


async def head(api: GithubApi) -> object:
    return await api.head(an_app(), INSTALLATION, REPO, "main")


async def create(api: GithubApi, installation: InstallationId = INSTALLATION) -> object:
    return await api.create_hook(an_app(), installation, REPO, "https://box.example/hook", Secret("s" * 20))


async def refused(api: GithubApi) -> BoxError:
    with pytest.raises(BoxError) as caught:
        await head(api)
    assert caught.value.detail.endswith(".") and caught.value.hint
    assert "by itself" not in caught.value.hint.replace(TRIED_AGAIN, ""), "nobody asks again for a plan or a list"
    return caught.value


async def test_a_head_that_did_not_change_is_asked_for_conditionally_and_given_again(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok(branch(), etag='W/"1"'), web.Response(status=304), ok(branch(sha="b" * 40), etag='W/"2"'))
    first, same, other = await head(api), await head(api), await head(api)
    assert first == same != other
    assert [one.headers.get("if-none-match") for one in stage.asked(HEAD)] == [None, 'W/"1"', 'W/"1"']
    assert len(stage.asked(MINT)) == 1


async def test_an_etag_does_not_outlive_its_token(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(MINT, minted("ghs_" + "1" * 36), minted("ghs_" + "2" * 36, START + timedelta(hours=1)))
    stage.on(HEAD, ok(branch(), etag='W/"1"'))
    await head(api)
    stage.time.pass_by(3590)
    await head(api)
    assert [one.headers["authorization"][-1] for one in stage.asked(HEAD)] == ["1", "2"]
    assert "if-none-match" not in stage.asked(HEAD)[1].headers


async def test_a_short_retry_after_is_waited_for(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({"message": "slow down"}, status=429, retry_after="7"), ok(branch()))
    assert await head(api) is not None
    assert stage.time.pauses == [pytest.approx(7)]


async def test_a_long_retry_after_is_refused_and_nothing_is_sent_until_it_is_over(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({"message": "secondary rate limit"}, status=403, retry_after="300"), ok(branch()))
    for _ in range(3):
        error = await refused(api)
        assert error.code is Code.GITHUB_RATE_LIMITED and error.may_retry
        assert error.retry_after == pytest.approx(300, abs=1)
    assert len(stage.asked(HEAD)) == 1 and stage.time.pauses == []
    stage.time.pass_by(300)
    assert await head(api) is not None


async def test_the_reset_time_counts_from_githubs_clock(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.github_ahead = timedelta(seconds=40)
    reset = int((START + timedelta(seconds=45)).timestamp())
    spent = ok({"message": "API rate limit exceeded"}, status=403, x_ratelimit_limit="5000", x_ratelimit_remaining="0",
               x_ratelimit_reset=str(reset))  # fmt: skip
    stage.on(HEAD, spent, ok(branch()))
    assert await head(api) is not None
    assert stage.time.pauses == [pytest.approx(6)]


async def test_the_last_request_of_the_budget_holds_the_next(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    reset = int((START + timedelta(minutes=30)).timestamp())
    last = ok(branch(), x_ratelimit_limit="5000", x_ratelimit_remaining="0", x_ratelimit_reset=str(reset))
    stage.on(HEAD, last)
    assert await head(api) is not None
    error = await refused(api)
    assert error.code is Code.GITHUB_RATE_LIMITED and "30 minutes" in error.detail
    budget = api.budget()
    assert budget is not None and (budget.limit, budget.remaining) == (5000, 0)
    assert budget.reset_at == START + timedelta(minutes=30)


async def test_a_secondary_limit_without_a_time_means_a_minute(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({"message": "You have exceeded a secondary rate limit."}, status=403))
    assert (await refused(api)).retry_after == pytest.approx(60)


async def test_a_limit_that_does_not_pass_is_refused_in_the_end(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({"message": "no"}, status=429, retry_after="1"))
    assert (await refused(api)).code is Code.GITHUB_RATE_LIMITED
    assert len(stage.asked(HEAD)) == 3


async def test_one_installations_limit_does_not_hold_another(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on("POST /api/v3/app/installations/8/access_tokens", minted("ghs_" + "8" * 36))
    stage.on(HEAD, ok({"message": "secondary rate limit"}, status=403), ok(branch()))
    await refused(api)
    assert await api.head(an_app(), InstallationId(8), REPO, "main") is not None


@pytest.mark.parametrize("broken", [ok({}, status=500), ok({}, status=502), ok({}, status=503)])
async def test_a_read_is_repeated_with_growing_pauses(stage_and_api: Set, broken: web.Response) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, broken, broken, ok(branch()))
    assert await head(api) is not None
    assert stage.time.pauses == [0.5, 1.5]


async def test_a_read_whose_connection_breaks_is_repeated(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, hang_up, hang_up, ok(branch()))
    assert await head(api) is not None
    assert len(stage.asked(HEAD)) == 3 and stage.time.pauses


async def test_trouble_that_lasts_is_a_sentence(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({}, status=502))
    error = await refused(api)
    assert (error.code, error.fault, len(stage.asked(HEAD))) == (Code.GITHUB_UNREACHABLE, Fault.GITHUB, 3)


async def test_trouble_that_names_a_long_time_is_not_repeated(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({}, status=503, retry_after="120"))
    error = await refused(api)
    assert error.retry_after == 120 and len(stage.asked(HEAD)) == 1


@pytest.mark.parametrize("broken", [ok({}, status=502), hang_up])
async def test_a_creation_is_never_repeated(stage_and_api: Set, broken: web.Response) -> None:
    stage, api = stage_and_api
    stage.on(HOOKS, broken)
    with pytest.raises(BoxError) as caught:
        await create(api)
    assert caught.value.code is Code.GITHUB_UNREACHABLE and len(stage.asked(HOOKS)) == 1


async def test_a_creation_refused_for_a_limit_is_repeated(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HOOKS, ok({"message": "slow"}, status=429, retry_after="2"), ok(HOOK, status=201))
    assert await create(api) is not None
    assert len(stage.asked(HOOKS)) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422, 451])
async def test_a_refusal_is_not_repeated(stage_and_api: Set, status: int) -> None:
    stage, api = stage_and_api
    stage.on(f"GET /api/v3/repositories/{REPO}/hooks?per_page=100", ok({"message": "no"}, status=status))
    with pytest.raises(BoxError):
        await api.hooks(an_app(), INSTALLATION, REPO)
    assert len(stage.asked(f"GET /api/v3/repositories/{REPO}/hooks?per_page=100")) == (2 if status == 401 else 1)


async def test_writes_of_an_installation_come_one_by_one_a_second_apart(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    inside = 0

    async def alone(_: web.Request) -> web.StreamResponse:
        nonlocal inside
        inside += 1
        assert inside == 1
        await asyncio.sleep(0)
        inside -= 1
        return ok(HOOK, status=201)

    stage.on(HOOKS, alone)
    await asyncio.gather(*(create(api) for _ in range(4)))
    times = [one.at for one in stage.asked(HOOKS)]
    assert all(later - earlier >= 1 for earlier, later in itertools.pairwise(times)), times


async def test_a_write_that_was_given_up_lets_the_next_one_in(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    arrived, never = asyncio.Event(), asyncio.Event()

    async def stuck(_: web.Request) -> web.StreamResponse:
        arrived.set()
        await never.wait()
        return ok(HOOK, status=201)

    stage.on(HOOKS, stuck, ok(HOOK, status=201))
    first = asyncio.create_task(create(api))
    await arrived.wait()
    first.cancel()
    assert await create(api) is not None
    never.set()


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_within_the_host_is_followed_as_it_was_asked(stage_and_api: Set, status: int) -> None:
    stage, api = stage_and_api
    stage.on(HOOKS, ok({}, status=status, location="/api/v3/repositories/99/hooks"))
    stage.on("POST /api/v3/repositories/99/hooks", ok(HOOK, status=201))
    assert await create(api) is not None
    one, two = stage.asked(HOOKS)[0], stage.asked("POST /api/v3/repositories/99/hooks")[0]
    assert one.body == two.body and one.headers["authorization"] == two.headers["authorization"]


@pytest.mark.parametrize(
    "location", ["https://evil.example/x", "//evil.example/x", "ftp://x/", "http://u:p@{host}/x", "", "http://[", "http://{host}0/"]
)  # fmt: skip
async def test_a_redirect_to_another_host_is_refused(stage_and_api: Set, location: str) -> None:
    stage, api = stage_and_api
    host = stage.url.removeprefix("http://")
    stage.on(HEAD, ok({}, status=301, location=location.format(host=host)))
    assert (await refused(api)).code is Code.GITHUB_REFUSED
    assert len(stage.asked(HEAD)) == 1


async def test_redirects_in_a_circle_end(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({}, status=301, location=HEAD.removeprefix("GET ")))
    assert (await refused(api)).code is Code.GITHUB_REFUSED
    assert len(stage.asked(HEAD)) == 4


async def test_pages_are_followed_within_the_host_only(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    first = "GET /api/v3/installation/repositories?per_page=100"
    second = "GET /api/v3/installation/repositories?per_page=100&page=2"
    link = f'<{stage.url}{second.removeprefix("GET ")}>; rel="next", <{stage.url}/x>; rel="last"'
    stage.on(first, ok({"repositories": [repository(1)]}, link=link))
    stage.on(second, ok({"repositories": [repository(2)]}))
    pages = [page async for page in api.repositories(an_app(), INSTALLATION)]
    assert [[one.repo_id for one in page] for page in pages] == [[1], [2]]
    stage.on(first, ok({"repositories": [repository(1)]}, link='<https://evil.example/2>; rel="next"'))
    with pytest.raises(BoxError) as caught:
        _ = [page async for page in api.repositories(an_app(), INSTALLATION)]
    assert caught.value.code is Code.GITHUB_REFUSED and caught.value.fault is Fault.GITHUB


async def test_a_list_without_an_end_is_given_up(stage_and_api: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, api = stage_and_api
    monkeypatch.setattr("nanoscale_box.adapters.github_calls._MOST_PAGES", 5)
    key = f"GET /api/v3/repositories/{REPO}/hooks?per_page=100"
    stage.on(key, ok([HOOK], link=f'<{stage.url}{key.removeprefix("GET ")}>; rel="next"'))
    with pytest.raises(BoxError, match="no end"):
        await api.hooks(an_app(), INSTALLATION, REPO)
    assert len(stage.asked(key)) == 5


async def test_every_request_says_who_asks_and_for_which_version(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok(branch()))
    await head(api)
    assert {one.headers["user-agent"] for one in stage.seen} == {"nanoscale-box"}
    assert {one.headers["x-github-api-version"] for one in stage.seen} == {"2022-11-28"}
    assert {one.headers["accept"] for one in stage.seen} == {"application/vnd.github.v3+json"}

"""GitHub's refusals and silences: a sentence each, nothing in it that GitHub or a secret put there raw."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.adapters.github_http import Answer
from nanoscale_box.adapters.github_refusals import Kind, message_of, refusal
from nanoscale_box.core.errors import TRIED_AGAIN, BoxError, Code, Fault
from nanoscale_box.core.secret import Secret
from tests.adapters.github_stage import (
    INSTALLATION,
    REPO,
    TOKEN,
    Stage,
    Time,
    an_app,
    branch,
    hang_up,
    minted,
    ok,
    private_pem,
    repository,
    staged,
)

MINT = f"POST /api/v3/app/installations/{INSTALLATION}/access_tokens"
HEAD = f"GET /api/v3/repositories/{REPO}/branches/main"
ONE = f"GET /api/v3/repositories/{REPO}"
ALL = "GET /api/v3/installation/repositories?per_page=100"
Set = tuple[Stage, GithubApi]


@pytest.fixture
async def stage_and_api() -> AsyncIterator[Set]:
    async with staged() as both:
        yield both


async def refused(api: GithubApi) -> BoxError:
    with pytest.raises(BoxError) as caught:
        await api.head(an_app(), INSTALLATION, REPO, "main")
    assert caught.value.detail.endswith(".") and caught.value.hint and "\n" not in caught.value.detail
    return caught.value


def told(error: BaseException) -> str:
    """Everything a log could show of an error."""
    return "".join(traceback.format_exception(error)) + repr(error) + repr(error.__context__) + repr(error.__cause__)


GARBAGE = [
    b"", b"null", b"[]", b"{}", b"<html>oops</html>", b"\xff\xfe", b"[" * 100_000, b'{"name": "\\ud800"',
    b'{"name": 1}',
    b'{"name": "main", "commit": {"sha": "zz"}}', b'{"name": "main", "commit": ' + b"9" * 5000 + b"}",
    b'{"name": "main", "commit": {"sha": "' + b"a" * 40 + b'\\n"}}',
]  # fmt: skip


@pytest.mark.parametrize("body", GARBAGE)
async def test_an_answer_of_another_form_is_a_sentence(stage_and_api: Set, body: bytes) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, web.Response(body=body, content_type="application/json"))
    error = await refused(api)
    assert (error.code, error.fault) == (Code.GITHUB_REFUSED, Fault.GITHUB)


@pytest.mark.parametrize(
    "body", [*GARBAGE, b'{"message": 5, "errors": 7}', b'{"message": "x", "errors": [1, {}, null]}']
)
@pytest.mark.parametrize("status", [400, 401, 403, 404, 422, 500])
async def test_a_refusal_of_any_form_is_a_sentence(stage_and_api: Set, body: bytes, status: int) -> None:
    stage, api = stage_and_api
    stage.on(MINT, web.Response(body=body, status=status, content_type="application/json"))
    await refused(api)


@given(st.binary(max_size=200), st.integers(300, 599), st.sampled_from(Kind))
def test_every_refusal_has_a_sentence(body: bytes, status: int, kind: Kind) -> None:
    error = refusal(kind, Answer(status=status, headers={}, body=body), None)
    assert error.detail.endswith(".") and error.hint and error.detail.isprintable()
    assert "by itself" not in error.hint.replace(TRIED_AGAIN, ""), "nobody asks again for a plan or a list"


@given(st.text(max_size=300))
def test_githubs_words_are_inert(text: str) -> None:
    words = message_of(Answer(status=403, headers={}, body=ok({"message": text}).body))  # type: ignore[arg-type]
    assert "\x1b" not in words and "\n" not in words and len(words) <= 220


async def test_words_that_name_a_repository_or_a_token_do_not_get_through(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(
        HEAD, ok({"message": f"\x1b[2JRepository ada/secret-11 refuses {TOKEN} \u202eat https://x.example/ada/b"}, 451)
    )
    error = await refused(api)
    assert "secret-11" not in error.detail and TOKEN not in error.detail and "\x1b" not in error.detail
    assert "refuses" in error.detail


async def test_no_secret_stands_in_any_error(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    secrets = (
        TOKEN,
        private_pem().splitlines()[1],
        "client-secret-text",
        "refresh-secret",
        "verifier-secret",
        "hook-text",
    )
    for act in (
        hang_up,
        ok({"message": "no"}, 401),
        ok({}, 500),
        web.Response(body=b"junk"),
        ok({}, 301, location="http://x/"),
    ):
        for key in (HEAD, "POST /login/oauth/access_token", f"POST /api/v3/repositories/{REPO}/hooks"):
            stage.on(key, act)
        calls = (
            api.head(an_app(), INSTALLATION, REPO, "main"),
            api.refresh(an_app(), Secret("refresh-secret")),
            api.exchange_code(an_app(), code="c", redirect_uri="http://127.0.0.1/cb", code_verifier="verifier-secret"),
            api.create_hook(an_app(), INSTALLATION, REPO, "https://box.example", Secret("hook-text")),
        )
        for call in calls:
            with pytest.raises(BoxError) as caught:
                await call
            shown = told(caught.value)
            assert not [secret for secret in secrets if secret in shown], shown


async def test_a_name_that_does_not_resolve_and_a_closed_port_are_the_networks() -> None:
    time = Time()
    for url, words in (("http://github.invalid", "resolved"), ("http://127.0.0.1:1", "reached over the network")):
        async with aiohttp.ClientSession() as session:
            api = GithubApi(url, url, session, time, pause=time.pause, monotonic=time.monotonic, jitter=lambda: 0.5)
            error = await refused(api)
            assert (error.code, error.fault) == (Code.GITHUB_UNREACHABLE, Fault.NETWORK) and words in error.detail
    assert time.pauses == [0.5, 1.5] * 2


async def test_a_silent_server_is_left_in_time(stage_and_api: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok(branch()))
    assert await api.head(an_app(), INSTALLATION, REPO, "main") is not None
    monkeypatch.setattr("nanoscale_box.adapters.github_http._TIMEOUT", aiohttp.ClientTimeout(total=0.1))
    test_is_over = asyncio.Event()

    async def silent(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await test_is_over.wait()
        return response

    stage.on(HEAD, silent)
    error = await refused(api)
    test_is_over.set()
    assert error.code is Code.GITHUB_UNREACHABLE and error.fault is Fault.NETWORK and "in time" in error.detail
    assert len(stage.asked(HEAD)) == 4


async def test_an_endless_answer_is_dropped(stage_and_api: Set, monkeypatch: pytest.MonkeyPatch) -> None:
    stage, api = stage_and_api
    monkeypatch.setattr("nanoscale_box.adapters.github_http._LARGEST_ANSWER", 100_000)
    stage.on(HEAD, web.Response(body=b" " * 1_000_000))
    assert "larger" in (await refused(api)).detail


async def test_an_own_session_opens_when_needed_and_closes() -> None:
    async with staged() as (stage, _):
        stage.on(HEAD, ok(branch()))
        api = GithubApi(stage.url, f"{stage.url}/api/v3/", None, stage.time)
        assert await api.head(an_app(), INSTALLATION, REPO, "main") is not None
        await api.close()
        await api.close()


async def test_lacking_permission_is_named(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    words = ok(
        {"message": "Resource not accessible by integration"}, 403, x_accepted_github_permissions="contents=read"
    )
    stage.on(HEAD, words)
    assert "contents=read" in (await refused(api)).detail


async def test_a_branch_is_found_by_exactly_its_name(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({}, 301, location=f"/api/v3/repositories/{REPO}/branches/trunk"))
    stage.on(f"GET /api/v3/repositories/{REPO}/branches/trunk", ok(branch("trunk")))
    assert await api.head(an_app(), INSTALLATION, REPO, "main") is None
    assert await api.head(an_app(), INSTALLATION, REPO, "gone") is None


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("feature/x", "feature%2Fx"), ("日本", "%E6%97%A5%E6%9C%AC"), ("a?b#c", "a%3Fb%23c"), ("a%2Fb", "a%252Fb"),
        ("..%2f..", "..%252f.."), ("v1.0+x", "v1.0%2Bx"), ("{owner}", "%7Bowner%7D"), ("UP", "UP"),
    ],
)  # fmt: skip
async def test_a_branch_name_stays_one_part_of_the_path(stage_and_api: Set, name: str, path: str) -> None:
    stage, api = stage_and_api
    stage.on(f"GET /api/v3/repositories/{REPO}/branches/{path}", ok(branch(name)))
    assert await api.head(an_app(), INSTALLATION, REPO, name) is not None


@pytest.mark.parametrize("name", ["", ".", ".."])
async def test_what_cannot_be_a_branch_is_not_asked_for(stage_and_api: Set, name: str) -> None:
    stage, api = stage_and_api
    assert await api.head(an_app(), INSTALLATION, REPO, name) is None
    assert stage.seen == []


async def test_a_head_tells_subject_author_and_the_whole_message(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok(branch(message="\n\nSay hello\r\n\nwarmly [skip ci]")))
    commit = await api.head(an_app(), INSTALLATION, REPO, "main")
    assert commit is not None
    assert (commit.subject, commit.author) == ("Say hello", "Ada")
    assert commit.message == "\n\nSay hello\r\n\nwarmly [skip ci]"


async def test_the_default_branch_comes_first(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(ONE, ok(repository()))
    key = f"GET /api/v3/repositories/{REPO}/branches?per_page=100"
    stage.on(key, ok([branch("a"), branch("b")], link=f'<{stage.url}/api/v3/x?page=2>; rel="next"'))
    stage.on("GET /api/v3/x?page=2", ok([branch("main"), branch("z")]))
    repo = await api.repository(an_app(), INSTALLATION, REPO)
    assert repo is not None
    found = await api.branches(an_app(), INSTALLATION, repo)
    assert [(one.name, one.default) for one in found] == [("main", True), ("a", False), ("b", False), ("z", False)]


async def test_a_repository_that_is_gone_is_none_and_its_branches_unknown(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    assert await api.repository(an_app(), INSTALLATION, REPO) is None
    stage.on(ONE, ok(repository()))
    repo = await api.repository(an_app(), INSTALLATION, REPO)
    assert repo is not None and repo.is_private and repo.repo_id == REPO
    with pytest.raises(BoxError) as caught:
        await api.branches(an_app(), INSTALLATION, repo)
    assert caught.value.code is Code.REPOSITORY_UNKNOWN and "secret-11" not in told(caught.value)


async def test_a_public_repository_anyone_can_see_is_not_thereby_in_scope(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(ONE, ok(repository(private=False)))
    stage.on(MINT, minted(), minted(), ok({"message": "not accessible to the parent installation"}, 422))
    assert await api.repository(an_app(), INSTALLATION, REPO) is not None
    assert await api.repository(an_app(), INSTALLATION, REPO) is None


async def test_what_is_kept_is_not_shared_with_the_caller(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(ALL, ok({"repositories": [repository(1)]}, etag='"1"'), web.Response(status=304))
    first = [page async for page in api.repositories(an_app(), INSTALLATION)]
    first[0].clear()
    assert [len(page) async for page in api.repositories(an_app(), INSTALLATION)] == [1]


@pytest.mark.parametrize("status", [204, 300, 303, 304])
async def test_a_status_that_makes_no_sense_is_a_sentence(stage_and_api: Set, status: int) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, web.Response(status=status))
    assert (await refused(api)).code is Code.GITHUB_REFUSED

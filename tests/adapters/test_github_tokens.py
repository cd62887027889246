"""Credentials: the App's signature, the hour's API token, tokens for one checkout, and a clock that is off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import jwt
import pytest
from aiohttp import web
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.adapters.github_tokens import Signer, load_private_key
from nanoscale_box.core.errors import BoxError, Code, Fault
from nanoscale_box.core.secret import Secret
from tests.adapters.github_stage import (
    INSTALLATION,
    REPO,
    START,
    TOKEN,
    Stage,
    Time,
    an_app,
    branch,
    minted,
    ok,
    private_pem,
    staged,
)

MINT = f"POST /api/v3/app/installations/{INSTALLATION}/access_tokens"
HEAD = f"GET /api/v3/repositories/{REPO}/branches/main"
IAT = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
Set = tuple[Stage, GithubApi]


@pytest.fixture
async def stage_and_api() -> AsyncIterator[Set]:
    async with staged() as both:
        both[0].on(HEAD, ok(branch()))
        yield both


async def head(api: GithubApi) -> object:
    return await api.head(an_app(), INSTALLATION, REPO, "main")


async def refused(api: GithubApi) -> BoxError:
    with pytest.raises(BoxError) as caught:
        await head(api)
    assert caught.value.detail.endswith(".") and caught.value.hint
    return caught.value


def claims_of(bearer: str) -> dict[str, object]:
    key = load_private_key(Secret(private_pem())).public_key()
    text = bearer.removeprefix("Bearer ")
    found: dict[str, object] = jwt.decode(
        text, key, algorithms=["RS256"], options={"verify_exp": False, "verify_iat": False}
    )
    return found


def test_the_signature_is_backdated_and_short() -> None:
    claims = claims_of(Signer(Time()).bearer(an_app()))
    now = int(START.timestamp())
    assert claims == {"iss": "42", "iat": now - 60, "exp": now + 540}


@pytest.mark.parametrize("style", [PrivateFormat.TraditionalOpenSSL, PrivateFormat.PKCS8])
def test_a_key_comes_in_either_form(style: PrivateFormat) -> None:
    assert load_private_key(Secret(private_pem(style))).key_size == 2048


def elliptic_pem() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize("pem", ["", "nonsense", "\ud800", private_pem()[:300], elliptic_pem()])
def test_what_is_no_rsa_key_is_a_sentence_without_it(pem: str) -> None:
    with pytest.raises(BoxError, match="no RSA key") as caught:
        load_private_key(Secret(pem))
    assert caught.value.code is Code.GITHUB_NOT_CONFIGURED and caught.value.__context__ is None


def test_a_signature_serves_until_shortly_before_it_ends() -> None:
    time = Time()
    signer = Signer(time)
    first = signer.bearer(an_app())
    time.pass_by(479)
    assert signer.bearer(an_app()) == first
    time.pass_by(2)
    assert signer.bearer(an_app()) != first


def test_a_clock_that_was_set_back_means_a_new_signature() -> None:
    time = Time()
    signer = Signer(time)
    first = signer.bearer(an_app())
    time.pass_by(-3600)
    assert signer.bearer(an_app()) != first


def test_a_new_key_signs_at_once() -> None:
    signer = Signer(Time())
    other = private_pem(PrivateFormat.PKCS8)
    assert signer.bearer(an_app()) != "" != signer.bearer(an_app(other))


async def test_many_calls_at_once_share_one_token(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    await asyncio.gather(*(head(api) for _ in range(10)))
    assert len(stage.asked(MINT)) == 1 and len(stage.asked(HEAD)) == 10
    assert {one.headers["authorization"] for one in stage.asked(HEAD)} == {f"Bearer {TOKEN}"}


async def test_a_refused_token_is_replaced_once_for_all_who_held_it(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(MINT, minted("ghs_" + "1" * 36), minted("ghs_" + "2" * 36))

    async def only_the_second(request: web.Request) -> web.StreamResponse:
        await asyncio.sleep(0)
        return ok(branch()) if "2222" in request.headers["authorization"] else ok({"message": "Bad credentials"}, 401)

    stage.on(HEAD, only_the_second)
    await asyncio.gather(*(head(api) for _ in range(5)))
    assert len(stage.asked(MINT)) == 2


async def test_a_token_refused_again_is_no_loop(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(HEAD, ok({"message": "Bad credentials"}, 401))
    assert (await refused(api)).code is Code.GITHUB_REFUSED
    assert len(stage.asked(HEAD)) == 2


async def test_a_token_lives_by_githubs_clock(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.github_ahead = timedelta(seconds=-50)
    stage.on(MINT, minted(at=START - timedelta(seconds=50)))
    await head(api)
    stage.time.pass_by(3530)
    await head(api)
    assert len(stage.asked(MINT)) == 1
    stage.time.pass_by(15)
    stage.on(MINT, minted(at=datetime.now(UTC) + timedelta(days=9)))
    await head(api)
    assert len(stage.asked(MINT)) == 2


async def test_a_forgotten_token_is_not_used_again(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    await head(api)
    api.forget(an_app(), INSTALLATION)
    await head(api)
    assert len(stage.asked(MINT)) == 2


@pytest.mark.parametrize("form", [TOKEN, "ghs_" + "x" * 200 + "." + "y" * 300 + ".-_"])
async def test_a_checkout_token_is_minted_each_time_for_one_repository(stage_and_api: Set, form: str) -> None:
    stage, api = stage_and_api
    stage.on(MINT, minted(form))
    for _ in range(2):
        assert await api.checkout_token(an_app(), INSTALLATION, REPO) == Secret(form)
    assert [one.json() for one in stage.asked(MINT)] == [
        {"repository_ids": [REPO], "permissions": {"contents": "read"}}
    ] * 2
    assert stage.time.pauses == []


async def test_a_checkout_out_of_scope_is_unknown(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(MINT, ok({"message": "There is at least one repository that does not exist"}, 422))
    with pytest.raises(BoxError) as caught:
        await api.checkout_token(an_app(), INSTALLATION, REPO)
    assert caught.value.code is Code.REPOSITORY_UNKNOWN and str(REPO) in caught.value.detail


@pytest.mark.parametrize("status", [204, 401, 404])
async def test_revoking_a_token_that_is_dead_is_fine(stage_and_api: Set, status: int) -> None:
    stage, api = stage_and_api
    stage.on("DELETE /api/v3/installation/token", web.Response(status=status))
    await api.revoke_token(Secret(TOKEN))
    (asked,) = stage.asked("DELETE /api/v3/installation/token")
    assert asked.headers["authorization"] == f"Bearer {TOKEN}" and len(stage.seen) == 1


@pytest.mark.parametrize("bad", ["", "ghs_a b", "ghs_a\r\nx: y", "ghs_é"])
async def test_a_token_that_would_not_stay_in_its_header_is_refused(stage_and_api: Set, bad: str) -> None:
    stage, api = stage_and_api
    stage.on(MINT, minted(bad))
    assert (await refused(api)).code is Code.GITHUB_REFUSED


@pytest.mark.parametrize(
    ("ahead", "words"), [(-300, "5 minutes ahead of"), (900, "15 minutes behind"), (61, "61 seconds behind")]
)
async def test_a_clock_that_is_off_is_named_with_how_much(stage_and_api: Set, ahead: int, words: str) -> None:
    stage, api = stage_and_api
    stage.github_ahead = timedelta(seconds=ahead)
    stage.on(MINT, ok({"message": IAT}, 401))
    error = await refused(api)
    assert error.code is Code.GITHUB_CLOCK and words in error.detail
    assert error.may_retry, "a clock is set by itself soon after most machines start"
    assert api.clock_skew() == timedelta(seconds=-ahead)


async def test_a_signature_refused_for_its_time_speaks_of_the_clock_even_if_the_dates_agree(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(MINT, ok({"message": IAT}, 401))
    error = await refused(api)
    assert error.code is Code.GITHUB_CLOCK and error.may_retry


async def test_a_clock_that_is_off_but_accepted_is_no_error(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.github_ahead = timedelta(minutes=5)
    stage.on(MINT, minted(at=START + timedelta(minutes=5)))
    assert await head(api) is not None
    assert api.clock_skew() == timedelta(minutes=-5)


async def test_a_key_github_does_not_know_is_the_owners_to_mend(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(MINT, ok({"message": "A JSON web token could not be decoded"}, 401))
    error = await refused(api)
    assert error.code is Code.GITHUB_REFUSED and "private key" in error.detail and error.fault is Fault.OWNER


async def test_an_app_that_was_deleted_is_not_taken_for_an_installation_that_is_gone(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    gone = ok({"message": "Integration not found"}, 404)
    stage.on(MINT, gone)
    assert (await refused(api)).code is Code.GITHUB_REFUSED
    stage.on(f"GET /api/v3/app/installations/{INSTALLATION}", gone)
    with pytest.raises(BoxError, match="App id"):
        await api.installation(an_app(), INSTALLATION)


async def test_an_installation_that_is_gone_or_suspended_says_so(stage_and_api: Set) -> None:
    stage, api = stage_and_api
    stage.on(MINT, ok({"message": "Not Found"}, 404))
    assert (await refused(api)).code is Code.INSTALLATION_UNKNOWN
    stage.on(MINT, ok({"message": "This installation has been suspended"}, 403))
    assert (await refused(api)).code is Code.INSTALLATION_SUSPENDED
    stage.on(f"GET /api/v3/app/installations/{INSTALLATION}", ok({"message": "Not Found"}, 404))
    assert await api.installation(an_app(), INSTALLATION) is None

"""The webhook: what is let through, what is refused, and in which order."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from io import BytesIO

import pytest
from aiohttp import ClientSession

from nanoscale_box.core.errors import BoxError, Code, Conflict, Fault, Unavailable
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.wire.routes import WEBHOOK
from tests.web.conftest import OpenPublic
from tests.web.fake_engine import HEADERS, FakeEngine, signature, signed

MIB = 1024 * 1024


async def answer_to(browser: ClientSession, body: bytes, headers: dict[str, str]) -> tuple[int, dict[str, object]]:
    async with browser.post(WEBHOOK, data=BytesIO(body), headers=headers) as answer:
        return answer.status, json.loads(await answer.read())


async def test_a_signed_delivery_is_accepted(browser: ClientSession, engine: FakeEngine) -> None:
    status, told = await answer_to(browser, b'{"ref":"x"}', signed(b'{"ref":"x"}'))
    assert status == 202
    assert (told["status"], told["delivery_id"], told["reason"]) == ("accepted", "d1", "deploying")
    verdicts = told["verdicts"]
    assert isinstance(verdicts, list)
    assert verdicts[0]["at"] == "2026-03-04T05:06:07Z"
    assert engine.intake.received == [b'{"ref":"x"}']


async def test_githubs_largest_delivery_is_accepted(browser: ClientSession, engine: FakeEngine) -> None:
    body = b'{"pad":"' + b"x" * (25 * MIB - 10) + b'"}'
    assert len(body) == 25 * MIB
    status, _ = await answer_to(browser, body, signed(body))
    assert status == 202
    assert engine.intake.received == [body]


async def test_a_signed_body_in_chunks_is_accepted(browser: ClientSession, engine: FakeEngine) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(20_000):
            yield b"x"

    async with browser.post(WEBHOOK, data=chunks(), headers=signed(b"x" * 20_000)) as answer:
        assert answer.status == 202
    assert engine.intake.received == [b"x" * 20_000]


async def test_a_body_declared_too_large_is_refused_unread(browser: ClientSession, engine: FakeEngine) -> None:
    body = b"x" * (25 * MIB + 1)
    status, told = await answer_to(browser, body, signed(body))
    assert (status, told["code"]) == (413, "too_large")
    assert engine.intake.received == []


async def test_a_chunked_body_that_grows_too_large_is_refused(browser: ClientSession) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1024):
            yield b"x" * MIB

    async with browser.post(WEBHOOK, data=endless(), headers=HEADERS) as answer:
        assert answer.status == 413


@pytest.mark.parametrize("media", ["text/plain", "multipart/form-data", "application/xml", ""])
async def test_other_media_types_are_refused(browser: ClientSession, media: str) -> None:
    status, told = await answer_to(browser, b"{}", signed(b"{}") | {"Content-Type": media})
    assert (status, told["code"]) == (415, "unsupported_media_type")


async def test_a_compressed_body_is_refused_and_never_unpacked(browser: ClientSession, engine: FakeEngine) -> None:
    bomb = gzip.compress(b"\0" * (10 * MIB))
    status, told = await answer_to(browser, bomb, signed(bomb) | {"Content-Encoding": "gzip"})
    assert (status, told["code"]) == (415, "unsupported_media_type")
    assert engine.intake.received == []


@pytest.mark.parametrize(
    "given",
    [
        None,
        "",
        "sha1=" + "a" * 40,
        "sha256=" + "a" * 63,
        "sha256=" + "a" * 65,
        "a" * 64,
        "sha256=" + "ä" * 64,
        signature(b"{}") + ",",
        signature(b"{}", b""),
        signature(b"{}", b"another project's secret"),
    ],
)
async def test_a_wrong_signature_is_401_with_one_answer(
    browser: ClientSession, engine: FakeEngine, given: str | None
) -> None:
    headers = HEADERS if given is None else HEADERS | {"X-Hub-Signature-256": given}
    status, told = await answer_to(browser, b"{}", headers)
    assert (status, told["code"], told["detail"]) == (401, "bad_signature", "the signature is missing or wrong")
    assert engine.intake.received == []


async def test_two_signatures_are_passed_on_as_two(browser: ClientSession, engine: FakeEngine) -> None:
    headers = [*HEADERS.items(), ("X-Hub-Signature-256", signature(b"{}")), ("X-Hub-Signature-256", "sha256=no")]
    async with browser.post(WEBHOOK, data=b"{}", headers=headers) as answer:
        assert answer.status == 401
    assert engine.intake.received == []


async def test_signed_and_malformed_is_400(browser: ClientSession) -> None:
    status, told = await answer_to(browser, b"[]", signed(b"[]"))
    assert (status, told["code"]) == (400, "malformed_delivery")


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (Conflict(Code.DELIVERY_CONFLICT, "used before"), 400, "delivery_conflict"),
        (Unavailable(Code.DISK_FULL, "the disk is full", fault=Fault.BOX), 503, "disk_full"),
        (BoxError(Code.SEAL_BROKEN, "does not open", fault=Fault.BOX), 503, "seal_broken"),
    ],
)
async def test_what_the_engine_refuses_has_its_status(
    browser: ClientSession, engine: FakeEngine, fault: BoxError, status: int, code: str
) -> None:
    engine.intake.fault = fault
    got, told = await answer_to(browser, b"{}", signed(b"{}"))
    assert (got, told["code"]) == (status, code)


async def test_a_defect_is_told_by_an_id_alone(browser: ClientSession, engine: FakeEngine) -> None:
    engine.intake.fault = ValueError("ghs_secretsecretsecret")
    status, told = await answer_to(browser, b"{}", signed(b"{}"))
    assert (status, told["code"]) == (500, "internal")
    assert "ghs_" not in str(told)
    assert "Traceback" not in str(told)


async def test_refusals_run_dry_and_signed_deliveries_do_not(public: OpenPublic, counters: IntakeCounters) -> None:
    door = await public(refusals_burst=3, refusals_per_second=0.01)
    async with ClientSession(base_url=door.name) as sender:
        seen, waits = [], None
        for number in range(6):
            forged = HEADERS | {"X-Forwarded-For": f"10.0.0.{number}", "X-Hub-Signature-256": signature(b"forged")}
            async with sender.post(WEBHOOK, data=b"{}", headers=forged) as answer:
                seen.append(answer.status)
                waits = answer.headers.get("Retry-After")
        assert seen == [401, 401, 401, 429, 429, 429]
        assert waits is not None
        assert int(waits) >= 1
        assert (await answer_to(sender, b"{}", HEADERS))[0] == 429
        assert (await answer_to(sender, b"{}", signed(b"{}")))[0] == 202
        assert (await answer_to(sender, b"[]", signed(b"[]")))[0] == 400
        assert (await answer_to(sender, b"{}", signed(b"{}") | {"Content-Type": "text/plain"}))[0] == 415
    assert counters.refused == {
        "bad_signature": 3,
        "too_many_requests": 4,
        "malformed_delivery": 1,
        "unsupported_media_type": 1,
    }
    assert counters.answered == {"accepted": 1}


async def test_refusals_come_back_with_time(public: OpenPublic) -> None:
    door = await public(refusals_burst=1, refusals_per_second=20)
    async with ClientSession(base_url=door.name) as sender:
        assert (await answer_to(sender, b"{}", HEADERS))[0] == 401
        await asyncio.sleep(0.1)
        assert (await answer_to(sender, b"{}", HEADERS))[0] == 401


async def test_every_header_of_a_delivery_reaches_the_engine_as_often_as_it_came(
    browser: ClientSession, engine: FakeEngine
) -> None:
    async with browser.post(
        WEBHOOK, data=b"{}", headers=[*signed(b"{}").items(), ("X-GitHub-Hook-ID", "1"), ("X-GitHub-Hook-ID", "2")]
    ) as answer:
        assert answer.status == 202
    assert [value for name, value in engine.intake.headers[0] if name.lower() == "x-github-hook-id"][-2:] == ["1", "2"]


async def test_expect_continue_is_answered_only_when_the_body_is_wanted(browser: ClientSession) -> None:
    async with browser.post(WEBHOOK, data=b"{}", headers=signed(b"{}"), expect100=True) as answer:
        assert answer.status == 202

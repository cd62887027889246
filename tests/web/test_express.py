"""The short way of a delivery: what may take it, that nothing tells it from the long one, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from nanoscale_box.core.model import Receipt
from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.express import Reader, read
from nanoscale_box.web.server import Door
from nanoscale_box.wire.routes import HEALTHZ, WEBHOOK
from tests.web.conftest import OpenPublic, raw
from tests.web.fake_engine import FakeEngine, signature

BODY = b'{"ref":"x"}'


def request(
    body: bytes = BODY, *more: str, given: str | None = None, host: str = "Host: box", length: str = ""
) -> bytes:
    """A delivery as it goes over the wire."""
    lines = [
        f"POST {WEBHOOK} HTTP/1.1",
        host,
        "Content-Type: application/json",
        f"Content-Length: {length or len(body)}",
        f"X-Hub-Signature-256: {given or signature(body)}",
        "X-GitHub-Event: push",
        *more,
    ]
    return "\r\n".join([line for line in lines if line] + ["", ""]).encode("latin-1") + body


def test_a_delivery_written_plainly_is_read() -> None:
    whole = read(request(BODY, "X-GitHub-Delivery:d1 ", "X-Other: not looked at"))
    assert whole is not None
    assert whole.body == BODY
    assert dict(whole.headers) == {
        "content-type": "application/json",
        "x-hub-signature-256": signature(BODY),
        "x-github-event": "push",
        "x-github-delivery": "d1",
    }


@pytest.mark.parametrize(
    "data",
    [
        request()[:-1],
        request() + b"G",
        request() + request(),
        request().replace(b"POST", b"post"),
        request().replace(b"HTTP/1.1", b"HTTP/1.0"),
        request().replace(WEBHOOK.encode(), WEBHOOK.encode() + b"?x"),
        request(host=""),
        request(BODY, "Host: another"),
        request(BODY, f"Content-Length: {len(BODY)}"),
        request(BODY, "Transfer-Encoding: chunked"),
        request(BODY, "transfer-encoding: identity"),
        request(BODY, "Content-Encoding: gzip"),
        request(BODY, "Connection: close"),
        request(BODY, "Expect: 100-continue"),
        request(BODY, "Upgrade: h2c"),
        request(BODY, "X-Folded: a\r\n b"),
        request(BODY, "X-Space : a"),
        request(BODY, "X-Bare: a\nTransfer-Encoding: chunked"),
        request(BODY, "X-Bare: a\rTransfer-Encoding: chunked"),
        request(BODY, "X-Nul: a\0"),
        request(BODY, "X-Ä: a"),
        request(BODY, "X-Value: ä"),
        request(BODY, "no colon"),
        request(BODY, ": no name"),
        request(BODY, "X-GitHub-Event: push"),
        request(length="+11"),
        request(length="011"),
        request(length="0x0b"),
        request(length="11 "),
        request(length="11, 11"),
        request(b""),
        request(BODY, f"X-Long: {'a' * 8192}"),
        request(b"x" * 300_000),
        b"",
        b"POST ",
        f"POST {WEBHOOK} HTTP/1.1\r\n\r\n".encode(),
    ],
)
def test_whatever_could_be_read_in_two_ways_is_left_to_aiohttp(data: bytes) -> None:
    whole = read(data)
    assert whole is None or (b"11 " in data and whole.body == BODY), "space after a value says nothing"


LIKE_THE_ONE_BEFORE = request(b'{"n":1}', "X-GitHub-Delivery: d2", given=signature(b'{"n":1}'))


@pytest.mark.parametrize(
    "data",
    [
        LIKE_THE_ONE_BEFORE,
        LIKE_THE_ONE_BEFORE.replace(b"d2", b"\r\n"),
        LIKE_THE_ONE_BEFORE.replace(b"d2", b"\n\n"),
        LIKE_THE_ONE_BEFORE.replace(b"d2", b" 2"),
        LIKE_THE_ONE_BEFORE.replace(b"d2", b"2 "),
        LIKE_THE_ONE_BEFORE.replace(b"d2", b"\xff2"),
        LIKE_THE_ONE_BEFORE.replace(b"Length: 7", b"Length: 6"),
        LIKE_THE_ONE_BEFORE.replace(b"push", b"ping"),
        LIKE_THE_ONE_BEFORE.replace(b"Host: box", b"Host: fox"),
        LIKE_THE_ONE_BEFORE + b"G",
        LIKE_THE_ONE_BEFORE[:-1],
        LIKE_THE_ONE_BEFORE * 2,
        LIKE_THE_ONE_BEFORE[:100],
        b"",
    ],
)
@pytest.mark.parametrize("separator", [b": ", b":"])
def test_what_is_read_at_a_glance_reads_as_it_does_line_by_line(data: bytes, separator: bytes) -> None:
    before, data = ((one.replace(b"Length: ", b"Length" + separator)) for one in (LIKE_THE_ONE_BEFORE, data))
    reader = Reader()
    assert reader.read(before) == read(before) is not None
    assert reader.read(data) == read(data)
    assert reader.read(before) == read(before)


async def test_both_ways_give_the_same_answer(public: OpenPublic, engine: FakeEngine) -> None:
    door = await public()
    short = await kept_alive(door, request())
    long = await raw(door, request(BODY, "Connection: close"))
    assert engine.intake.received == [BODY, BODY]
    assert comparable(short) == comparable(long)


@pytest.mark.parametrize(
    "given",
    [
        signature(BODY, b""),
        signature(BODY, b"another project's secret"),
        "sha256=" + "A" * 64,
        "sha256=" + "a" * 63,
        "x",
    ],
)
async def test_both_ways_give_the_same_refusal(public: OpenPublic, counters: IntakeCounters, given: str) -> None:
    door = await public()
    short = await kept_alive(door, request(given=given))
    long = await raw(door, request(BODY, "Connection: close", given=given))
    assert b" 401 " in short
    assert comparable(short) == comparable(long)
    assert counters.refused == {"bad_signature": 2}


async def test_a_delivery_before_the_answer_to_the_last_waits_its_turn(public: OpenPublic, engine: FakeEngine) -> None:
    door = await public()
    assert door.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    bodies = [b'{"n":%d}' % number for number in range(3)]
    for body in bodies:
        writer.write(request(body))
        await writer.drain()
    writer.write(f"GET {HEALTHZ} HTTP/1.1\r\nHost: box\r\nConnection: close\r\n\r\n".encode())
    async with asyncio.timeout(5):
        answers = await reader.read()
    writer.close()
    assert engine.intake.received == bodies
    assert (answers.count(b"HTTP/1.1 202 "), answers.count(b"HTTP/1.1 200 ")) == (3, 1)
    assert answers.index(b"HTTP/1.1 200 ") > answers.rindex(b"HTTP/1.1 202 ")


async def test_what_is_under_way_is_answered_before_the_door_closes(
    public: OpenPublic, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrived, receive = asyncio.Event(), engine.intake.receive

    def held(headers: Sequence[tuple[str, str]], body: bytes) -> asyncio.Future[Receipt]:
        arrived.set()
        return receive(headers, body)

    monkeypatch.setattr(engine.intake, "receive", held)
    engine.intake.gate.clear()
    door = await public()
    assert door.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(request())
    async with asyncio.timeout(5):
        await arrived.wait()
        closing = asyncio.ensure_future(door.close())
        await asyncio.wait({closing}, timeout=0.1)
        assert not closing.done()
        engine.intake.gate.set()
        await closing
        assert b" 202 " in await reader.read()
    writer.close()


async def kept_alive(door: Door, sent: bytes) -> bytes:
    """The one answer on a connection that stays open."""
    assert door.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    writer.write(sent)
    async with asyncio.timeout(5):
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        body = await reader.readexactly(int(length.split(b":")[1]))
    writer.close()
    return head + body


def comparable(answer: bytes) -> tuple[bytes, list[bytes], bytes]:
    """Status, headers in any order, and body; but for what depends on the moment and on who closes."""
    head, _, body = answer.partition(b"\r\n\r\n")
    status, *headers = head.split(b"\r\n")
    return status, sorted(one for one in headers if not one.lower().startswith((b"date", b"connection"))), body

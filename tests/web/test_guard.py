"""Hostile senders on raw sockets: each is let go in time, and none of them disturbs an honest one."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import ClientSession

from nanoscale_box.web.counters import IntakeCounters
from nanoscale_box.web.server import Door
from nanoscale_box.wire.routes import HEALTHZ, WEBHOOK
from tests.web.conftest import OpenPublic, raw
from tests.web.fake_engine import FakeEngine, signature, signed

Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]

SHORT = {"head_seconds": 0.4, "body_seconds": 0.4, "linger_seconds": 0.2, "write_seconds": 0.4, "idle_seconds": 0.4}


def head(length: int | str, *more: str, given: str = signature(b"other")) -> bytes:
    """The headers of a delivery that looks signed."""
    lines = [
        f"POST {WEBHOOK} HTTP/1.1",
        "Host: evil",
        "Content-Type: application/json",
        f"Content-Length: {length}",
        f"X-Hub-Signature-256: {given}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode()


async def dial(door: Door, *sends: bytes) -> Pair:
    assert door.port is not None
    reader, writer = await asyncio.open_connection("127.0.0.1", door.port)
    for part in sends:
        writer.write(part)
    return reader, writer


def status(answer: bytes) -> int:
    """The status of the first answer."""
    return int(answer.split(b" ", 2)[1])


async def honest(door: Door, body: bytes = b"{}") -> int:
    """Deliver something rightly signed."""
    async with ClientSession() as sender, sender.post(door.name + WEBHOOK, data=body, headers=signed(body)) as answer:
        return answer.status


async def hang_up(pairs: list[Pair]) -> None:
    for _, writer in pairs:
        writer.close()


async def until_closed(pair: Pair, within: float) -> bytes:
    try:
        async with asyncio.timeout(within):
            return await pair[0].read()
    except ConnectionError:
        return b""
    finally:
        pair[1].close()


@pytest.mark.parametrize(
    "sent",
    [b"", b"POST /api", head(10)[:-2], b"GET / HTTP/1.1\r\nX-Slow: "],
    ids=["nothing", "half a line", "half the headers", "half a header"],
)
async def test_stalled_headers_are_let_go(public: OpenPublic, counters: IntakeCounters, sent: bytes) -> None:
    door = await public(**SHORT)
    assert await until_closed(await dial(door, sent), 30) == b""
    assert counters.stalled == 1


async def test_headers_that_drip_are_let_go(public: OpenPublic) -> None:
    door = await public(**SHORT)
    pair = await dial(door, b"GET / HTTP/1.1\r\nX-Slow: ")
    ended = asyncio.create_task(until_closed(pair, 3))
    for _ in range(40):
        if ended.done():
            break
        pair[1].write(b"x")
        await asyncio.sleep(0.05)
    assert ended.done()
    await hang_up([pair])


@pytest.mark.parametrize("sent", [head(100), head(100) + b"x" * 99], ids=["no body", "all but one byte"])
async def test_a_stalled_body_gets_an_answer_and_is_let_go(
    public: OpenPublic, engine: FakeEngine, counters: IntakeCounters, sent: bytes
) -> None:
    door = await public(**SHORT)
    answer = await until_closed(await dial(door, sent), 3)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert counters.stalled == 1
    assert engine.intake.received == []


async def test_a_body_of_a_byte_now_and_then_is_let_go(public: OpenPublic) -> None:
    door = await public(**SHORT)
    answer = await raw(door, head(10_000), *[b"x"] * 12, pause=0.05, within=3)
    assert answer.startswith(b"HTTP/1.1 408 ")


async def test_a_body_cut_off_is_forgotten(public: OpenPublic, engine: FakeEngine) -> None:
    door = await public()
    _, writer = await dial(door, head(100) + b"x" * 50)
    await writer.drain()
    writer.close()
    assert await honest(door) == 202
    assert engine.intake.received == [b"{}"]


async def test_who_does_not_read_answers_is_let_go(public: OpenPublic, counters: IntakeCounters) -> None:
    door = await public(**SHORT)
    _, writer = await dial(door)

    async def ask_and_never_listen() -> None:
        while True:
            writer.write(b"GET /integrations/github HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(ask_and_never_listen(), 20)
    assert counters.stalled >= 1


async def test_a_thousand_idle_sockets_do_not_keep_an_honest_one_out(
    public: OpenPublic, counters: IntakeCounters
) -> None:
    door = await public(connections=50)
    crowd = [await dial(door) for _ in range(200)]
    assert await honest(door) == 202
    assert counters.evicted >= 150
    await hang_up(crowd)


async def test_connections_at_work_stay_when_idle_ones_can_go(public: OpenPublic, engine: FakeEngine) -> None:
    door = await public(connections=5)
    engine.intake.gate.clear()
    at_work = asyncio.create_task(honest(door))
    await asyncio.sleep(0.1)
    crowd = [await dial(door) for _ in range(20)]
    await asyncio.sleep(0.1)
    engine.intake.gate.set()
    assert await at_work == 202
    await hang_up(crowd)


async def test_slow_bodies_cannot_fill_the_room_for_bytes(
    public: OpenPublic, engine: FakeEngine, counters: IntakeCounters
) -> None:
    door = await public(bytes_in_flight=1_000_000)
    slow = [await dial(door, head(300_000) + b"x" * 299_999) for _ in range(3)]
    await asyncio.sleep(0.2)
    body = b"y" * 500_000
    assert await honest(door, body) == 202
    assert engine.intake.received == [body]
    assert counters.evicted >= 1
    assert (await until_closed(slow[0], 3)).startswith(b"HTTP/1.1 503 ")
    await hang_up(slow)


async def test_unsigned_bodies_take_no_room_at_all(public: OpenPublic, counters: IntakeCounters) -> None:
    door = await public(bytes_in_flight=1_000)
    pairs = [await dial(door, head(300_000, given="sha1=no") + b"x" * 299_999) for _ in range(3)]
    assert await honest(door) == 202
    assert counters.evicted == 0
    await hang_up(pairs)


async def test_stalled_senders_do_not_slow_honest_ones(public: OpenPublic) -> None:
    door = await public(body_seconds=600)  # whoever waited for one of them would wait longer than a test may take
    crowd = [await dial(door, head(100)) for _ in range(100)]
    for _ in range(20):
        assert await honest(door) == 202
    await hang_up(crowd)


async def test_length_and_chunks_together_are_refused(public: OpenPublic, engine: FakeEngine) -> None:
    door = await public()
    answer = await raw(door, head(2, "Transfer-Encoding: chunked", given=signature(b"{}")), b"2\r\n{}\r\n0\r\n\r\n")
    assert status(answer) == 400
    assert engine.intake.received == []


@pytest.mark.parametrize("length", ["-1", "1e3", "0x10", "99999999999999999999999", "1, 2", ""])
async def test_odd_lengths_are_refused(public: OpenPublic, engine: FakeEngine, length: str) -> None:
    door = await public(**SHORT)
    answer = await raw(door, head(length), b"{}")
    assert status(answer) in {400, 413}
    assert engine.intake.received == []


async def test_one_byte_chunks_end_in_time(public: OpenPublic) -> None:
    door = await public()
    chunked = head(0, "Connection: close").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    slow = asyncio.create_task(raw(door, chunked, b"1\r\nx\r\n" * 1_000_000, b"0\r\n\r\n", within=40))
    assert await honest(door) == 202
    assert status(await slow) in {401, 408}


async def test_an_oversized_head_is_refused(public: OpenPublic) -> None:
    door = await public()
    answer = await raw(door, b"GET / HTTP/1.1\r\nX: " + b"x" * 100_000 + b"\r\n\r\n")
    assert status(answer) == 400


async def test_an_answered_connection_may_be_used_again(public: OpenPublic) -> None:
    door = await public(head_seconds=0.4)
    reader, writer = await dial(door)
    for _ in range(3):
        writer.write(f"GET {HEALTHZ} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert (await reader.readuntil(b'{"status":"ok"}')).startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.6)
    writer.close()


async def test_an_answered_connection_that_stays_idle_is_let_go(public: OpenPublic) -> None:
    door = await public(**SHORT)
    pair = await dial(door, f"GET {HEALTHZ} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert (await until_closed(pair, 3)).startswith(b"HTTP/1.1 200 ")


async def test_refusal_before_the_body_asks_for_no_body(public: OpenPublic) -> None:
    door = await public(**SHORT)
    answer = await raw(door, head(26 * 1024 * 1024, "Expect: 100-continue"))
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"100 Continue" not in answer

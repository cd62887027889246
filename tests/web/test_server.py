"""The doors themselves: who may come in, what is left behind, and how they close."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from aiohttp import ClientSession, UnixConnector

from nanoscale_box.core.errors import Code, ConfigurationError
from nanoscale_box.web.peers import Peer, may_enter, peer_of
from nanoscale_box.web.server import build_local, build_public, open_local, open_public
from nanoscale_box.wire.routes import SESSION, WEBHOOK
from tests.needs import needs_root
from tests.web.fake_engine import FakeEngine, signed


async def session_status(path: Path) -> int:
    connector = UnixConnector(path=str(path))
    async with ClientSession(connector=connector) as caller, caller.get(f"http://box{SESSION}") as answer:
        return answer.status


async def test_the_socket_is_the_owners_alone(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "run" / "box.sock"
    door = await open_local(build_local(engine.services()), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert await session_status(path) == 200
    await door.close()
    assert not path.exists()


async def test_under_the_service_a_group_may_enter(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    group = os.getgid()
    door = await open_local(build_local(engine.services(), group=group), path, group)
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert path.stat().st_gid == group
    await door.close()


async def test_a_socket_left_behind_is_replaced(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    door = await open_local(build_local(engine.services()), path)
    assert await session_status(path) == 200
    await door.close()


async def test_a_socket_that_answers_is_not_taken(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    door = await open_local(build_local(engine.services()), path)
    with pytest.raises(ConfigurationError) as refused:
        await open_local(build_local(engine.services()), path)
    assert refused.value.code is Code.HOME_LOCKED
    assert await session_status(path) == 200
    await door.close()


async def test_a_file_in_the_way_is_not_removed(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    path.write_text("precious")
    with pytest.raises(ConfigurationError, match="is not a socket"):
        await open_local(build_local(engine.services()), path)
    assert path.read_text() == "precious"


async def test_a_socket_of_somebody_else_is_not_removed_at_the_end(engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "box.sock"
    door = await open_local(build_local(engine.services()), path)
    path.unlink()
    path.write_text("another's")
    await door.close()
    assert path.exists()


async def test_a_path_too_long_is_told(engine: FakeEngine, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="longer than"):
        await open_local(build_local(engine.services()), tmp_path / ("x" * 120))


async def test_a_port_that_is_taken_is_told(engine: FakeEngine) -> None:
    door = await open_public(build_public(engine.services()), "127.0.0.1", 0)
    assert door.port is not None
    with pytest.raises(ConfigurationError) as refused:
        await open_public(build_public(engine.services()), "127.0.0.1", door.port)
    assert refused.value.code is Code.PORT_TAKEN
    assert str(door.port) in refused.value.detail
    assert "NANOSCALE_LISTEN" in refused.value.hint
    await door.close()


async def test_an_address_of_another_machine_is_told(engine: FakeEngine) -> None:
    with pytest.raises(ConfigurationError, match="cannot listen on 192"):
        await open_public(build_public(engine.services()), "192.0.2.1", 0)


async def test_closing_finishes_what_is_at_work(engine: FakeEngine) -> None:
    door = await open_public(build_public(engine.services()), "127.0.0.1", 0)
    engine.intake.gate.clear()

    async def deliver() -> int:
        url = door.name + WEBHOOK
        async with ClientSession() as sender, sender.post(url, data=b"{}", headers=signed(b"{}")) as answer:
            return answer.status

    at_work = asyncio.create_task(deliver())
    await asyncio.sleep(0.1)
    closing = asyncio.ensure_future(door.close())
    await asyncio.sleep(0.1)
    assert not closing.done()
    with pytest.raises(ConnectionError):
        await asyncio.open_connection("127.0.0.1", door.port)
    engine.intake.gate.set()
    assert await at_work == 202
    await asyncio.wait_for(closing, 2)


def test_the_kernel_says_who_connected() -> None:
    here, there = socket.socketpair(socket.AF_UNIX)
    with here, there:
        peer = peer_of(here)
    assert peer.uid == os.geteuid()
    assert os.getegid() in peer.gids
    assert set(os.getgroups()) <= peer.gids


@pytest.mark.parametrize(
    ("peer", "group", "expected"),
    [
        (Peer(uid=1000, gids=frozenset({5})), None, True),
        (Peer(uid=0, gids=frozenset()), None, True),
        (Peer(uid=1001, gids=frozenset({5})), None, False),
        (Peer(uid=1001, gids=frozenset({5})), 5, True),
        (Peer(uid=1001, gids=frozenset({6})), 5, False),
    ],
)
def test_who_may_enter(peer: Peer, group: int | None, expected: bool) -> None:
    assert may_enter(peer, own_uid=1000, group=group) is expected


async def test_another_user_is_told_no(engine: FakeEngine) -> None:
    needs_root()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "box.sock"
        door = await open_local(build_local(engine.services()), path)
        os.chmod(folder, 0o755)
        path.chmod(0o666)
        told = await as_nobody(path)
        await door.close()
    assert told.startswith(b"HTTP/1.1 403 ")
    assert b'"code":"forbidden"' in told


async def as_nobody(path: Path) -> bytes:
    """What a user without any rights is told."""
    asking = (
        "import os, socket, sys\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
        "s.sendall(b'GET /api/session HTTP/1.1\\r\\nHost: box\\r\\nConnection: close\\r\\n\\r\\n')\n"
        "print(s.makefile('rb').read().decode())\n"
    )
    asker = await asyncio.create_subprocess_exec("python3", "-c", asking, str(path), stdout=asyncio.subprocess.PIPE)
    told, _ = await asyncio.wait_for(asker.communicate(), 20)
    return told

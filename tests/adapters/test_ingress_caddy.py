"""A real Caddy: hosts led to apps and sites, switched under load without a failure, adopted, revived and ended."""

from __future__ import annotations

import asyncio
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from nanoscale_box.adapters import caddy_find, ingress_caddy
from nanoscale_box.adapters.caddy_config import Door, Https
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.ingress_caddy import CaddyIngress
from nanoscale_box.core.errors import Code, ConfigurationError, Invalid, Unavailable
from nanoscale_box.core.model import Address
from tests.adapters.helpers import is_running, until
from tests.needs import needs_caddy

HOST = "hello.localhost"
OTHER = "other.localhost"


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A home whose path is long and has spaces."""
    needs_caddy()
    return Folders(tmp_path / ("a home with spaces " * 5).strip())


@pytest.fixture
async def ingress(folders: Folders) -> AsyncIterator[CaddyIngress]:
    """An ingress that is ended afterwards."""
    ingress = new_ingress(folders)
    yield ingress
    await ingress.stop()


def new_ingress(
    folders: Folders, listen: str = "127.0.0.1:0", *, door: Door | None = None, https: Https | None = None
) -> CaddyIngress:
    """An ingress as a box makes one."""
    return CaddyIngress(folders, listen=listen, search_path=os.environ["PATH"], door=door, https=https)


def pid_of(folders: Folders) -> int:
    """The number of the home's Caddy."""
    return int(json.loads((folders.ingress / "caddy.json").read_text())["process"]["pid"])


async def app(answer: str) -> tuple[web.AppRunner, Address]:
    """A small app and its address: it answers, streams (the second word once it was told to go on), echoes over a
    WebSocket and swallows uploads."""
    going_on = asyncio.Event()

    async def say(request: web.Request) -> web.Response:
        return web.Response(text=f"{answer} {request.path} {request.headers.get('X-Forwarded-For')}")

    async def stream(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"one")
        await going_on.wait()
        await response.write(b"two")
        return response

    async def go_on(_: web.Request) -> web.Response:
        going_on.set()
        return web.Response()

    async def echo(request: web.Request) -> web.WebSocketResponse:
        speaking = web.WebSocketResponse()
        await speaking.prepare(request)
        async for message in speaking:
            await speaking.send_str(f"{answer} {message.data}")
        return speaking

    async def upload(request: web.Request) -> web.Response:
        size = 0
        async for chunk in request.content.iter_any():
            size += len(chunk)
        return web.Response(text=str(size))

    application = web.Application()
    routes = [web.get("/stream", stream), web.get("/go-on", go_on), web.get("/ws", echo), web.post("/upload", upload)]
    application.add_routes([*routes, web.get("/{rest:.*}", say)])
    runner = web.AppRunner(application, shutdown_timeout=1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, Address(f"127.0.0.1:{runner.addresses[0][1]}")


async def get(
    ingress: CaddyIngress, path: str = "/", host: str = HOST, **headers: str
) -> tuple[int, str, dict[str, str]]:
    """Status, body and headers, byte for byte what was asked for."""
    port = int(ingress.url("x").rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [f"GET {path} HTTP/1.1", f"Host: {host}", "Connection: close", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 20)).partition(b"\r\n\r\n")
    writer.close()
    first, *rest = head.decode("latin-1").split("\r\n")
    fields = dict(line.lower().split(": ", 1) for line in rest)
    return int(first.split()[1]), body.decode("latin-1"), fields


async def test_hosts_lead_where_their_files_say(folders: Folders, ingress: CaddyIngress) -> None:
    first, first_address = await app("first")
    second, second_address = await app("second")
    await ingress.start([HOST])
    assert await ingress.current(HOST) is None
    status, body, fields = await get(ingress)
    assert (status, f"{HOST} is not running." in body, fields["cache-control"]) == (503, True, "no-store")
    await ingress.switch(HOST, first_address)
    assert await ingress.current(HOST) == first_address
    assert (await get(ingress, "/a%20b?c=d", **{"X-Forwarded-For": "10.0.0.9"}))[1] == "first /a b 10.0.0.9, 127.0.0.1"
    await ingress.switch(HOST, second_address)
    assert (await get(ingress))[1].startswith("second /")
    assert (await get(ingress, host=HOST.upper()))[0] == 200
    await ingress.switch(OTHER, first_address)
    assert (await get(ingress, host=f"{OTHER}:80"))[1].startswith("first /")
    await ingress.remove(OTHER)
    assert await ingress.current(OTHER) is None
    assert (await get(ingress, host=OTHER))[0] == 404
    for host in ("unknown.localhost", "127.0.0.1", "<script>", HOST + ".evil.tld"):
        status, body, _ = await get(ingress, host=host)
        assert (status, "script" in body, "no app of this name" in body) in {(404, False, True), (400, False, False)}
    await second.cleanup()
    status, body, _ = await get(ingress)
    assert (status, f"{HOST} is not running." in body) == (502, True)
    await first.cleanup()
    for file in folders.home.rglob("*"):
        assert not file.stat().st_mode & 0o077, file


async def test_a_site_is_served_without_what_is_not_for_show(folders: Folders, ingress: CaddyIngress) -> None:
    home = folders.home
    site = home / "releases" / "prj_1" / "dep_1"
    for name in (".git", ".well-known", "sub dir", "sub dir/.hidden"):
        (site / name).mkdir(parents=True)
    pages = {
        "index.html": "front", "big.js": "x" * 10_000, "sub dir/page.html": "page", ".git/config": "no", ".env": "no",
        "sub dir/.hidden/x": "no", ".well-known/security.txt": "contact", ".well-known/.x": "no", "..data": "no",
    }  # fmt: skip
    for name, text in pages.items():
        (site / name).write_text(text)
    (site.parent / "secret").write_text("no")
    await ingress.start([HOST])
    await ingress.switch(HOST, Address(f"file:{site}"))
    assert (await get(ingress))[:2] == (200, "front")
    assert (await get(ingress, "/sub%20dir/page.html"))[:2] == (200, "page")
    assert (await get(ingress, "/.well-known/security.txt"))[:2] == (200, "contact")
    for coding in ("gzip", "zstd"):
        status, body, fields = await get(ingress, "/big.js", **{"Accept-Encoding": coding})
        assert (status, fields["content-encoding"], len(body) < 1000) == (200, coding, True)
    fields = (await get(ingress))[2]
    assert (await get(ingress, **{"If-None-Match": fields["etag"]}))[0] == 304
    for path in (
        "/.git/config", "/.env", "/%2eenv", "//.env", "/sub%20dir/.hidden/x", "/sub%20dir/../.env",
        "/sub%20dir/..%2f.env", "/..%2fsecret", "/../secret", "/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
        "/.well-known/.x", "/.well-known/../.env", "/..data", "/%2e%2e/secret", "/.git%2fconfig", "/.GIT/config",
        "/.env/", "/.env%00", "/\\.env", "/sub%20dir/",
    ):  # fmt: skip
        status, body, _ = await get(ingress, path)
        assert (status in {400, 404}, body == "no") == (True, False), (path, status, body)
    assert "no such page" in (await get(ingress, "/nothing"))[1]
    (site / "404.html").write_text("our own")
    assert (await get(ingress, "/nothing"))[:2] == (404, "our own")
    runner, address = await app("now an app")
    await ingress.switch(HOST, address)
    assert (await get(ingress, "/.env"))[1].startswith("now an app /.env")
    await ingress.switch(HOST, Address(f"file:{site}"))
    assert (await get(ingress))[1] == "front"
    await runner.cleanup()


async def test_forty_switches_under_load_fail_no_request(folders: Folders, ingress: CaddyIngress) -> None:
    site = folders.home / "site"
    site.mkdir(parents=True)
    (site / "index.html").write_text("site /")
    apps = [await app("first"), await app("second")]
    targets = [apps[0][1], apps[1][1], Address(f"file:{site}")]
    await ingress.start([HOST])
    await ingress.switch(HOST, targets[0])
    done = asyncio.Event()
    answers: dict[str, int] = {}

    async def hammer(session: aiohttp.ClientSession) -> None:
        while not done.is_set():
            async with session.get(ingress.url("127.0.0.1"), headers={"Host": HOST}) as answer:
                word = f"{answer.status} {(await answer.text()).split(' ')[0]}"
            answers[word] = answers.get(word, 0) + 1

    async with (
        aiohttp.ClientSession() as kept,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(force_close=True)) as fresh,
    ):
        hammering = [asyncio.create_task(hammer(session)) for session in (kept, kept, kept, kept, fresh, fresh)]
        for number in range(40):
            await ingress.switch(HOST, targets[number % 3])
            await asyncio.sleep(0.03)
        done.set()
        await asyncio.gather(*hammering)
    assert set(answers) == {"200 first", "200 second", "200 site"}
    assert sum(answers.values()) > 400
    for runner, _ in apps:
        await runner.cleanup()


async def test_streams_sockets_and_uploads_go_through(ingress: CaddyIngress) -> None:
    runner, address = await app("app")
    await ingress.start([HOST])
    await ingress.switch(HOST, address)
    base = ingress.url("127.0.0.1")
    async with aiohttp.ClientSession(headers={"Host": HOST}) as session:
        async with session.get(f"{base}/stream") as answer:
            assert await answer.content.readany() == b"one"
            await session.get(f"http://{address}/go-on")
            assert await answer.content.read() == b"two"
        async with session.post(f"{base}/upload", data=io.BytesIO(b"x" * 30_000_000)) as answer:
            assert await answer.text() == "30000000"
        async with session.ws_connect(f"{base}/ws") as speaking:
            await speaking.send_str("before")
            assert await speaking.receive_str(timeout=5) == "app before"
            await ingress.switch(OTHER, address)
            await speaking.send_str("after a new host")
            assert await speaking.receive_str(timeout=5) == "app after a new host"
    await runner.cleanup()


async def test_a_large_upload_passes_through_without_being_held(folders: Folders, ingress: CaddyIngress) -> None:
    runner, address = await app("app")
    await ingress.start([HOST])
    await ingress.switch(HOST, address)
    piece, count = b"x" * 1_000_000, 200

    async def body() -> AsyncIterator[bytes]:
        for _ in range(count):
            yield piece

    async with (
        aiohttp.ClientSession(headers={"Host": HOST}) as session,
        session.post(f"{ingress.url('127.0.0.1')}/upload", data=body()) as answer,
    ):
        assert await answer.text() == str(count * len(piece))
    lines = Path(f"/proc/{pid_of(folders)}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    assert peak < 150 * 1024, f"Caddy took {peak} KiB for an upload of {count} MB"
    await runner.cleanup()


async def test_a_host_that_could_not_be_added_is_added_the_next_time(
    ingress: CaddyIngress, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ingress.start([HOST])
    with monkeypatch.context() as broken:
        broken.setattr(ingress_caddy, "load", refuse)
        with pytest.raises(Unavailable):
            await ingress.start([HOST, OTHER])
    assert (await get(ingress, host=OTHER))[0] == 404
    await ingress.start([HOST, OTHER])
    assert (await get(ingress, host=OTHER))[0] == 503


async def refuse(folder: Path, config: object) -> None:
    """A Caddy that takes no configuration."""
    raise Unavailable(Code.INGRESS_FAILED, "Caddy refused its configuration")


async def test_a_drain_ends_with_the_last_request(folders: Folders, ingress: CaddyIngress) -> None:
    runner, address = await app("old")
    other, following = await app("new")
    site = Address(f"file:{folders.home}")
    await ingress.start([HOST])
    await ingress.switch(HOST, address)
    async with aiohttp.ClientSession(headers={"Host": HOST}) as session:
        async with session.get(f"{ingress.url('127.0.0.1')}/stream") as answer:
            assert await answer.content.readany() == b"one"
            await ingress.switch(HOST, following)
            draining = asyncio.create_task(ingress.drain(address, 30))
            done, _ = await asyncio.wait([draining], timeout=0.3)
            assert not done, "a request is under way"
            await session.get(f"http://{address}/go-on")
            assert await answer.content.read() == b"two"
        await draining
        async with session.ws_connect(f"{ingress.url('127.0.0.1')}/ws"):
            began = time.monotonic()
            await ingress.drain(following, 0.3)  # one that never ends is not waited for
            assert 0.3 <= time.monotonic() - began < 10
    await ingress.drain(site, 30)
    await runner.cleanup()
    await other.cleanup()


async def test_caddy_is_adopted_by_the_next_box(folders: Folders, ingress: CaddyIngress) -> None:
    runner, address = await app("app")
    await ingress.start([HOST])
    await ingress.switch(HOST, address)
    caddy = pid_of(folders)
    await ingress.close()
    again = new_ingress(folders)
    await again.start([HOST])
    assert pid_of(folders) == caddy
    assert again.url(HOST) == ingress.url(HOST)
    assert await again.current(HOST) == address
    assert (await get(again))[0] == 200
    await again.start([OTHER])
    assert (await get(again, host=HOST))[0] == 404
    assert (await get(again, host=OTHER))[0] == 503
    await again.stop()
    assert not is_running(caddy)
    await again.stop()
    await runner.cleanup()


async def test_a_killed_caddy_comes_back_with_its_routes(folders: Folders, ingress: CaddyIngress) -> None:
    runner, address = await app("app")
    await ingress.start([HOST])
    await ingress.switch(HOST, address)
    caddy = pid_of(folders)
    os.kill(caddy, signal.SIGKILL)
    await until(lambda: pid_of(folders) != caddy)
    for _ in range(200):
        try:
            assert (await get(ingress))[0] == 200
            break
        except OSError:
            await asyncio.sleep(0.02)
    else:
        pytest.fail("it did not come back")
    await runner.cleanup()


async def test_a_killed_box_leaves_caddy_serving(folders: Folders) -> None:
    program = """
import asyncio, os, pathlib, sys
from tests.adapters.test_ingress_caddy import HOST, Folders, new_ingress
async def main():
    ingress = new_ingress(Folders(pathlib.Path(sys.argv[1])))
    await ingress.start([HOST])
    os.kill(os.getpid(), 9)
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program, folders.home], check=False)
    ingress = new_ingress(folders)
    caddy = pid_of(folders)
    assert is_running(caddy)
    await ingress.start([HOST])
    assert pid_of(folders) == caddy
    assert (await get(ingress))[0] == 503
    await ingress.stop()
    assert not is_running(caddy)


async def test_what_is_in_the_way_is_said(folders: Folders) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for listen in (f"127.0.0.1:{port}", f":{port}"):
            with pytest.raises(Unavailable) as caught:
                await new_ingress(folders, listen).start([HOST])
            assert caught.value.code is Code.PORT_TAKEN
            assert f"port {port}" in caught.value.detail
            assert f"(pid {os.getpid()})" in caught.value.detail
    with pytest.raises(Unavailable) as caught:
        await new_ingress(folders, "192.0.2.1:8080").start([HOST])
    assert caught.value.code is Code.INGRESS_FAILED


async def test_a_caddy_that_does_not_start_says_why(folders: Folders, tmp_path: Path) -> None:
    broken = tmp_path / "caddy"
    broken.write_text("#!/bin/sh\necho Error: I will not. >&2\nexit 1\n")
    broken.chmod(0o755)

    async def find(search_path: str, folder: Path) -> Path:
        return broken

    ingress = CaddyIngress(folders, listen="127.0.0.1:0", search_path="", find=find)
    with pytest.raises(Unavailable, match="Caddy did not start: Error: I will not") as caught:
        await ingress.start([HOST])
    assert caught.value.code is Code.INGRESS_FAILED
    await ingress.stop()


async def test_an_old_caddy_and_none_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(caddy_find, "script_folders", tuple)
    old = tmp_path / "old" / "caddy"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 2.6.2\n")
    old.chmod(0o755)
    for path, detail in (("/nowhere", "there is no Caddy on this machine"), (str(old.parent), f"{old} is 2.6")):
        ingress = CaddyIngress(Folders(tmp_path / "home"), listen="127.0.0.1:0", search_path=path)
        with pytest.raises(Unavailable) as caught:
            await ingress.start([HOST])
        assert (caught.value.code, detail in caught.value.detail) == (Code.INGRESS_MISSING, True)
        assert "extra `ingress`" in caught.value.hint


@pytest.mark.parametrize("listen", ["", "8080", ":99999", "a:b", "0x7f:1", "127.0.0.1:8080 ", "x.tld:80"])
def test_a_strange_address_to_listen_on_is_refused(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigurationError):
        CaddyIngress(Folders(tmp_path), listen=listen, search_path="")


async def test_a_strange_home_host_or_target_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError):
        CaddyIngress(Folders(tmp_path / "{env.HOME}"), listen=":8080", search_path="")
    ingress = CaddyIngress(Folders(tmp_path), listen=":8080", search_path="")
    assert ingress.url(HOST) == f"http://{HOST}:8080"
    assert CaddyIngress(Folders(tmp_path), listen=":80", search_path="").url(HOST) == f"http://{HOST}"
    with pytest.raises(Invalid):
        await ingress.start(["../x"])
    for address in ("", "evil.tld:80", "127.0.0.1:80\n", "file:relative", "file:/{env.HOME}", "unix//run/x.sock"):
        with pytest.raises(Unavailable):
            await ingress.switch(HOST, Address(address))
    assert not (tmp_path / "routes").exists()

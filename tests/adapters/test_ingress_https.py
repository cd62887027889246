"""Public domains over TLS with certificates of their own, and the box's own door among the hosts; on a real Caddy."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from nanoscale_box.adapters.caddy_config import Door, Https
from nanoscale_box.adapters.folders import Folders
from nanoscale_box.adapters.ingress_caddy import CaddyIngress
from nanoscale_box.core.errors import Code, ConfigurationError, Unavailable
from nanoscale_box.core.model import Address
from tests.adapters.acme import authority
from tests.adapters.helpers import until
from tests.adapters.test_ingress_caddy import HOST, app, get, new_ingress
from tests.needs import needs_caddy
from tests.ports import free_port

PUBLIC = "hello.example.org"
BOX = "box.example.org"
PATHS = ("/healthz", "/api/integrations/github/app/*")


@pytest.fixture
def folders(tmp_path: Path) -> Folders:
    """A home."""
    needs_caddy()
    return Folders(tmp_path / "home")


@pytest.fixture
async def http(folders: Folders) -> AsyncIterator[aiohttp.ClientSession]:
    """A client for which every name is this machine."""
    connector = aiohttp.TCPConnector(resolver=_Here(), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as session:
        yield session


class _Here(AbstractResolver):
    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        return


def certificates(folders: Folders) -> set[str]:
    """The hosts Caddy has certificates for."""
    return {file.stem for file in (folders.ingress / "data").rglob("*.crt") if "authorities" not in file.parts}


async def opened(http: aiohttp.ClientSession, url: str, trusting: ssl.SSLContext) -> tuple[int, str]:
    """Status and body, once there is a certificate: until then the handshake is refused."""
    deadline = asyncio.get_running_loop().time() + 30
    while True:
        try:
            async with http.get(url, ssl=trusting) as answer:
                return answer.status, await answer.text()
        except aiohttp.ClientConnectorError:
            assert asyncio.get_running_loop().time() < deadline, "there is no certificate yet"
            await asyncio.sleep(0.05)


@pytest.mark.parametrize("challenge", ["http-01", "tls-alpn-01"])
async def test_certificates_are_asked_for_known_public_domains_alone(
    folders: Folders, http: aiohttp.ClientSession, challenge: str
) -> None:
    plain, secure = free_port(), free_port()
    async with authority(challenge, plain if challenge == "http-01" else secure) as ca:
        https = Https(listen=f"127.0.0.1:{secure}", acme_url=f"{ca.url}/directory", acme_email="ada@example.org")
        ingress = new_ingress(folders, f"127.0.0.1:{plain}", https=https)
        runner, address = await app("app")
        try:
            await ingress.start([HOST])
            await ingress.switch(HOST, address)
            await ingress.switch(PUBLIC, address)
            assert ingress.url(PUBLIC) == f"https://{PUBLIC}:{secure}"
            assert ingress.url(HOST) == f"http://{HOST}:{plain}"
            trusting = ssl.create_default_context(cadata=ca.root)
            assert (await opened(http, ingress.url(PUBLIC), trusting))[1].startswith("app / ")
            assert certificates(folders) == {PUBLIC}
            status, _, fields = await get(ingress, "/a?b=c", host=PUBLIC)
            assert (status, fields["location"]) == (308, f"https://{PUBLIC}:{secure}/a?b=c")
            assert (await get(ingress, host=PUBLIC, **{"X-Forwarded-Proto": "https"}))[0] == 200
            assert (await get(ingress, host=HOST))[0] == 200
            for stranger in ("stranger.example.org", HOST):
                with pytest.raises(aiohttp.ClientConnectorError):
                    await http.get(f"https://{stranger}:{secure}/", ssl=trusting)
            assert ca.orders == [[PUBLIC]]
            await ingress.remove(PUBLIC)
            with pytest.raises(aiohttp.ClientConnectorError):
                await http.get(f"https://{PUBLIC}:{secure}/", ssl=trusting)
        finally:
            await ingress.stop()
            await runner.cleanup()


async def test_the_boxs_own_door_is_reached_under_its_host_by_its_few_paths(folders: Folders) -> None:
    runner, address = await app("the door")
    ingress = new_ingress(folders, door=Door(host=BOX, address=address, paths=PATHS))
    try:
        await ingress.start([HOST])
        assert (await get(ingress, "/healthz", host=BOX))[:2] == (200, "the door /healthz 127.0.0.1")
        status, body, _ = await get(ingress, "/api/integrations/github/app/new?state=x", host=BOX)
        assert (status, body.split(" ")[2]) == (200, "/api/integrations/github/app/new")
        for path in ("/", "/api/projects", "/healthz/x", "/api/integrations/github/app/../../../projects"):
            assert (await get(ingress, path, host=BOX))[0] == 404, path
        assert (await get(ingress, "/healthz"))[0] == 503
        site = folders.home / "site"
        site.mkdir()
        (site / "index.html").write_text("an app on the same host")
        await ingress.switch(BOX, Address(f"file:{site}"))
        assert (await get(ingress, host=BOX))[1] == "an app on the same host"
        assert (await get(ingress, "/healthz", host=BOX))[1].startswith("the door")
    finally:
        await ingress.stop()
        await runner.cleanup()


async def test_a_request_for_a_door_that_opens_soon_waits_for_it(folders: Folders) -> None:
    port = free_port()
    ingress = new_ingress(folders, door=Door(host=BOX, address=f"127.0.0.1:{port}", paths=PATHS))

    async def hello(request: web.Request) -> web.Response:
        return web.Response(text="open")

    try:
        await ingress.start([])
        asking = asyncio.create_task(get(ingress, "/healthz", host=BOX))
        opened = web.Application()
        opened.add_routes([web.get("/healthz", hello)])
        await asyncio.sleep(0.3)
        assert not asking.done()
        runner = web.AppRunner(opened)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        assert (await asking)[:2] == (200, "open")
        await runner.cleanup()
    finally:
        await ingress.stop()


async def test_an_own_authority_for_development(folders: Folders, http: aiohttp.ClientSession) -> None:
    secure = free_port()
    ingress = new_ingress(folders, https=Https(listen=f"127.0.0.1:{secure}", acme_url="internal"))
    try:
        await ingress.start([PUBLIC])
        root = folders.ingress / "data" / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        await until(root.exists, seconds=20)
        trusting = ssl.create_default_context(cadata=root.read_text())
        status, text = await opened(http, ingress.url(PUBLIC), trusting)
        assert (status, "is not running" in text) == (503, True)
    finally:
        await ingress.stop()


async def test_an_address_for_https_that_cannot_be_had_is_said(folders: Folders) -> None:
    with pytest.raises(ConfigurationError) as refused:
        CaddyIngress(folders, listen=":8080", search_path="", https=Https(listen="443"))
    assert "NANOSCALE_INGRESS_HTTPS_LISTEN" in refused.value.detail
    taken = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = taken.sockets[0].getsockname()[1]
    with pytest.raises(Unavailable) as caught:
        await new_ingress(folders, https=Https(listen=f"127.0.0.1:{port}")).start([PUBLIC])
    assert caught.value.code is Code.PORT_TAKEN
    assert "NANOSCALE_INGRESS_HTTPS_LISTEN" in caught.value.hint
    taken.close()

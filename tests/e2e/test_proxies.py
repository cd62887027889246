"""The reverse proxies of docs/tunnels.md, with the configurations printed there: deliveries of any legal size arrive as
they were signed."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import os
import re
import socket
import ssl
import subprocess
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from nanoscale_box.sandbox.server import Sandbox
from nanoscale_box.wire import routes
from tests.e2e.harness import CHECKOUT, Box, box_in
from tests.needs import needs, needs_caddy
from tests.ports import free_port

NAME = "box.example.org"
SECRET = "a secret that both sides know"
PING = b'{ "hook_id" : 1,"zen":"%s"}\r\n'
PADDING = "ü\\u00fc & <b>  ".encode()
MIB = 1024 * 1024
SECONDS = 15.0
GUIDE = (CHECKOUT / "docs" / "tunnels.md").read_text()


def printed(language: str) -> str:
    """The only block of the guide in a language."""
    [found] = re.findall(rf"^```{language}\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)
    return str(found)


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(self, host: str, port: int = 0, family: int = socket.AF_INET) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host="127.0.0.1", port=port, family=socket.AF_INET, proto=0, flags=0)
        ]  # fmt: skip

    async def close(self) -> None:
        pass


def certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate for the name, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name, now = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)]), datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    (folder / "certificate.pem").write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    return folder / "certificate.pem", folder / "key.pem"


def nginx_configuration(folder: Path, port: int, door: str, server: str) -> str:
    """A whole nginx around the guide's server, which listens elsewhere and has other certificates."""
    cert, key = certificate(folder)
    server = server.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;").replace("listen [::]:443 ssl;", "")
    server = re.sub(r"/etc/letsencrypt/\S+/fullchain\.pem", str(cert), server)
    server = re.sub(r"/etc/letsencrypt/\S+/privkey\.pem", str(key), server)
    server = server.replace("127.0.0.1:8787", door)
    temporary = "".join(
        f"{kind}_temp_path {folder / kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.geteuid() == 0 else ""
    return (
        f"{user} daemon off; pid {folder / 'nginx.pid'}; error_log {folder / 'error.log'};\n"
        f"events {{}}\nhttp {{ access_log off;\n{temporary}{server}}}\n"
    )


def caddy_configuration(port: int, door: str, site: str) -> str:
    """The guide's site at another port, with a certificate of Caddy's own making."""
    options = "{\n\tadmin off\n\tskip_install_trust\n\tauto_https disable_redirects\n\tdefault_bind 127.0.0.1\n}\n"
    site = site.replace(f"{NAME} {{", f"https://{NAME}:{port} {{\n\ttls internal")
    return options + site.replace("127.0.0.1:8787", door)


@contextmanager
def running(argv: list[str], folder: Path) -> Iterator[None]:
    """A program until the end of the test."""
    with (folder / "proxy.log").open("ab") as log:
        process = subprocess.Popen(
            argv, cwd=folder, stdout=log, stderr=log, env={**os.environ, "HOME": str(folder)}, start_new_session=True
        )
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


@contextmanager
def nginx(folder: Path, door: str, server: str) -> Iterator[str]:
    """nginx with the guide's server; gives where it answers."""
    folder.mkdir()
    port = free_port()
    file = folder / "nginx.conf"
    file.write_text(nginx_configuration(folder, port, door, server))
    with running(["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(file)], folder):
        yield f"https://{NAME}:{port}"


@contextmanager
def caddy(folder: Path, door: str, site: str) -> Iterator[str]:
    """Caddy with the guide's site; gives where it answers."""
    folder.mkdir()
    port = free_port()
    (folder / "Caddyfile").write_text(caddy_configuration(port, door, site))
    argv = [str(needs_caddy()), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
    with running(argv, folder):
        yield f"https://{NAME}:{port}"


@asynccontextmanager
async def outside(url: str) -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody on the other side of the proxy, once the guide's own check succeeds."""
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    connector = aiohttp.TCPConnector(resolver=Here(), ssl=unchecked)
    async with aiohttp.ClientSession(url, connector=connector, timeout=aiohttp.ClientTimeout(total=30)) as http:
        await healthy(http)
        yield http


async def healthy(http: aiohttp.ClientSession) -> None:
    """Wait until the check that the guide names gives what the guide says."""
    deadline = asyncio.get_running_loop().time() + SECONDS
    while True:
        try:
            async with http.get("/healthz") as answer:
                assert (answer.status, await answer.text()) == (200, '{"status":"ok"}')
                return
        except aiohttp.ClientConnectionError:
            assert asyncio.get_running_loop().time() < deadline, "the proxy does not answer"
            await asyncio.sleep(0.05)


@pytest.fixture
async def box(tmp_path: Path) -> AsyncIterator[Box]:
    """A box with an App of its owner's, whose secret we know."""
    async with Sandbox(tmp_path / "sandbox") as sandbox, box_in(tmp_path / "box", sandbox) as found:
        manifest = {"name": "proxied", "url": f"https://{NAME}", "redirect_url": f"https://{NAME}/back"}
        async with (
            aiohttp.ClientSession() as http,
            http.post(f"{sandbox.url}/_sandbox/apps", json={"manifest": manifest}) as answer,
        ):
            app = await answer.json()
        await found.start(
            NANOSCALE_PUBLIC_BASE_URL=f"https://{NAME}",
            NANOSCALE_GITHUB_APP_ID=str(app["id"]),
            NANOSCALE_GITHUB_APP_CLIENT_ID=app["client_id"],
            NANOSCALE_GITHUB_APP_CLIENT_SECRET=app["client_secret"],
            NANOSCALE_GITHUB_APP_PRIVATE_KEY=app["pem"].replace("\n", "\\n"),
            NANOSCALE_GITHUB_WEBHOOK_SECRET=SECRET,
        )
        yield found


def delivery(size: int, secret: str = SECRET) -> tuple[bytes, dict[str, str]]:
    """A ping of so many bytes, as GitHub signs it, that no longer fits its signature once somebody mends or writes it
    anew."""
    unit, rest = divmod(size - len(PING % b""), len(PADDING))
    body = PING % (PADDING * unit + b"x" * rest)
    signature = hmac.digest(secret.encode(), body, hashlib.sha256).hex()
    return body, {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/044aadd",
        "X-GitHub-Delivery": str(uuid.uuid4()),
        "X-GitHub-Event": "ping",
        "X-GitHub-Hook-ID": "1",
        "X-GitHub-Hook-Installation-Target-Type": "integration",
        "X-Hub-Signature-256": f"sha256={signature}",
    }


async def sent(http: aiohttp.ClientSession, body: bytes, headers: dict[str, str], *, pieces: int = 0) -> int:
    """The status that a delivery is answered with; in pieces it comes without a length."""

    async def slices() -> AsyncIterator[bytes]:
        for start in range(0, len(body), pieces):
            yield body[start : start + pieces]

    async with http.post(routes.WEBHOOK, data=slices() if pieces else BytesIO(body), headers=headers) as answer:
        told = await answer.text()
        if answer.status == 200:
            assert json.loads(told)["delivery_id"] == headers["X-GitHub-Delivery"]
        return answer.status


async def arrives_intact(http: aiohttp.ClientSession) -> None:
    """What holds behind every proxy."""
    body, headers = delivery(24 * MIB)
    assert len(body) == 24 * MIB
    assert await sent(http, body, headers) == 200
    body, headers = delivery(2 * MIB)
    assert await sent(http, body, headers, pieces=60_000) == 200
    body, headers = delivery(100)
    assert await sent(http, body, headers | {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Host": "evil.example"}) == 200
    assert await sent(http, *delivery(100, "another secret")) == 401
    async with http.get(routes.GITHUB_STATUS) as answer:
        assert answer.status == 404  # the local API is not behind this door
    async with http.get(f"{routes.CALLBACK}?state=x&code=y", allow_redirects=False) as answer:
        assert (answer.status, answer.headers["Location"]) == (302, f"{routes.LANDING}?result=expired")
    async with http.get(f"{routes.LANDING}?result=expired") as answer:
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "This link is used up" in await answer.text()


async def test_behind_caddy_as_the_guide_has_it(box: Box, tmp_path: Path) -> None:
    needs_caddy()
    with caddy(tmp_path / "caddy", box.settings["NANOSCALE_LISTEN"], printed("caddyfile")) as url:
        async with outside(url) as http:
            await arrives_intact(http)


async def test_behind_nginx_as_the_guide_has_it(box: Box, tmp_path: Path) -> None:
    needs("nginx")
    with nginx(tmp_path / "nginx", box.settings["NANOSCALE_LISTEN"], printed("nginx")) as url:
        async with outside(url) as http:
            await arrives_intact(http)


async def test_nginx_without_the_guides_line_refuses_what_github_may_send(box: Box, tmp_path: Path) -> None:
    needs("nginx")
    server = printed("nginx").replace("client_max_body_size 26m;", "")
    with nginx(tmp_path / "nginx", box.settings["NANOSCALE_LISTEN"], server) as url:
        async with outside(url) as http:
            body, headers = delivery(2 * MIB)
            assert await sent(http, body, headers) == 413
            assert await sent(http, *delivery(MIB // 2)) == 200

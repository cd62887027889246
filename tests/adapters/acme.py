"""A small certificate authority that speaks ACME (RFC 8555): who wants a certificate has to prove the host to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(slots=True, kw_only=True)
class Authority:
    """It offers one kind of challenge, and looks at the ports it was told instead of 80 and 443."""

    challenge: str
    port: int
    url: str = ""
    thumbprint: str = ""
    orders: list[list[str]] = field(default_factory=list)
    """The hosts of each order."""
    proved: list[str] = field(default_factory=list)
    _key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    _certificates: dict[str, bytes] = field(default_factory=dict)

    @property
    def root(self) -> str:
        """The certificate to trust, as PEM."""
        return self._signed(self._name, self._key.public_key(), None).public_bytes(serialization.Encoding.PEM).decode()

    @property
    def _name(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "an authority for tests")])

    async def directory(self, request: web.Request) -> web.Response:
        names = {"newNonce": "nonce", "newAccount": "account", "newOrder": "order", "revokeCert": "x", "keyChange": "x"}
        return web.json_response({name: f"{self.url}/{path}" for name, path in names.items()})

    async def nonce(self, request: web.Request) -> web.Response:
        return _told(None)

    async def account(self, request: web.Request) -> web.Response:
        sent = json.loads(await request.text())
        jwk = json.loads(_plain(sent["protected"]))["jwk"]
        canonical = json.dumps(jwk, sort_keys=True, separators=(",", ":")).encode()
        self.thumbprint = _coded(hashlib.sha256(canonical).digest())
        return _told({"status": "valid"}, 201, Location=f"{self.url}/account/1")

    async def order(self, request: web.Request) -> web.Response:
        asked = await _payload(request)
        self.orders.append([one["value"] for one in asked["identifiers"]])
        number = str(len(self.orders) - 1)
        return _told(self._order(number), 201, Location=f"{self.url}/order/{number}")

    async def look(self, request: web.Request) -> web.Response:
        return _told(self._order(request.match_info["number"]))

    async def authorization(self, request: web.Request) -> web.Response:
        host = self.orders[int(request.match_info["number"])][0]
        state = "valid" if host in self.proved else "pending"
        found = {"type": "dns", "value": host}
        return _told({"identifier": found, "status": state, "challenges": [self._challenge(request)]})

    async def prove(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        host = self.orders[number][0]
        token = f"token-{number}-of-some-length"
        look = self._by_http if self.challenge == "http-01" else self._by_tls
        await look(host, token)
        self.proved.append(host)
        return _told(self._challenge(request))

    async def finalize(self, request: web.Request) -> web.Response:
        number = request.match_info["number"]
        (host,) = self.orders[int(number)]
        assert host in self.proved
        csr = x509.load_der_x509_csr(_bytes((await _payload(request))["csr"]))
        leaf = self._signed(x509.Name([]), csr.public_key(), host)
        self._certificates[number] = leaf.public_bytes(serialization.Encoding.PEM)
        return _told(self._order(number))

    async def certificate(self, request: web.Request) -> web.Response:
        answer = _told(None)
        answer.content_type = "application/pem-certificate-chain"
        answer.body = self._certificates[request.match_info["number"]]
        return answer

    def _order(self, number: str) -> dict[str, Any]:
        hosts = self.orders[int(number)]
        state = "pending" if hosts[0] not in self.proved else "valid" if number in self._certificates else "ready"
        return {
            "status": state,
            "identifiers": [{"type": "dns", "value": host} for host in hosts],
            "authorizations": [f"{self.url}/authorization/{number}"],
            "finalize": f"{self.url}/finalize/{number}",
            "certificate": f"{self.url}/certificate/{number}",
        }

    def _challenge(self, request: web.Request) -> dict[str, str]:
        number = request.match_info["number"]
        state = "valid" if self.orders[int(number)][0] in self.proved else "pending"
        return {
            "type": self.challenge,
            "url": f"{self.url}/prove/{number}",
            "token": f"token-{number}-of-some-length",
            "status": state,
        }

    async def _by_http(self, host: str, token: str) -> None:
        url = f"http://127.0.0.1:{self.port}/.well-known/acme-challenge/{token}"
        async with aiohttp.ClientSession() as http, http.get(url, headers={"Host": host}) as answer:
            assert await answer.text() == f"{token}.{self.thumbprint}", (answer.status, await answer.text())

    async def _by_tls(self, host: str, token: str) -> None:
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["acme-tls/1"])
        _, writer = await asyncio.open_connection("127.0.0.1", self.port, ssl=context, server_hostname=host)
        shown = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        proof = hashlib.sha256(f"{token}.{self.thumbprint}".encode()).digest()
        assert proof in shown, "RFC 8737: the digest stands in the certificate"

    def _signed(self, name: x509.Name, key: Any, host: str | None) -> x509.Certificate:  # noqa: ANN401 - any public key
        now = datetime.now(UTC)
        made = x509.CertificateBuilder(self._name, name, key, x509.random_serial_number(), now - DAY, now + 60 * DAY)
        made = made.add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        if host:
            made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=True)
        return made.sign(self._key, hashes.SHA256())


@asynccontextmanager
async def authority(challenge: str, port: int) -> AsyncIterator[Authority]:
    """An authority that listens on loopback, within a block."""
    one = Authority(challenge=challenge, port=port)
    app = web.Application()
    app.router.add_get("/directory", one.directory)
    app.router.add_get("/nonce", one.nonce)
    posts = {
        "account": one.account, "order": one.order, "order/{number}": one.look, "prove/{number}": one.prove,
        "authorization/{number}": one.authorization, "finalize/{number}": one.finalize,
        "certificate/{number}": one.certificate,
    }  # fmt: skip
    app.add_routes([web.post(f"/{path}", handler) for path, handler in posts.items()])
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    one.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield one
    finally:
        await runner.cleanup()


def _told(body: object, status: int = 200, **headers: str) -> web.Response:
    nonce = _coded(hashlib.sha256(repr(datetime.now(UTC)).encode()).digest())
    text = "" if body is None else json.dumps(body)
    kind = "application/json"
    return web.Response(text=text, status=status, content_type=kind, headers={"Replay-Nonce": nonce, **headers})


async def _payload(request: web.Request) -> Any:  # noqa: ANN401 - JSON
    return json.loads(_plain(json.loads(await request.text())["payload"]))


def _plain(text: str) -> str:
    return _bytes(text).decode()


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _coded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")

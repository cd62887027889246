"""The parts that tests of the sandbox play: an API client, a browser without scripts, a receiver of deliveries."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urljoin, urlsplit

import aiohttp
import jwt
import msgspec
from aiohttp import web

from nanoscale_box.sandbox import Sandbox
from nanoscale_box.sandbox.model import App, Installation
from nanoscale_box.sandbox.registering import new_keys

Data = Any  # JSON, as decoded

MANIFEST: dict[str, Data] = {
    "name": "nanoscale test",
    "url": "http://127.0.0.1:8787",
    "redirect_url": "http://127.0.0.1:8787/registered",
    "callback_urls": ["http://127.0.0.1:8787/callback"],
    "setup_url": "http://127.0.0.1:8787/setup",
    "public": False,
    "default_permissions": {"contents": "read", "metadata": "read", "repository_hooks": "write"},
    "default_events": ["push", "repository"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, read to its end."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Data:
        return msgspec.json.decode(self.text)

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the address this answer sends the browser to."""
        return dict(parse_qsl(urlsplit(self.headers["Location"]).query))


@dataclass(slots=True, kw_only=True)
class Client:
    """Calls the sandbox's API, pages and controls over real HTTP."""

    sandbox: Sandbox
    session: aiohttp.ClientSession

    async def call(self, method: str, path: str, token: str = "", **rest: Data) -> Reply:
        """A REST call as `token`; `path` is under /api/v3 unless it is a whole URL."""
        headers = {"User-Agent": "tests", **rest.pop("headers", {})}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        url = path if path.startswith("http") else self.sandbox.api_url + path
        return await self.fetch(method, url, headers=headers, **rest)

    async def control(self, method: str, path: str, data: Mapping[str, Any] | None = None) -> Reply:
        return await self.fetch(method, f"{self.sandbox.url}/_sandbox/{path}", json=data)

    async def fetch(self, method: str, url: str, **rest: Data) -> Reply:
        async with self.session.request(method, url, allow_redirects=False, **rest) as response:
            return Reply(status=response.status, headers=response.headers.copy(), text=await response.text())


def following(reply: Reply) -> str:
    """The address of the next page, or nothing."""
    for link in reply.headers.get("Link", "").split(", "):
        address, _, name = link.partition("; ")
        if name == 'rel="next"':
            return address.strip("<>")
    return ""


@cache
def shared_keys() -> tuple[str, str]:
    """One key pair for all Apps that need none of their own."""
    return new_keys()


def app_jwt(app: App, now: float, **changes: Data) -> str:
    claims = {"iat": int(now) - 60, "exp": int(now) + 540, "iss": app.client_id, **changes}
    return jwt.encode({key: value for key, value in claims.items() if value is not None}, app.private_pem, "RS256")


def basic(user: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def s256(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


async def installation_token(client: Client, app: App, installation: Installation, **order: Data) -> str:
    token = app_jwt(app, client.sandbox.clock.now().timestamp())
    reply = await client.call("POST", f"/app/installations/{installation.id}/access_tokens", token, json=order)
    assert reply.status == 201, reply.text
    return str(reply.json["token"])


@dataclass(slots=True, kw_only=True)
class Form:
    """A form on a page: where it goes and what it would send as it stands."""

    action: str
    name: str
    fields: dict[str, list[str]] = field(default_factory=dict)
    offered: dict[str, list[str]] = field(default_factory=dict)


class FormReader(HTMLParser):
    """Collects a page's forms."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(action=found["action"], name=found.get("id", "")))
        elif tag == "input" and self.forms:
            form, name, value = self.forms[-1], found.get("name", ""), found.get("value", "")
            form.offered.setdefault(name, []).append(value)
            if found.get("type") not in ("radio", "checkbox") or "checked" in found:
                form.fields.setdefault(name, []).append(value)


def forms_of(text: str) -> dict[str, Form]:
    reader = FormReader()
    reader.feed(text)
    return {form.name: form for form in reader.forms}


@dataclass(slots=True, kw_only=True)
class Walker:
    """A browser without scripts: opens pages, changes fields, sends forms. It follows no redirect by itself."""

    client: Client
    user: str = "ada"

    def _cookies(self) -> dict[str, str]:
        return {"Cookie": f"sandbox_user={self.user}"}

    async def open(self, path: str, **rest: Data) -> Reply:
        url = urljoin(self.client.sandbox.url, path)
        return await self.client.fetch("GET", url, headers=self._cookies(), **rest)

    async def post(self, path: str, data: Mapping[str, str]) -> Reply:
        """What a form on another site's page would do."""
        url = urljoin(self.client.sandbox.url, path)
        return await self.client.fetch("POST", url, headers=self._cookies(), data=data)

    async def send(self, page: Reply, form_name: str, /, **changes: str | list[str]) -> Reply:
        form = forms_of(page.text)[form_name]
        fields = form.fields | {key: [value] if isinstance(value, str) else value for key, value in changes.items()}
        pairs = [(key, value) for key, values in fields.items() for value in values]
        url = urljoin(self.client.sandbox.url, form.action)
        return await self.client.fetch("POST", url, headers=self._cookies(), data=aiohttp.FormData(pairs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A delivery as it arrived."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def event(self) -> str:
        return self.headers["X-GitHub-Event"]

    @property
    def payload(self) -> Data:
        if self.headers["Content-Type"].startswith("application/x-www-form-urlencoded"):
            return msgspec.json.decode(parse_qs(self.body.decode())["payload"][0])
        return msgspec.json.decode(self.body)

    def signed_with(self, secret: str) -> bool:
        wanted = "sha256=" + hmac.new(secret.encode(), self.body, hashlib.sha256).hexdigest()
        return self.headers.get("X-Hub-Signature-256") == wanted


@dataclass(slots=True, kw_only=True)
class Receiver:
    """A place hooks can point at. `answer` decides the status; the newest delivery is last."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], int] = lambda _: 202
    release: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, event: str) -> list[Received]:
        return [one for one in self.received if one.event == event]

    async def take(self, request: web.Request) -> web.Response:
        arrived = Received(headers=request.headers.copy(), body=await request.read())
        self.received.append(arrived)
        if request.path == "/slow":
            await self.release.wait()
        return web.Response(status=self.answer(arrived), text="noted")


@asynccontextmanager
async def receiver() -> AsyncIterator[Receiver]:
    found = Receiver()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_route("*", "/{tail:.*}", found.take)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield found
    finally:
        found.release.set()
        await runner.cleanup()

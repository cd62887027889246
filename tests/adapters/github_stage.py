"""A stage for the GitHub adapter: a server that answers from a script, and a time that passes only when one waits."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache

import aiohttp
from aiohttp import web
from aiohttp.test_utils import TestServer
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nanoscale_box.adapters.github import GithubApi
from nanoscale_box.core.github_model import App
from nanoscale_box.core.model import InstallationId, RepoId
from nanoscale_box.core.secret import Secret

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INSTALLATION = InstallationId(7)
REPO = RepoId(11)
SHA = "a" * 40
TOKEN = "ghs_" + "t" * 36


@dataclass(slots=True)
class Time:
    """Clock, monotonic clock and pause in one: whoever waits moves it on."""

    at: datetime = START
    passed: float = 0.0
    pauses: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        return self.passed

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.pass_by(seconds)

    def pass_by(self, seconds: float) -> None:
        self.passed += seconds
        self.at += timedelta(seconds=seconds)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived; `path` with its query and percent signs."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    at: float

    def json(self) -> dict[str, object]:
        found = json.loads(self.body)
        assert isinstance(found, dict)
        return found


Act = Callable[[web.Request], Awaitable[web.StreamResponse]]
Answer = web.Response | Act


@dataclass(slots=True)
class Stage:
    """Answers `METHOD /path` from lists; the last answer of a list stays."""

    time: Time
    url: str = ""
    github_ahead: timedelta = timedelta()
    seen: list[Seen] = field(default_factory=list)
    script: dict[str, list[Answer]] = field(default_factory=dict)

    def on(self, key: str, *answers: Answer) -> None:
        self.script[key] = list(answers)

    def asked(self, key: str) -> list[Seen]:
        return [one for one in self.seen if f"{one.method} {one.path}" == key]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.raw_path, headers, body, self.time.monotonic()))
        answers = self.script.get(f"{request.method} {request.raw_path}")
        if not answers:
            return ok({"message": "Not Found"}, status=404)
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if not isinstance(answer, web.Response):
            return await answer(request)
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async def date(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = format_datetime(self.time.at + self.github_ahead, usegmt=True)


def ok(data: object, status: int = 200, **headers: str) -> web.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return web.Response(body=json.dumps(data).encode(), status=status, content_type="application/json", headers=named)


def minted(token: str = TOKEN, at: datetime = START) -> web.Response:
    return ok({"token": token, "expires_at": (at + timedelta(hours=1)).isoformat(), "permissions": {}}, status=201)


def branch(name: str = "main", sha: str = SHA, message: str = "Say hello\n\nwarmly") -> dict[str, object]:
    return {"name": name, "commit": {"sha": sha, "commit": {"message": message, "author": {"name": "Ada"}}}}


def repository(number: int = REPO, private: bool = True) -> dict[str, object]:
    return {
        "id": number,
        "node_id": f"R_{number}",
        "name": f"secret-{number}",
        "full_name": f"ada/secret-{number}",
        "owner": {"login": "ada"},
        "private": private,
        "html_url": f"https://git.example/ada/secret-{number}",
        "clone_url": f"https://git.example/ada/secret-{number}.git",
        "default_branch": "main",
        "archived": False,
        "disabled": False,
    }


async def hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@cache
def private_pem(style: PrivateFormat = PrivateFormat.TraditionalOpenSSL) -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, style, NoEncryption()).decode()


def an_app(pem: str | None = None) -> App:
    return App(
        app_id="42",
        client_id="Iv1.abc",
        client_secret=Secret("client-secret-text"),
        private_key=Secret(pem or private_pem()),
        webhook_secret=Secret("hook-secret-text"),
    )


@asynccontextmanager
async def staged() -> AsyncIterator[tuple[Stage, GithubApi]]:
    """A stage and an adapter that plays on it; the API lies under a path, as with GitHub Enterprise Server."""
    time = Time()
    stage = Stage(time)
    door = web.Application(client_max_size=2**25)
    door.router.add_route("*", "/{tail:.*}", stage.answer)
    door.on_response_prepare.append(stage.date)
    server = TestServer(door)
    await server.start_server()
    stage.url = str(server.make_url("/")).rstrip("/")
    stage.on(f"POST /api/v3/app/installations/{INSTALLATION}/access_tokens", minted())
    async with aiohttp.ClientSession() as session:
        api = GithubApi(
            stage.url,
            f"{stage.url}/api/v3",
            session,
            time,
            pause=time.pause,
            monotonic=time.monotonic,
            jitter=lambda: 0.5,
        )
        yield stage, api
    await server.close()
